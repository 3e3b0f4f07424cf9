package judge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
)

// top makes alternatives of texts and probabilities, in the order given.
func top(pairs ...any) []generator.Alternative {
	var list []generator.Alternative
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, generator.Alternative{Text: pairs[i].(string), Prob: reflection.ExactValue(pairs[i+1].(float64))})
	}
	return list
}

func TestSpellings(t *testing.T) {
	for token, want := range map[string]int{
		"A": 0, " A": 0, "a": 0, "**A": 0, "A)": 0, "(a)": 0, "A.": 0, "\nA": 0, "「Ａ」": 0, "▁B": 1, "b": 1, "C\n": 2,
		"": -1, " ": -1, "AB": -1, "An": -1, "A B": -1, "Ä": -1, "А": -1 /* Cyrillic */, "D": -1, "1": -1, "A1": -1,
	} {
		if got := supportLabels.find(token); got != want {
			t.Errorf("%q is label %d: want %d", token, got, want)
		}
	}
	for token, want := range map[string]int{"1": 0, " 5": 4, "５": 4, "4.": 3, "4/": 3, "4/5": -1, "0": -1, "6": -1, "10": -1, "55": -1} {
		if got := utilityLabels.find(token); got != want {
			t.Errorf("%q is label %d: want %d", token, got, want)
		}
	}
}

