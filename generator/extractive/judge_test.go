package extractive

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/linear"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/reflection"
)

const bridges = "The bridge of Arlen was opened in 1932 by Maria Holt. It is painted grey every ten years. " +
	"The older ferry at Norwick carried 40 passengers until Peter Lund sold it in 1950."

func TestSupportOfTexts(t *testing.T) {
	m := New()
	for name, tt := range map[string]struct {
		text string
		want reflection.Token
	}{
		"clean":                     {"The bridge of Arlen was opened in 1932 by Maria Holt.", reflection.FullySupported},
		"two sentences":             {"The bridge of Arlen was opened in 1932 by Maria Holt. It is painted grey every ten years.", reflection.FullySupported},
		"foreign number":            {"The bridge of Arlen was opened in 1871 by Maria Holt.", reflection.NoSupport},
		"number from the passage":   {"The bridge of Arlen was opened in 1950 by Maria Holt.", reflection.NoSupport},
		"foreign name":              {"The bridge of Arlen was opened in 1932 by Maria Stone.", reflection.NoSupport},
		"name from the passage":     {"The bridge of Norwick was opened in 1932 by Maria Holt.", reflection.NoSupport},
		"negated":                   {"The bridge of Arlen was not opened in 1932 by Maria Holt.", reflection.NoSupport},
		"another text":              {"Cheese is made from milk in many countries.", reflection.NoSupport},
		"opens with a pronoun":      {"It is painted grey every ten years.", reflection.PartiallySupported},
		"cut at its end":            {"The older ferry at Norwick carried 40", reflection.PartiallySupported},
		"spliced of two":            {"The bridge of Arlen was opened until Peter Lund sold it in 1950.", reflection.PartiallySupported},
		"other case, other spacing": {"The  Bridge of Arlen was opened in 1932 by Maria Holt.", reflection.FullySupported},
	} {
		d := m.Support(bridges, tt.text)
		best := reflection.FullySupported
		for _, token := range reflection.IsSUP.Tokens() {
			if d.Prob(token).Log > d.Prob(best).Log {
				best = token
			}
		}
		if best != tt.want {
			t.Errorf("%s: %v, want %v", name, best, tt.want)
		}
	}
	for _, text := range []string{"", " ", "…", "\xff"} {
		sum := 0.0
		for _, token := range reflection.IsSUP.Tokens() {
			p := m.Support("", text).Prob(token)
			sum += math.Exp(p.Log)
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("the distribution of %q sums to %v", text, sum)
		}
	}
}

// The same in other languages. Only some have capitals and spaces.
func TestSupportInOtherLanguages(t *testing.T) {
	m := New()
	for _, tt := range []struct {
		passage, text string
		want          reflection.Token
	}{
		{chineseBridges, "大桥于1932年由市长开通。", reflection.FullySupported},
		{chineseBridges, "大桥于1950年由市长开通。", reflection.NoSupport},
		{chineseBridges, "大桥于1932年由国王开通。", reflection.NoSupport},
		{chineseBridges, "这座桥不是灰色的。", reflection.NoSupport},
		{chineseBridges, "渡轮每天运送", reflection.PartiallySupported},
		{germanBridges, "Die Brücke wurde 1932 vom Bürgermeister eröffnet.", reflection.FullySupported},
		{germanBridges, "Die Brücke wurde 1950 vom Bürgermeister eröffnet.", reflection.NoSupport},
		{germanBridges, "Die Brücke ist nicht grau.", reflection.NoSupport},
	} {
		d := m.Support(tt.passage, tt.text)
		best := reflection.FullySupported
		for _, token := range reflection.IsSUP.Tokens() {
			if d.Prob(token).Log > d.Prob(best).Log {
				best = token
			}
		}
		if best != tt.want {
			t.Errorf("%q: %v, want %v", tt.text, best, tt.want)
		}
	}
}

const (
	chineseBridges = "大桥于1932年由市长开通。这座桥是灰色的。渡轮每天运送四十名乘客过河。"
	germanBridges  = "Die Brücke wurde 1932 vom Bürgermeister eröffnet. Die Brücke ist grau. Die Fähre brachte jeden Tag 40 Gäste über den Fluss."
)

// Answers are found in other languages as well, by words, numbers and names.
func TestAnswersInOtherLanguages(t *testing.T) {
	for _, tt := range []struct{ question, passage, want string }{
		{"大桥是什么时候开通的？", chineseBridges, "大桥于1932年由市长开通。"},
		{"渡轮每天运送多少乘客？", chineseBridges, "渡轮每天运送四十名乘客过河。"},
		{"桥是什么颜色？", chineseBridges, "这座桥是灰色的。"},
		{"Wann wurde die Brücke eröffnet?", germanBridges, "Die Brücke wurde 1932 vom Bürgermeister eröffnet."},
		{"Wie viele Gäste brachte die Fähre über den Fluss?", germanBridges, "Die Fähre brachte jeden Tag 40 Gäste über den Fluss."},
	} {
		if c := complete(t, about(tt.question, tt.passage)); c.Text() != tt.want {
			t.Errorf("%q: %q, want %q", tt.question, c.Text(), tt.want)
		}
	}
}

