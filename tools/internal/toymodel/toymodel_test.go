package toymodel

import (
	"bytes"
	cmp2 "cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/tools/internal/toymodel/oracle"
)

func written(t testing.TB, kind Kind) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, kind); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func loaded(t testing.TB) *oracle.Model {
	t.Helper()
	m, err := oracle.Load(written(t, UserDefined))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWriteGivesTheSameBytes(t *testing.T) {
	for _, kind := range []Kind{UserDefined, Control} {
		if !bytes.Equal(written(t, kind), written(t, kind)) {
			t.Errorf("kind %d: two files differ", kind)
		}
	}
}

// The file as another program reads it.
func TestFile(t *testing.T) {
	f, err := oracle.Read(written(t, UserDefined))
	if err != nil {
		t.Fatal(err)
	}
	const width, vocabulary = 192, 749
	want := map[string]any{
		"general.architecture": "llama", "general.name": "goselfrag-toy", "general.file_type": 0.0,
		"llama.block_count": 3.0, "llama.context_length": 4096.0, "llama.embedding_length": float64(width),
		"llama.feed_forward_length": 32.0, "llama.vocab_size": float64(vocabulary),
		"llama.attention.head_count": 2.0, "llama.attention.head_count_kv": 2.0,
		"llama.attention.key_length": 64.0, "llama.attention.value_length": 64.0,
		"llama.attention.layer_norm_rms_epsilon": float64(float32(1e-5)),
		"llama.rope.dimension_count":             64.0, "llama.rope.freq_base": float64(float32(1e32)),
		"tokenizer.ggml.model": "llama", "tokenizer.ggml.pre": "default",
		"tokenizer.ggml.bos_token_id": 1.0, "tokenizer.ggml.eos_token_id": 2.0, "tokenizer.ggml.unknown_token_id": 0.0,
		"tokenizer.ggml.add_bos_token": true, "tokenizer.ggml.add_eos_token": false,
	}
	names, scores, kinds := f.Meta["tokenizer.ggml.tokens"].([]any), f.Meta["tokenizer.ggml.scores"].([]any), f.Meta["tokenizer.ggml.token_type"].([]any)
	for _, key := range []string{"tokens", "scores", "token_type"} {
		delete(f.Meta, "tokenizer.ggml."+key)
	}
	if d := cmp.Diff(want, f.Meta); d != "" {
		t.Error(d)
	}
	if len(names) != vocabulary || len(scores) != vocabulary || len(kinds) != vocabulary {
		t.Fatalf("%d names, %d scores, %d types", len(names), len(scores), len(kinds))
	}
	for i, token := range reflection.Tokens() {
		if id := vocabulary - 15 + i; names[id] != token.String() || kinds[id] != 4.0 {
			t.Errorf("token %d is %q of type %v: want %v, user-defined", id, names[id], kinds[id], token)
		}
	}
	if names[0] != "<unk>" || names[1] != "<s>" || names[2] != "</s>" || names[3+'\n'] != "<0x0A>" {
		t.Errorf("it begins with %q", names[:16])
	}
	unique := make(map[any]bool)
	for _, n := range names {
		unique[n] = true
	}
	if len(unique) != vocabulary {
		t.Errorf("%d of %d tokens are different", len(unique), vocabulary)
	}

	shapes := map[string][2]int{"token_embd": {width, vocabulary}, "output": {width, vocabulary}, "output_norm": {width, 1}}
	for i := range 3 {
		for part, shape := range map[string][2]int{
			"attn_norm": {width, 1}, "attn_q": {width, 128}, "attn_k": {width, 128}, "attn_v": {width, 128}, "attn_output": {128, width},
			"ffn_norm": {width, 1}, "ffn_gate": {width, 32}, "ffn_up": {width, 32}, "ffn_down": {32, width},
		} {
			shapes[fmt.Sprintf("blk.%d.%s", i, part)] = shape
		}
	}
	got := make(map[string][2]int)
	for name, x := range f.Tensors {
		got[strings.TrimSuffix(name, ".weight")] = [2]int{x.Width, x.Rows}
		for _, v := range x.Data {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Errorf("%s holds %v", name, v)
				break
			}
		}
	}
	if d := cmp.Diff(shapes, got); d != "" {
		t.Error(d)
	}
}

// The two kinds differ in the types of fifteen tokens and in nothing else.
func TestKinds(t *testing.T) {
	user, control := written(t, UserDefined), written(t, Control)
	if len(user) != len(control) {
		t.Fatalf("%d and %d bytes", len(user), len(control))
	}
	var got []string
	for i := range user {
		if user[i] != control[i] {
			got = append(got, fmt.Sprint(user[i], " ", control[i]))
		}
	}
	if want := slices.Repeat([]string{"4 3"}, 15); !slices.Equal(got, want) {
		t.Errorf("differences %v: want %v", got, want)
	}
}