func TestReadTopTokens(t *testing.T) {
	exact := func(p float64) reflection.Prob { return reflection.ExactValue(p) }
	most := func(p float64) reflection.Prob { return reflection.AtMostLog(math.Log(p)) }
	for _, c := range []struct {
		name  string
		top   []generator.Alternative
		want  []reflection.Prob // fully, partially, no support; nil if it is no answer
		token reflection.Token
	}{
		{"one spelling each", top("A", 0.5, "B", 0.25, "C", 0.125), []reflection.Prob{exact(0.5), exact(0.25), exact(0.125)}, reflection.FullySupported},
		{"spellings are summed", top("C", 0.4, "A", 0.25, " a", 0.125, "A)", 0.125, "B", 0.05), []reflection.Prob{exact(0.5), exact(0.05), exact(0.4)}, reflection.FullySupported},
		{"below the top N is a bound", top("B", 0.75, "A", 0.125, "The", 0.0625), []reflection.Prob{exact(0.125), exact(0.75), most(0.0625)}, reflection.PartiallySupported},
		{"all of it listed", top("B", 1.0), []reflection.Prob{most(rounding), exact(1), most(rounding)}, reflection.PartiallySupported},
		{"more than all of it", top("B", 0.75, "A", 0.2500001), []reflection.Prob{exact(0.2500001), exact(0.75), most(rounding)}, reflection.PartiallySupported},
		{"a listed token of no probability", top("B", 1.0, "A", 0.0), []reflection.Prob{most(rounding), exact(1), most(rounding)}, reflection.PartiallySupported},
		{"half of it is just enough", top("The", 0.5, "A", 0.5), []reflection.Prob{exact(0.5), most(rounding), most(rounding)}, reflection.FullySupported},
		{"something else was answered", top("The", 0.6, "A", 0.4), nil, reflection.None},
		{"nothing known", nil, nil, reflection.None},
		{"no number", []generator.Alternative{{Text: "A"}, {Text: "B", Prob: reflection.AtMostLog(0)}}, nil, reflection.None},
		{"control tokens and the end are no labels", []generator.Alternative{{Token: reflection.FullySupported, Prob: exact(0.5)}, {End: true, Prob: exact(0.5)}}, nil, reflection.None},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, token, ok := supportLabels.distribution(c.top)
			if ok != (c.want != nil) || token != c.token {
				t.Fatalf("%v %v %v", d, token, ok)
			}
			for i, w := range c.want {
				if g := d.Probs[i]; g.Known != w.Known || math.Abs(g.Log-w.Log) > 1e-9 {
					t.Errorf("%v: %+v, want %+v", reflection.IsSUP.Tokens()[i], g, w)
				}
			}
			if err := d.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A vocabulary in which everything is known is the reference. For any short list of
// top tokens, no bound may exclude the true value, and an exact label may lack at
// most what the list leaves out.
func TestReadAgainstTheWholeVocabulary(t *testing.T) {
	words := []string{"A", " A", "a", "A.", "**A", "B", " B", "b", "(B", "C", " C", "c", "C)", "The", " It", "\n", "No", "Full", "AB", "D", "1", "…"}
	answers, bounded := 0, 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 7))
		var all []generator.Alternative
		sum := 0.0
		weights := make([]float64, len(words))
		for i := range words {
			weights[i] = math.Exp(6 * r.NormFloat64())
			sum += weights[i]
		}
		truth := map[string]float64{}
		for i, w := range words {
			p := weights[i] / sum
			all = append(all, top(w, p)...)
			switch strings.ToUpper(strings.Trim(w, " .*()")) {
			case "A", "B", "C":
				truth[strings.ToUpper(strings.Trim(w, " .*()"))] += p
			}
		}
		slices.SortStableFunc(all, func(a, b generator.Alternative) int {
			return -compare(a.Prob.Log, b.Prob.Log)
		})
		n := 1 + r.IntN(len(all))
		rest := 0.0
		for _, a := range all[n:] {
			p, _ := a.Prob.Value()
			rest += p
		}
		d, _, ok := supportLabels.distribution(all[:n])
		if !ok {
			continue
		}
		answers++
		for i, name := range []string{"A", "B", "C"} {
			p, exact := d.Probs[i].Value()
			switch {
			case exact && !(truth[name] >= p-1e-12 && truth[name] <= p+rest+1e-12):
				t.Fatalf("seed %d: label %s has %v, the truth is %v and %v was not listed", seed, name, p, truth[name], rest)
			case !exact && truth[name] > p+1e-12:
				t.Fatalf("seed %d: label %s is at most %v, the truth is %v", seed, name, p, truth[name])
			case !exact:
				bounded++
			}
		}
		if n == len(all) { // nothing was left out: the score is the true one
			s := scoring.DefaultConfig().Support(reflection.Judged(d, reflection.None, reflection.PromptedProbs))
			want := (truth["A"] + truth["B"]/2) / (truth["A"] + truth["B"] + truth["C"])
			if math.Abs(s.Value-want) > 1e-9 {
				t.Fatalf("seed %d: support %v, want %v", seed, s.Value, want)
			}
		}
	}
	if answers < 500 || bounded < 100 {
		t.Fatalf("only %d answers and %d bounds were looked at", answers, bounded)
	}
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func TestParse(t *testing.T) {
	segment := []field{supportField, utilityField}
	both := []reflection.Token{reflection.PartiallySupported, reflection.Utility4}
	for _, c := range []struct {
		name, reply string
		want        []reflection.Token // nil if it is refused
	}{
		{"plain", `{"support": "partial", "utility": 4}`, both},
		{"order and space", "\n {\n\"utility\":4 ,\"support\":\"partial\"\n}\n", both},
		{"code fence", "```json\n{\"support\": \"partial\", \"utility\": 4}\n```", both},
		{"code fence without a language", "```\n{\"support\": \"partial\", \"utility\": 4}```", both},
		{"escapes", `{"s\u0075pport": "p\u0061rtial", "utility": 4}`, both},
		{"prose before", `Sure! {"support": "partial", "utility": 4}`, nil},
		{"prose behind", `{"support": "partial", "utility": 4} I hope this helps.`, nil},
		{"two objects", `{"support": "partial", "utility": 4}{"support": "full", "utility": 5}`, nil},
		{"open fence", "```json\n{\"support\": \"partial\", \"utility\": 4}", nil},
		{"cut off", `{"support": "partial", "utility": 4`, nil},
		{"cut off in a string", `{"support": "par`, nil},
		{"array", `["partial", 4]`, nil},
		{"array around", `[{"support": "partial", "utility": 4}]`, nil},
		{"null", `null`, nil},
		{"empty", ``, nil},
		{"missing field", `{"support": "partial"}`, nil},
		{"other field", `{"support": "partial", "utility": 4, "reason": "x"}`, nil},
		{"twice", `{"support": "partial", "utility": 4, "utility": 5}`, nil},
		{"case of the key", `{"Support": "partial", "utility": 4}`, nil},
		{"case of the label", `{"support": "Partial", "utility": 4}`, nil},
		{"no label", `{"support": "mostly", "utility": 4}`, nil},
		{"number as a string", `{"support": "partial", "utility": "4"}`, nil},
		{"not whole", `{"support": "partial", "utility": 4.0}`, nil},
		{"out of range", `{"support": "partial", "utility": 6}`, nil},
		{"null value", `{"support": null, "utility": 4}`, nil},
		{"nested", `{"support": {"support": "partial"}, "utility": 4}`, nil},
		{"control token", `[Partially supported][Utility:4]`, nil},
		{"control token as the label", `{"support": "[Partially supported]", "utility": 4}`, nil},
		{"comma at the end", `{"support": "partial", "utility": 4,}`, nil},
		{"not UTF-8", "{\"support\": \"partial\xff\", \"utility\": 4}", nil},
		{"long", `{"support": "partial", "utility": 4}` + strings.Repeat(" ", maxReply), nil},
		{"deep", strings.Repeat("[", maxReply), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parse(c.reply, segment)
			if c.want == nil {
				if err == nil {
					t.Fatalf("it was read as %v", got)
				}
				return
			}
			if err != nil || got["support"] != c.want[0] || got["utility"] != c.want[1] {
				t.Fatalf("%v, %v: want %v", got, err, c.want)
			}
		})
	}
}

