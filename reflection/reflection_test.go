package reflection_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/reflection"
)

// The literals and their order, typed in from the published vocabulary
// (ids 32000 to 32014 of the 7B model).
var published = []string{
	"[No Retrieval]", "[Retrieval]", "[Continue to Use Evidence]", "[Irrelevant]", "[Relevant]",
	"<paragraph>", "</paragraph>", "[Utility:1]", "[Utility:2]", "[Utility:3]", "[Utility:4]", "[Utility:5]",
	"[Fully supported]", "[Partially supported]", "[No support / Contradictory]",
}

func TestVocabulary(t *testing.T) {
	var got []string
	for i, tok := range reflection.Tokens() {
		got = append(got, tok.String())
		back, ok := reflection.ParseToken(published[i])
		if !ok || back != tok {
			t.Errorf("ParseToken(%q) = %v, %v", published[i], back, ok)
		}
	}
	if d := cmp.Diff(published, got); d != "" {
		t.Error(d)
	}
	for _, s := range []string{"", "[relevant]", "Relevant", " [Relevant]", "[No support/Contradictory]", "[Utility: 5]", "[Utility:6]"} {
		if tok, ok := reflection.ParseToken(s); ok {
			t.Errorf("ParseToken(%q) = %v", s, tok)
		}
	}
}

func TestGroups(t *testing.T) {
	want := map[string]string{
		"Retrieve": "[No Retrieval] [Retrieval] [Continue to Use Evidence]",
		"IsREL":    "[Irrelevant] [Relevant]",
		"IsSUP":    "[Fully supported] [Partially supported] [No support / Contradictory]",
		"IsUSE":    "[Utility:1] [Utility:2] [Utility:3] [Utility:4] [Utility:5]",
	}
	seen := 0
	for _, g := range reflection.Groups() {
		var names []string
		for _, tok := range g.Tokens() {
			names = append(names, tok.String())
			if tok.Group() != g {
				t.Errorf("%v is in %v, want %v", tok, tok.Group(), g)
			}
			seen++
		}
		if got := strings.Join(names, " "); got != want[g.String()] {
			t.Errorf("%v: %s, want %s", g, got, want[g.String()])
		}
		if g.Size() != len(names) {
			t.Errorf("%v: size %d", g, g.Size())
		}
	}
	if seen != 13 {
		t.Errorf("%d tokens in groups, want all but the two paragraph marks: 13", seen)
	}
	for _, tok := range []reflection.Token{reflection.None, reflection.ParagraphStart, reflection.ParagraphEnd, 200} {
		if tok.Group() != reflection.NoGroup {
			t.Errorf("%v is in %v", tok, tok.Group())
		}
	}
	if n := len(reflection.NoGroup.Tokens()) + len(reflection.Group(99).Tokens()); n != 0 {
		t.Errorf("groups that do not exist have %d tokens", n)
	}
}

func TestProbKnowledge(t *testing.T) {
	for _, c := range []struct {
		name  string
		p     reflection.Prob
		value float64
		exact bool
		json  string
		bad   bool
	}{
		{"zero value is unknown", reflection.Prob{}, 1, false, "null", false},
		{"exact", reflection.ExactLog(-1), math.Exp(-1), true, `{"log":-1}`, false},
		{"certain", reflection.ExactValue(1), 1, true, `{"log":0}`, false},
		{"impossible", reflection.ExactValue(0), 0, true, `{"zero":true}`, false},
		{"bounded", reflection.AtMostLog(-2), math.Exp(-2), false, `{"at_most":-2}`, false},
		{"rounded above one", reflection.ExactLog(1e-7), math.Exp(1e-7), true, `{"log":1e-7}`, false},
		{"NaN", reflection.ExactLog(math.NaN()), math.NaN(), true, "", true},
		{"plus infinity", reflection.ExactLog(math.Inf(1)), math.Inf(1), true, "", true},
		{"above one", reflection.AtMostLog(0.1), math.Exp(0.1), false, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, exact := c.p.Value()
			if exact != c.exact || v != c.value && !(math.IsNaN(v) && math.IsNaN(c.value)) {
				t.Errorf("Value() = %v, %v; want %v, %v", v, exact, c.value, c.exact)
			}
			if err := c.p.Check(); (err != nil) != c.bad {
				t.Errorf("Check() = %v", err)
			}
			if c.bad {
				return
			}
			b, err := json.Marshal(c.p)
			if err != nil || string(b) != c.json {
				t.Fatalf("JSON %s, %v; want %s", b, err, c.json)
			}
			back := reflection.ExactLog(-99)
			if err := json.Unmarshal(b, &back); err != nil || back != c.p {
				t.Errorf("read back %+v, %v", back, err)
			}
		})
	}
}

func TestProbNullIsNotCertain(t *testing.T) {
	// A float64 field would read null as log-probability 0: probability 1.
	p := reflection.ExactLog(-1)
	if err := json.Unmarshal([]byte("null"), &p); err != nil || p.Known != reflection.Unknown {
		t.Errorf("null became %+v, %v", p, err)
	}
	for _, s := range []string{"{}", "3", `{"log":1}`, `{"log":"x"}`, `[`} {
		if err := json.Unmarshal([]byte(s), &p); err == nil {
			t.Errorf("%s was accepted as %+v", s, p)
		}
	}
}