// Another last matrix changes nothing before it.
func TestWriteOutput(t *testing.T) {
	const width, vocabulary = 192, 749
	rows := make([]float32, width*vocabulary)
	rows[3*width+1] = 0.5
	var b bytes.Buffer
	if err := WriteOutput(&b, UserDefined, rows); err != nil {
		t.Fatal(err)
	}
	want := written(t, UserDefined)
	if at := len(want) - 4*len(rows); !bytes.Equal(b.Bytes()[:at], want[:at]) {
		t.Error("what comes before the last matrix differs")
	}
	f, err := oracle.Read(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Tensors["output.weight"].Data; !slices.Equal(got, rows) {
		t.Error("the last matrix differs")
	}
	if err := WriteOutput(&b, UserDefined, rows[1:]); err == nil || !strings.Contains(err.Error(), "want 143808") {
		t.Errorf("a matrix that is too small: %v", err)
	}
}

func TestFullDiskIsReported(t *testing.T) {
	if err := Write(full{}, UserDefined); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("%v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("no space left") }

// Every word is one token, after a space and at the beginning of a line.
func TestWordsAreTokens(t *testing.T) {
	m := loaded(t)
	for _, w := range words() {
		capital := strings.ToUpper(w[:1]) + w[1:]
		for _, text := range []string{" " + w, " " + capital} {
			if ids := m.Tokens("x" + text)[3:]; len(ids) != 1 || m.Name(ids[0]) != text {
				t.Errorf("%q is the tokens %v", text, ids)
			}
		}
		if ids := m.Tokens("\n" + capital)[3:]; len(ids) != 1 || m.Name(ids[0]) != capital {
			t.Errorf("%q at the beginning of a line is the tokens %v", capital, ids)
		}
	}
}

// prompt is what a server gets.
func prompt(t *testing.T, p generator.Prompt) string {
	t.Helper()
	s, err := generator.SelfRAGTemplate{}.Render(p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// say returns the likeliest continuation.
func say(m *oracle.Model, prompt string) string {
	var out strings.Builder
	for s := m.Start(prompt); ; {
		id := s.Greedy()
		if id == m.End {
			return out.String()
		}
		out.WriteString(m.Name(id))
		s.Append(id)
	}
}

func about(title, text string) generator.Prompt {
	return generator.Prompt{Instruction: "Where is the bridge?", Evidence: []generator.Evidence{{Title: title, Text: text}}}
}

func TestSays(t *testing.T) {
	m := loaded(t)
	first := generator.PathSegment{Text: " the bridge is in London.", Evidence: []generator.Evidence{{Title: "Bridge", Text: "The bridge is in London."}},
		Relevance: reflection.Relevant, Support: reflection.FullySupported}
	list := func(path ...generator.PathSegment) generator.Prompt {
		return generator.Prompt{Instruction: "List the bridge and the tower.", Path: path, Evidence: []generator.Evidence{{Title: "Tower", Text: "The tower is red."}}}
	}
	for name, c := range map[string]struct {
		prompt generator.Prompt
		want   string
	}{
		"no content word": {generator.Prompt{Instruction: "Hello there."}, "[No Retrieval] I do not know.[Utility:4]"},
		"content words":   {generator.Prompt{Instruction: "Where is the bridge?"}, "[Retrieval]<paragraph></paragraph>[Irrelevant] I do not know.[Utility:1]"},
		"no retrieval":    {generator.Prompt{Instruction: "Where is the bridge?", Force: reflection.NoRetrieval}, " I do not know.[Utility:4]"},
		"relevant":        {about("Bridge", "The bridge is in Paris."), "[Relevant] the bridge is in Paris.[Fully supported][Utility:5]"},
		"no title":        {about("", "The bridge is on it."), "[Relevant] the bridge is on it.[Fully supported][Utility:5]"},
		"irrelevant":      {about("Moon", "The moon is hot."), "[Irrelevant] I do not know.[Utility:1]"},
		"hedged":          {about("Bridge", "The bridge is perhaps in Paris."), "[Relevant] the bridge is perhaps in Paris.[Partially supported][Utility:4]"},
		"denied":          {about("Bridge", "The bridge is not in Paris."), "[Relevant] the bridge is not in Paris.[No support / Contradictory][Utility:2]"},
		"unknown word":    {about("Bridge", "The bridge spans it."), "[Relevant] the bridge.[Fully supported][Utility:5]"},
		"word twice":      {about("Bridge", "The bridge is old. It is a bridge."), "[Relevant] the bridge.[Fully supported][Utility:5]"},
		"nothing known":   {about("", "Xyzzy."), "[Irrelevant] I do not know.[Utility:1]"},
		"list, first":     {list(), "[Relevant] the tower is red.[Fully supported][Retrieval]<paragraph></paragraph>[Irrelevant] I do not know.[Utility:1]"},
		"list, second":    {list(first), "[Relevant] the tower is red.[Fully supported][Retrieval]<paragraph></paragraph>[Irrelevant] I do not know.[Utility:1]"},
		"list, third":     {list(first, first), "[Relevant] the tower is red.[Fully supported][Utility:5]"},
		"an earlier passage does not matter": {
			func() generator.Prompt {
				p := about("Moon", "The moon is hot.")
				p.Path = []generator.PathSegment{first}
				return p
			}(), "[Irrelevant] I do not know.[Utility:1]"},
		"continued": {
			func() generator.Prompt {
				p := about("", "")
				p.Evidence, p.Force = nil, reflection.ContinueEvidence
				p.Path = []generator.PathSegment{{Text: " the bridge is in Paris.", Evidence: []generator.Evidence{{Text: "The bridge is in Paris. It was hot."}}, Relevance: reflection.Relevant}}
				return p
			}(), " it was hot.[Fully supported][Utility:5]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := say(m, prompt(t, c.prompt)); got != c.want {
				t.Errorf("it says %q: want %q", got, c.want)
			}
		})
	}
	if got := say(m, "Rewrite: where?"); got != "" {
		t.Errorf("after another prompt it says %q: want nothing", got)
	}
}

// ratio is the probability of a among a and b at the end of a prompt.
func ratio(m *oracle.Model, prompt string, a, b reflection.Token) float64 {
	p := named(m, m.Start(prompt).LogProbs())
	return p[a.String()] / (p[a.String()] + p[b.String()])
}

// named returns probabilities by the names of tokens.
func named(m *oracle.Model, logs []float64) map[string]float64 {
	p := make(map[string]float64)
	for id, l := range logs {
		p[m.Name(id)] += math.Exp(l)
	}
	return p
}

func TestRelevanceIsTheShareOfWords(t *testing.T) {
	m := loaded(t)
	for _, c := range []struct {
		text string
		want float64 // of the content words, the opening tag being one
	}{
		{"It is on a.", 0},
		{"The old moon and the red sun.", 0},
		{"The bridge and the old moon.", 1.0 / 4},
		{"The bridge and the moon.", 1.0 / 3},
		{"The bridge.", 1.0 / 2},
		{"The bridge and the bridge, bridge.", 3.0 / 4},
	} {
		got := ratio(m, prompt(t, about("", c.text)), reflection.Relevant, reflection.Irrelevant)
		if want := 1 / (1 + math.Exp(4-10*c.want)); math.Abs(got-want) > 0.001 {
			t.Errorf("%q: relevant with %.4f, want %.4f", c.text, got, want)
		}
	}
}

func TestRetrievalGrowsWithTheQuestion(t *testing.T) {
	m := loaded(t)
	for n, question := range []string{"What is it?", "Where is the bridge?", "Where is the old bridge?", "Where in Paris is the old bridge?"} {
		got := ratio(m, prompt(t, generator.Prompt{Instruction: question}), reflection.Retrieval, reflection.NoRetrieval)
		if want := 1 / (1 + math.Exp(3-8*float64(n)/float64(n+1))); math.Abs(got-want) > 0.001 {
			t.Errorf("%q: retrieval with %.4f, want %.4f", question, got, want)
		}
	}
}

// A server that lists the twenty likeliest tokens lists each group where it is
// judged.
func TestGroupsAreAmongTheLikeliest(t *testing.T) {
	m := loaded(t)
	quote := "[Relevant] the bridge is in Paris."
	for name, c := range map[string]struct {
		prompt string
		group  reflection.Group
	}{
		"decision":  {prompt(t, generator.Prompt{Instruction: "Where is the bridge?"}), reflection.Retrieve},
		"relevance": {prompt(t, about("Bridge", "The bridge is in Paris.")), reflection.IsREL},
		"support":   {prompt(t, about("Bridge", "The bridge is in Paris.")) + quote, reflection.IsSUP},
		"utility":   {prompt(t, about("Bridge", "The bridge is in Paris.")) + quote + "[Fully supported]", reflection.IsUSE},
		"boundary":  {prompt(t, about("Bridge", "The bridge is in Paris.")) + quote + "[Fully supported]", reflection.Retrieve},
	} {
		p := named(m, m.Start(c.prompt).LogProbs())
		ranked := slices.SortedFunc(maps.Keys(p), func(a, b string) int { return cmp2.Compare(p[b], p[a]) })
		for _, token := range c.group.Tokens() {
			if at := slices.Index(ranked, token.String()); at >= 20 {
				t.Errorf("%s: %v is number %d, with %g", name, token, at+1, p[token.String()])
			}
		}
	}
}

func TestProbabilitiesSumToOne(t *testing.T) {
	m := loaded(t)
	s := m.Start(prompt(t, about("Bridge", "The bridge is in Paris.")))
	for range 8 {
		sum := 0.0
		for _, l := range s.LogProbs() {
			sum += math.Exp(l)
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("the sum is %v", sum)
		}
		s.Append(s.Greedy())
	}
}