// Replies that are not only the object, but clear.
func TestRead(t *testing.T) {
	segment := []field{supportField, utilityField}
	for reply, want := range map[string]string{
		`Sure! {"support": "partial", "utility": 4} Hope that helps`:                                "44",
		"Here it is:\n```json\n{\"support\": \"partial\", \"utility\": 4}\n```\nDone.":              "44",
		"```json\n{\"support\": \"partial\", \"utility\": 4}":                                       "44",
		`{"support": "partial", "utility": 4, "reason": {"a": [1, "}"]}}`:                           "44",
		`{"Support": " Partial", "UTILITY": "4"}`:                                                   "44",
		`{"support": "B", "utility": 4.0}`:                                                          "44",
		`[{"support": "b", "utility": 4}]`:                                                          "44",
		`{"result": {"support": "partial", "utility": 4}}`:                                          "44",
		`{"support": "partial", "utility": 4} {"utility": 4, "support": "partial"}`:                 "44",
		`{"support": "partial", "utility": 4, "utility": 4}`:                                        "44",
		`Of {full, partial, none} I take {"support": "partial", "utility": 4}.`:                     "44",
		`{"support": "full or partial", "utility": "1 to 5"}: {"support": "partial", "utility": 4}`: "44",

		`{"support": "partial", "utility": 4} or {"support": "full", "utility": 4}`: "",
		`{"support": "partial", "utility": 4, "utility": 5}`:                        "",
		`{"support": "partial"} {"utility": 4}`:                                     "",
		`{"support": "mostly", "utility": 4}`:                                       "",
		`{"support": "partial", "utility": 4.5}`:                                    "",
		`{"support": "partial", "utility": 6}`:                                      "",
		`{"support": ["partial"], "utility": 4}`:                                    "",
		`{"support": "partial", "utility": 4`:                                       "",
		`support: partial, utility: 4`:                                              "",
		strings.Repeat("{", maxReply):                                               "",
		strings.Repeat(`{"a":`, maxReply/5):                                         "",
		`{"support": "partial", "utility": 4}` + strings.Repeat(" x", maxReply):     "",
	} {
		found, deviates, err := readReply(reply, segment)
		got := ""
		if err == nil {
			got = fmt.Sprint(int(found["utility"]-reflection.Utility1)+1) + "4"
			if found["support"] != reflection.PartiallySupported || !deviates {
				got = fmt.Sprint(found, deviates)
			}
		}
		if got != want {
			t.Errorf("%.200s: %q, %v: want %q", reply, got, err, want)
		}
	}
	if found, deviates, err := readReply(`Sure! {"relevance":"A"} Hope that helps`, []field{relevanceField}); err != nil || !deviates || found["relevance"] != reflection.Relevant {
		t.Errorf("%v, %t, %v", found, deviates, err)
	}
	if found, deviates, err := readReply(`{"relevance":"irrelevant"}`, []field{relevanceField}); err != nil || deviates || found["relevance"] != reflection.Irrelevant {
		t.Errorf("%v, %t, %v", found, deviates, err)
	}
}

