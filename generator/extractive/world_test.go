package extractive

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

const channels = "A send statement sends a value on a channel. " +
	"Communication blocks until the send can proceed. " +
	"Sending to or closing a closed channel causes a run-time panic. " +
	"A send on a nil channel blocks forever. " +
	"Closing the nil channel also causes a run-time panic."

// about returns a request that asks about one passage.
func about(question, passage string) generator.Request {
	return generator.Request{
		Prompt:    generator.Prompt{Instruction: question, Evidence: []generator.Evidence{{Text: passage}}},
		MaxTokens: 1000,
		Watch:     reflection.Groups(),
	}
}

func complete(t *testing.T, req generator.Request) generator.Completion {
	t.Helper()
	c, err := generator.Complete(t.Context(), New(), req)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tokens returns the control tokens of a completion.
func tokens(c generator.Completion) []reflection.Token {
	var out []reflection.Token
	for _, s := range c.Steps {
		if s.Token != reflection.None {
			out = append(out, s.Token)
		}
	}
	return out
}

func TestQuotedSentence(t *testing.T) {
	for _, tt := range []struct{ name, question, passage, want string }{
		{"overlap", "What happens when you send on a closed channel?", channels, "Sending to or closing a closed channel causes a run-time panic."},
		{"other question, same passage", "What does a send on a nil channel do?", channels, "A send on a nil channel blocks forever."},
		{"a name for who", "who painted the ceiling",
			"The ceiling was painted in four years. It was painted by Michelangelo, the ceiling of the chapel.",
			"It was painted by Michelangelo, the ceiling of the chapel."},
		{"a year for when", "when was the bridge built", "The bridge was built by hand. The bridge was built in 1932.", "The bridge was built in 1932."},
		{"a number for how many", "how many towers has the castle", "The castle has great towers. The castle has nine towers.", "The castle has nine towers."},
		{"not the question itself", "where is the capital of France", "Where is the capital of France? The capital of France lies in Paris.", "The capital of France lies in Paris."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := complete(t, about(tt.question, tt.passage)).Text(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRelevance(t *testing.T) {
	question := "What happens when you send on a closed channel?"
	good := complete(t, about(question, channels))
	bad := complete(t, about(question, "The Baroque period began around 1600. Its painters used strong light."))
	if got, _ := good.First(reflection.IsREL); got != reflection.Relevant {
		t.Errorf("a passage with the answer is %v", got)
	}
	if got, _ := bad.First(reflection.IsREL); got != reflection.Irrelevant {
		t.Errorf("a foreign passage is %v", got)
	}
	if got, _ := bad.First(reflection.IsSUP); got != reflection.None {
		t.Errorf("an irrelevant segment has %v", got)
	}
	if bad.Text() == "" {
		t.Error("an irrelevant segment quotes nothing")
	}
	if got, _ := bad.First(reflection.IsUSE); got == reflection.None {
		t.Error("an irrelevant segment has no utility")
	}
}

// supportOf returns the distribution of IsSUP at its token.
func supportOf(t *testing.T, c generator.Completion) reflection.Distribution {
	t.Helper()
	_, i := c.First(reflection.IsSUP)
	if i < 0 {
		t.Fatalf("no IsSUP token in %q", c.Text())
	}
	d, _ := c.Steps[i].Group(reflection.IsSUP)
	return d
}

func TestSupportIgnoresTheQuestion(t *testing.T) {
	passage := "The bridge was built in 1932."
	var got []reflection.Distribution
	for _, question := range []string{"when was the bridge built", "when was it built", "is the bridge built of steel"} {
		req := about(question, passage)
		steps := []generator.Step{{Token: reflection.Relevant}, {Text: passage}}
		d, err := New().GroupProbs(t.Context(), req, steps, reflection.IsSUP)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d)
	}
	for _, d := range got[1:] {
		if diff := cmp.Diff(got[0], d); diff != "" {
			t.Errorf("another question changes IsSUP:\n%s", diff)
		}
	}
}

func TestSupportOfQuotes(t *testing.T) {
	full := func(passage string) float64 {
		p, _ := supportOf(t, complete(t, about("when was the bridge built", passage))).Prob(reflection.FullySupported).Value()
		return p
	}
	clean := full("The bridge was built in 1932.")
	if clean < 0.9 {
		t.Errorf("P(fully supported) of a clean quote is %v, want at least 0.9", clean)
	}
	for name, passage := range map[string]string{
		"pronoun":       "It was the bridge built in 1932.",
		"no full stop":  "The bridge was built in 1932",
		"no beginning":  "the bridge was built in 1932.",
		"ends in comma": "The bridge was built in 1932,",
	} {
		if p := full(passage); p >= clean {
			t.Errorf("%s: P(fully supported) is %v, want less than the %v of a clean quote", name, p, clean)
		}
	}
	if p := full(`“The bridge was built in 1932.”`); p != clean {
		t.Errorf("P(fully supported) in quotation marks is %v, want %v", p, clean)
	}
}

func TestUsedSentencesAreMasked(t *testing.T) {
	question := "What happens when you send on a closed channel?"
	left := map[string]bool{}
	for s := range strings.SplitSeq(strings.TrimSuffix(channels, "."), ". ") {
		left[s+"."] = true
	}
	req := about(question, channels)
	for len(left) > 0 {
		text := complete(t, req).Text()
		if !left[text] {
			t.Fatalf("quoted %q, which was said before or is not in the passages", text)
		}
		delete(left, text)
		req.Prompt.Path = append(req.Prompt.Path, generator.PathSegment{Text: " " + strings.ToUpper(text), Evidence: req.Prompt.Evidence})
	}

	c := complete(t, req)
	if got := tokens(c); !slices.Equal(got, []reflection.Token{reflection.Irrelevant}) || c.Text() != "" || c.Finish != generator.FinishEnd {
		t.Errorf("with every sentence used: %v, text %q, %v", got, c.Text(), c.Finish)
	}
	req.Prompt.Evidence, req.Prompt.Force = nil, reflection.ContinueEvidence
	c = complete(t, req)
	if got := tokens(c); len(got) != 1 || got[0].Group() != reflection.IsUSE || c.Text() != "" {
		t.Errorf("continued with every sentence used: %v, text %q", got, c.Text())
	}
}

// The sets of trigrams of 0…11 and of 0…10, 99 have 9 of 11 in common.
func TestJaccard(t *testing.T) {
	count := func(n int32) (out []int32) {
		for i := range n {
			out = append(out, i)
		}
		return out
	}
	a := count(12)
	b := append(count(11), 99)
	for _, tt := range []struct {
		name string
		a, b []int32
		want float64
	}{
		{"equal", a, a, 1},
		{"last differs", a, b, 9.0 / 11},
		{"prefix", a, count(11), 9.0 / 10},
		{"repeated trigrams count once", []int32{1, 1, 1, 1, 1}, []int32{1, 1, 1}, 1},
		{"disjoint", count(5), []int32{9, 9, 9}, 0},
		{"too short", count(2), count(2), 0},
		{"one too short", count(2), a, 0},
		{"empty", nil, nil, 0},
	} {
		a, b := trigramsOf(tt.a), trigramsOf(tt.b)
		if got := jaccard(a, b); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if got := jaccard(b, a); got != tt.want {
			t.Errorf("%s, swapped: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRetrievalDecision(t *testing.T) {
	for _, tt := range []struct {
		question, input string
		want            reflection.Token
	}{
		{"What happens when you send on a closed channel?", "", reflection.Retrieval},
		{"who got the first nobel prize in physics", "", reflection.Retrieval},
		{"the height of Mount Everest", "", reflection.Retrieval},
		{generator.ASQA.Text, "Who wrote Hamlet?", reflection.Retrieval},
		{generator.ELI5.Text, "Why is the sky blue?", reflection.Retrieval},
		{generator.PubHealth.Text, "Tea contains more caffeine than coffee.", reflection.Retrieval},
		{generator.ARC.Text, "Which factor causes fever?\nA: a muscle\nB: a virus\nC: a bone\nD: sugar", reflection.Retrieval},
		{generator.TREX.Text, "Nepal [SEP] capital", reflection.Retrieval},
		{generator.WoW.Text, "I love cats. Do you have any?", reflection.Retrieval},
		{"How do I stop the machine?", "", reflection.Retrieval},
		{"Do you ship to Brazil?", "", reflection.Retrieval},
		{"Can I return a product?", "", reflection.Retrieval},
		{"pump reset", "", reflection.Retrieval},
		{"Write a poem about rain", "", reflection.Retrieval},
		{"怎么停止机器？", "", reflection.Retrieval},
		{"营业时间", "", reflection.Retrieval},
		{"Rewrite: the cat that was on the mat sat there", "", reflection.NoRetrieval},
		{"Summarise the following text.", "The cat sat on the mat. The dog did not.", reflection.NoRetrieval},
		{`In the text "Ann met Bob at noon in the park", who met Bob?`, "", reflection.NoRetrieval},
		{"把下面的句子翻译成英语：图书馆周日不开门。", "", reflection.NoRetrieval},
		{"Alice has a cat. Bob has a dog. Who has a dog?", "", reflection.NoRetrieval},
	} {
		c := complete(t, generator.Request{Prompt: generator.Prompt{Instruction: tt.question, Input: tt.input}, MaxTokens: 500})
		if got, at := c.First(reflection.Retrieve); got != tt.want || at != 0 {
			t.Errorf("%q %q: %v at %d, want %v first", tt.question, tt.input, got, at, tt.want)
		}
	}
}

func TestNoRetrievalQuotesTheQuestion(t *testing.T) {
	for _, tt := range []struct{ question, want string }{
		{"Alice has a cat. Bob has a dog. Who has a dog?", "Bob has a dog."},
		{`In the text "Ann met Bob at noon. Carl left early.", who left early?`, "Carl left early."},
		{"Which city is named in this sentence: Yesterday we drove from Oslo to the sea.", "Yesterday we drove from Oslo to the sea."},
		{"根据这段话“玛丽春天种了四十棵树。她秋天卖了十棵。”，玛丽种了多少棵树？", "玛丽春天种了四十棵树。"},
		{"Who wrote Hamlet?", Abstention},
	} {
		req := generator.Request{Prompt: generator.Prompt{Instruction: tt.question, Force: reflection.NoRetrieval}, MaxTokens: 500}
		c := complete(t, req)
		if c.Declined != (tt.want == Abstention) {
			t.Errorf("%q: declined is %v", tt.question, c.Declined)
		}
		if c.Text() != tt.want {
			t.Errorf("%q: %q, want %q", tt.question, c.Text(), tt.want)
		}
		got := tokens(c)
		if len(got) != 1 || got[0].Group() != reflection.IsUSE {
			t.Errorf("%q: control tokens %v, want one utility", tt.question, got)
		}
		if tt.want == Abstention && got[0] != reflection.Utility1 {
			t.Errorf("abstention has %v", got[0])
		}
	}
}

// TestAfterSegment checks how a long answer can continue, with and without an
// unused sentence and with and without something left to answer.
func TestAfterSegment(t *testing.T) {
	m := New()
	after := func(passage string, stop ...reflection.Token) (onwards, fetch, use float64) {
		req := about("when was the bridge built", passage)
		req.Stop = stop
		steps := []generator.Step{{Token: reflection.Relevant}, {Text: "The bridge was built in 1932."}, {Token: reflection.FullySupported}}
		d, err := m.Next(t.Context(), req, steps)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range d.Tokens {
			p, _ := a.Prob.Value()
			switch {
			case a.Token == reflection.ContinueEvidence:
				onwards = p
			case a.Token == reflection.Retrieval:
				fetch = p
			case a.Token.Group() == reflection.IsUSE:
				use += p
			}
		}
		return onwards, fetch, use
	}
	const one, two = "The bridge was built in 1932.", "The bridge was built in 1932. The bridge was built of steel."
	if onwards, fetch, use := after(two); onwards > off || fetch > off || use < 1-2*off {
		t.Errorf("short form: continue %v, retrieve %v, utility %v", onwards, fetch, use)
	}
	if onwards, fetch, use := after(one, reflection.Retrieval); onwards > off || fetch < 0.01 || use < 0.01 {
		t.Errorf("nothing unused: continue %v, retrieve %v, utility %v", onwards, fetch, use)
	}
	if onwards, fetch, use := after(two, reflection.Retrieval); onwards < 0.01 || fetch < 0.01 || use < 0.01 {
		t.Errorf("long form: continue %v, retrieve %v, utility %v", onwards, fetch, use)
	}
}

// TestDecisionAfterSegment checks the choice between segments: coverage by the path
// makes the end likelier, and the end adds a utility but no text.
func TestDecisionAfterSegment(t *testing.T) {
	m := New()
	decide := func(said string) map[reflection.Token]float64 {
		req := about("when was the bridge built", "The bridge was built in 1932. The bridge was built of steel.")
		req.Prompt.Path = []generator.PathSegment{{Text: said, Evidence: req.Prompt.Evidence}}
		req.Prompt.Evidence = nil
		d, err := m.GroupProbs(t.Context(), req, nil, reflection.Retrieve)
		if err != nil {
			t.Fatal(err)
		}
		out := map[reflection.Token]float64{}
		for _, token := range reflection.Retrieve.Tokens() {
			out[token], _ = d.Prob(token).Value()
		}
		steps := []generator.Step{{Token: reflection.NoRetrieval}}
		use, err := m.Next(t.Context(), req, steps)
		if err != nil {
			t.Fatal(err)
		}
		if use.Tokens[0].Token.Group() != reflection.IsUSE {
			t.Errorf("after %v: %+v is likeliest, want a utility", reflection.NoRetrieval, use.Tokens[0])
		}
		req.Prompt.Force = reflection.NoRetrieval
		forced, err := m.Next(t.Context(), req, nil)
		if err != nil {
			t.Fatal(err)
		}
		if forced.Tokens[0].Token != use.Tokens[0].Token {
			t.Errorf("forced: %+v is likeliest, chosen: %+v", forced.Tokens[0], use.Tokens[0])
		}
		return out
	}
	open, covered := decide("Steel is an alloy."), decide("The bridge was built in 1932.")
	if open[reflection.Retrieval] <= covered[reflection.Retrieval] || open[reflection.NoRetrieval] >= covered[reflection.NoRetrieval] {
		t.Errorf("nothing covered: %v; all covered: %v", open, covered)
	}
	if open[reflection.ContinueEvidence] < 0.01 {
		t.Errorf("with an unused sentence: %v", open)
	}
}

// TestBestOfTheOthers compares bestU with a search among the other sentences.
func TestBestOfTheOthers(t *testing.T) {
	for _, question := range []string{"when does a send block", "what happens when you send on a closed channel", "what blocks forever", "who"} {
		w, _, err := New().openWorld(t.Context(), about(question, channels))
		if err != nil {
			t.Fatal(err)
		}
		for i := -1; i < len(w.quotes); i++ {
			want := -1.0
			for k, q := range w.quotes {
				if k != i {
					want = max(want, q.u)
				}
			}
			if got := w.bestU(i); got != want {
				t.Errorf("%q: the best u but that of %d is %v, want %v", question, i, got, want)
			}
		}
	}
}