func TestDistribution(t *testing.T) {
	d := reflection.NewDistribution(reflection.IsSUP, 0.5, 0.25)
	if d.Exact() {
		t.Error("a distribution with an unknown member claims to be exact")
	}
	if p := d.Prob(reflection.NoSupport); p.Known != reflection.Unknown {
		t.Errorf("the missing member is %+v", p)
	}
	if d.Set(reflection.Relevant, reflection.ExactLog(0)) {
		t.Error("a token of another group was set")
	}
	if p := d.Prob(reflection.Relevant); p != (reflection.Prob{}) {
		t.Errorf("a token of another group has %+v", p)
	}
	if !d.Set(reflection.NoSupport, reflection.AtMostLog(-4)) || d.Exact() {
		t.Error("bounded is not exact")
	}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var back reflection.Distribution
	if err := json.Unmarshal(b, &back); err != nil || back != d {
		t.Errorf("%s read back as %+v, %v", b, back, err)
	}
	if err := json.Unmarshal([]byte(`{"group":"IsREL","probs":{"[Fully supported]":null}}`), &back); err == nil {
		t.Error("a token of another group was read")
	}
	bad := reflection.NewDistribution(reflection.IsREL, math.NaN(), 0.5)
	if err := bad.Check(); err == nil || !strings.Contains(err.Error(), "[Irrelevant]") {
		t.Errorf("Check() = %v, want an error that names the token", err)
	}
	if (reflection.Distribution{}).Exact() {
		t.Error("the zero distribution claims to be exact")
	}
	one := reflection.OneHot(reflection.Utility4)
	for _, tok := range reflection.IsUSE.Tokens() {
		v, exact := one.Prob(tok).Value()
		if want := map[bool]float64{true: 1, false: 0}[tok == reflection.Utility4]; v != want || !exact {
			t.Errorf("one-hot %v: %v, %v", tok, v, exact)
		}
	}
}

func TestCritiqueLevelIsTheLowest(t *testing.T) {
	judged := func(l reflection.Level) reflection.Judgment {
		return reflection.Judged(reflection.OneHot(reflection.Relevant), reflection.Relevant, l)
	}
	c := reflection.Critique{IsREL: judged(reflection.ExactIDs), IsSUP: judged(reflection.HardLabels), IsUSE: reflection.Judgment{Status: reflection.StatusAbsent, Level: reflection.Heuristic}}
	if l := c.Level(); l != reflection.HardLabels {
		t.Errorf("level %v: want that of the worst judgment made, absent ones aside", l)
	}
	if l := (reflection.Critique{}).Level(); l != reflection.LevelUnstated {
		t.Errorf("nothing judged: %v", l)
	}
}

func TestTextForms(t *testing.T) {
	type all struct {
		Token  reflection.Token
		Group  reflection.Group
		Level  reflection.Level
		Status reflection.Status
	}
	for tok := reflection.None; tok <= reflection.NoSupport; tok++ {
		in := all{tok, tok.Group(), reflection.Level(tok % 8), reflection.Status(tok % 4)}
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out all
		if err := json.Unmarshal(b, &out); err != nil || out != in {
			t.Errorf("%s read back as %+v, %v", b, out, err)
		}
	}
	for _, bad := range []string{`{"Token":"[relevant]"}`, `{"Group":"isrel"}`, `{"Level":"best"}`, `{"Status":"done"}`} {
		if err := json.Unmarshal([]byte(bad), new(all)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	for _, v := range []any{reflection.Token(99), reflection.Group(99)} {
		if b, err := json.Marshal(v); err == nil {
			t.Errorf("%T 99 was written as %s", v, b)
		}
	}
}

func TestNumbersWithoutANameAreNotWritten(t *testing.T) {
	for _, v := range []any{reflection.Level(99), reflection.Status(99)} {
		if b, err := json.Marshal(v); err == nil {
			t.Errorf("%T 99 was written as %s", v, b)
		}
	}
	for _, s := range []string{reflection.Level(99).String(), reflection.Status(99).String(), reflection.Token(99).String(), reflection.Group(99).String()} {
		if !strings.Contains(s, "99") {
			t.Errorf("a number without a name prints as %q", s)
		}
	}
}

func TestCritiqueCheck(t *testing.T) {
	rel := reflection.OneHot(reflection.Relevant)
	good := reflection.Critique{
		IsREL: reflection.Judged(rel, reflection.Relevant, reflection.ExactIDs),
		IsSUP: reflection.Judgment{Status: reflection.StatusAbsent},
	}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*reflection.Critique){
		"IsREL: token":           func(c *reflection.Critique) { c.IsREL.Token = reflection.Utility1 },
		"IsREL: the distr":       func(c *reflection.Critique) { c.IsREL.Dist = reflection.Distribution{} },
		"IsSUP: the distr":       func(c *reflection.Critique) { c.IsSUP.Dist = rel },
		"IsSUP: status":          func(c *reflection.Critique) { c.IsSUP.Status = 9 },
		"IsUSE: level":           func(c *reflection.Critique) { c.IsUSE.Level = 99 },
		"IsREL: [Irrelevant]":    func(c *reflection.Critique) { c.IsREL.Dist.Probs[0] = reflection.ExactLog(math.NaN()) },
		"IsREL: the distributio": func(c *reflection.Critique) { c.IsREL.Dist.Group = 77 },
	} {
		c := good
		edit(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (reflection.Distribution{Group: 77}).Check(); err == nil {
		t.Error("a group that does not exist passed")
	}
}