// FuzzRead checks that read gives the same as parse, and that surrounding text
// without braces does not matter.
func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"support": "partial", "utility": 4}`, `x {"support":"A","utility":"4","z":[{}]} y`, `{"support":{"support":"full","utility":1}}`} {
		f.Add(s)
	}
	fields := []field{supportField, utilityField}
	f.Fuzz(func(t *testing.T, reply string) {
		got, _, err := readReply(reply, fields)
		if want, strict := parse(reply, fields); strict == nil && (err != nil || !maps.Equal(got, want)) {
			t.Fatalf("%q: %v, %v", reply, got, err)
		}
		if err == nil && len(got) != 2 {
			t.Fatalf("%q: %v", reply, got)
		}
		if again, _, err2 := readReply("So: "+reply+" That is all.", fields); err == nil && len(reply) < maxReply-50 && (err2 != nil || !maps.Equal(got, again)) {
			t.Fatalf("%q: %v, but %v with words around, %v", reply, got, again, err2)
		}
	})
}

// FuzzParse compares the parser with another one, in which encoding/json fills a
// map and the keys in the text are counted by hand.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"support": "partial", "utility": 4}`, "```json\n{\"utility\":1,\"support\":\"none\"}\n```", `{"support":"full","support":"full","utility":2}`,
		`{"utility":"4","support":"full"}`, `{"support":"full","utility":4}x`, `[]`, `{`, `{"a":{"b":[]}}`, `{"support":"full","utility":1e0}`,
	} {
		f.Add(s)
	}
	fields := []field{supportField, utilityField}
	f.Fuzz(func(t *testing.T, reply string) {
		got, err := parse(reply, fields)
		want, ok := slowParse(reply)
		if (err == nil) != ok || ok && !maps.Equal(got, want) {
			t.Fatalf("%q: %v, %v, but the slow parser says %v, %v", reply, got, err, want, ok)
		}
	})
}

func slowParse(reply string) (map[string]reflection.Token, bool) {
	if len(reply) > maxReply || strings.ToValidUTF8(reply, "") != reply {
		return nil, false
	}
	body := []byte(unfence(reply))
	var m map[string]json.RawMessage
	if json.Unmarshal(body, &m) != nil || len(m) != 2 || m["support"] == nil || m["utility"] == nil {
		return nil, false
	}
	var compact bytes.Buffer
	if json.Compact(&compact, body) != nil {
		return nil, false
	}
	var support string
	if m["support"][0] != '"' || json.Unmarshal(m["support"], &support) != nil {
		return nil, false
	}
	out := map[string]reflection.Token{}
	for name, token := range map[string]reflection.Token{"full": reflection.FullySupported, "partial": reflection.PartiallySupported, "none": reflection.NoSupport} {
		if support == name {
			out["support"] = token
		}
	}
	for i, u := range []reflection.Token{reflection.Utility1, reflection.Utility2, reflection.Utility3, reflection.Utility4, reflection.Utility5} {
		if string(m["utility"]) == string(rune('1'+i)) {
			out["utility"] = u
		}
	}
	// Two members have three strings between them, and one comma.
	if len(out) != 2 || strings.Count(compact.String(), `,`) != 1 {
		return nil, false
	}
	return out, true
}

// FuzzSpellings checks that a spelling consists of its label and no other letters
// or digits.
func FuzzSpellings(f *testing.F) {
	for _, s := range []string{"A", " b", "Ｃ", "**A**", "1.", "ⅰ", "A\x00", "\xff", "K", "ß"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		for _, ls := range []labels{relevanceLabels, supportLabels, utilityLabels, continueLabels} {
			i := ls.find(token)
			if i < 0 {
				continue
			}
			if strings.Count(strings.ToUpper(token), ls[i].name)+strings.Count(strings.ToUpper(token), string([]rune(ls[i].name)[0]-'!'+'！')) != 1 {
				t.Fatalf("%q is taken for %q", token, ls[i].name)
			}
		}
	})
}

func TestTemplatesAreChecked(t *testing.T) {
	model := &fixed{}
	other := generator.MustTaskTemplate("mine", "", "{{question}} {{passage}}")
	if _, err := New(model, Templates{Relevance: other, RelevanceJSON: other}); err != nil {
		t.Error(err)
	}
	for field, bad := range map[string]Templates{
		"Support":       {Support: other},
		"Utility":       {Utility: generator.MustTaskTemplate("mine", "", "{{question}}")},
		"RelevanceJSON": {RelevanceJSON: generator.MustTaskTemplate("mine", "", "{{question}} {{passage}} {{extra}}")},
		"Repair":        {Repair: other},
	} {
		if _, err := New(model, bad); err == nil || !strings.Contains(err.Error(), `template "mine" for `+field+" ") {
			t.Errorf("%s: %v", field, err)
		}
	}
	for name, m := range map[string]generator.Generator{"nil": nil, "nil pointer": (*fixed)(nil)} {
		if _, err := New(m, Templates{}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	j, err := New(model, Templates{Utility: generator.MustTaskTemplate("mine", "", "{{question}} {{answer}}")})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range j.Templates() {
		names = append(names, f.Name())
	}
	want := "judge-relevance judge-support mine judge-retrieve judge-continue judge-sentence judge-relevance-json judge-segment-json judge-utility-json judge-retrieve-json judge-continue-json judge-support-json judge-sentence-json judge-repair"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("templates %s", got)
	}
}

// fixed is a generator that is never asked.
type fixed struct{ generator.Generator }