// With the threshold for abstention, ordinary questions are answered by a passage
// with the answer, and not by another.
func TestAbstainBelow(t *testing.T) {
	const (
		shop    = "Our opening hours are nine to six, Monday to Friday. To stop the machine, press the red button. The warranty lasts two years."
		chinese = "我们每周一到周五营业，时间为上午九点到下午六点。要停止机器，请按红色按钮。保修期为两年。"
	)
	for _, tt := range []struct {
		question, passage string
		answers           bool
	}{
		{"How do I stop the machine?", shop, true},
		{"What are your opening hours?", shop, true},
		{"How long is the warranty?", shop, true},
		{"Do you ship to Brazil?", shop, false},
		{"怎么停止机器？", chinese, true},
		{"你们的营业时间是什么？", chinese, true},
		{"保修多久？", chinese, true},
		{"你们发货到巴西吗？", chinese, false},
	} {
		d, err := New().GroupProbs(t.Context(), about(tt.question, tt.passage), nil, reflection.IsREL)
		if err != nil {
			t.Fatal(err)
		}
		if p := math.Exp(d.Prob(reflection.Relevant).Log); (p >= AbstainBelow) != tt.answers {
			t.Errorf("%q: P([Relevant]) is %v", tt.question, p)
		}
	}
}

// TestSupportOfAQuoteIsThatOfItsText compares the model's support of a quotation
// with the comparison of the same text with the passage.
func TestSupportOfAQuoteIsThatOfItsText(t *testing.T) {
	m := New()
	passage := bridges + " the end is cut"
	for _, span := range sentence.Split(passage) {
		text := span.Of(passage)
		got, err := m.GroupProbs(t.Context(), about("when was the bridge opened", passage), []generator.Step{{Token: reflection.Relevant}, {Text: text}}, reflection.IsSUP)
		if err != nil {
			t.Fatal(err)
		}
		want := m.Support(passage, text)
		for _, token := range reflection.IsSUP.Tokens() {
			if a, b := math.Exp(got.Prob(token).Log), math.Exp(want.Prob(token).Log); math.Abs(a-b) > 1e-3 {
				t.Errorf("%q: %v is %v in the tree, %v by comparison", text, token, a, b)
			}
		}
	}
}

// TestLengthAloneDoesNotHelp makes each sentence in turn twice as long with words
// unrelated to the question.
func TestLengthAloneDoesNotHelp(t *testing.T) {
	const filler = " while slow clouds moved over quiet fields and soft rain fell on green hills"
	for _, question := range []string{"when was the bridge opened", "who sold the ferry", "how many passengers did the ferry carry", "why is the bridge grey"} {
		probability := func(passage string, n int) float64 {
			w, _, err := New().openWorld(t.Context(), about(question, passage))
			if err != nil {
				t.Fatal(err)
			}
			all, x := w.nothing, 0.0
			for _, q := range w.quotes {
				all += q.weight
				if q.place == n {
					x = q.weight
				}
			}
			return x / all
		}
		spans := sentence.Split(bridges)
		for n, span := range spans {
			end := span.End - 1
			longer := bridges[:end] + filler + bridges[end:]
			if before, after := probability(bridges, n), probability(longer, n); after > before*(1+1e-9) {
				t.Errorf("%s: sentence %d goes from %v to %v when it is made longer", question, n, before, after)
			}
		}
	}
}

func TestPreference(t *testing.T) {
	m := New()
	passage := generator.Evidence{Text: bridges}
	get := func(answers ...string) float64 {
		x, err := m.Preference(t.Context(), "when was the bridge opened", passage, answers...)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	// All three sentences hold an e: what is left is p([Relevant]).
	d, err := m.GroupProbs(t.Context(), about("when was the bridge opened", bridges), nil, reflection.IsREL)
	if err != nil {
		t.Fatal(err)
	}
	relevant, _ := d.Prob(reflection.Relevant).Value()
	if got := math.Exp(get("E")); math.Abs(got-relevant) > 1e-6 {
		t.Errorf("all sentences: %v, want p([Relevant]) = %v", got, relevant)
	}
	if a, b, c := get("1932"), get("1950"), get("1932", "1950"); a <= b || math.Abs(math.Exp(c)-math.Exp(a)-math.Exp(b)) > 1e-12 {
		t.Errorf("right %v, wrong %v, either %v", a, b, c)
	}
	if got := get("nowhere", ""); got != math.Log(PreferenceFloor) {
		t.Errorf("no sentence: %v, want the floor", got)
	}
}

func TestLoad(t *testing.T) {
	m, err := Load(bytes.NewReader(embedded))
	if err != nil {
		t.Fatal(err)
	}
	req := about("when was the bridge opened", bridges)
	a, err := generator.Complete(t.Context(), m, req)
	if err != nil {
		t.Fatal(err)
	}
	if b := complete(t, req); a.Text() != b.Text() {
		t.Errorf("loaded quotes %q, embedded %q", a.Text(), b.Text())
	}
	for want, text := range map[error]string{
		linear.ErrTruncated: string(embedded[:len(embedded)/2]),
		linear.ErrAltered:   strings.Replace(string(embedded), `"seed":"1"`, `"seed":"2"`, 1),
		linear.ErrNewer:     strings.Replace(string(embedded), `"version":1`, `"version":99`, 1),
		linear.ErrFormat:    "",
	} {
		if _, err := Load(strings.NewReader(text)); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	f, err := linear.Read(bytes.NewReader(embedded))
	if err != nil {
		t.Fatal(err)
	}
	delete(f.Models, "follow")
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(&b); !errors.Is(err, linear.ErrContent) || !strings.Contains(err.Error(), "follow") {
		t.Errorf("without a model: %v", err)
	}
}
