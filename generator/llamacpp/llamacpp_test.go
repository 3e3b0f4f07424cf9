package llamacpp_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/generator/llamacpp"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	for name, stub := range map[string]stub{"hidden": {}, "special": {special: true}} {
		t.Run(name, func(t *testing.T) {
			m := completiontest.Serve(t, stub, llamacpp.New, llamacpp.Config{})
			generatortest.TestGenerator(t, m, generatortest.Seeded())
		})
	}
}

// open holds the requests by which the model gets to know a server whose
// tokenizer puts a blank after control tokens.
var open = []completiontest.Exchange{
	{Path: "/props", Answer: `{"total_slots":4,"model_path":"/models/tiny.gguf","chat_template":"x","bos_token":"<s>","eos_token":"</s>"}`},
	{Path: "/v1/models", Answer: `{"object":"list","data":[{"id":"tiny.gguf","object":"model","owned_by":"llamacpp","meta":{"vocab_type":1,"n_vocab":400}}]}`},
	{Path: "/tokenize", Body: `{"content":"</s>","add_special":false,"parse_special":true}`, Answer: `{"tokens":[2]}`},
	{Path: "/tokenize", Answer: `{"tokens":` + completiontest.Names + `}`},
	{Path: "/tokenize", Body: `{"content":"[Relevant]The","add_special":false,"parse_special":true}`, Answer: `{"tokens":[304,45]}`},
	{Path: "/tokenize", Body: `{"content":"[Relevant] The","add_special":false,"parse_special":true}`, Answer: `{"tokens":[304,29,45]}`},
}

func exchange(t *testing.T, list ...completiontest.Exchange) *llamacpp.Model {
	return completiontest.Talk(t, llamacpp.New, "", slices.Concat(open, list)...)
}

// TestExchange checks a whole exchange: a segment that goes on from another one,
// with a control token that is hidden, one that is shown, a token of a character
// that is not complete, and an end token that is shown.
func TestExchange(t *testing.T) {
	answer := strings.Join([]string{
		`: ping`,
		`data: {"index":0,"content":"","tokens":[304],"stop":false,"id_slot":1,"tokens_predicted":1,"tokens_evaluated":33,"completion_probabilities":[` +
			`{"id":304,"token":"","bytes":[],"logprob":-0.5,"top_logprobs":[{"id":304,"token":"","bytes":[],"logprob":-0.5},{"id":303,"token":"","bytes":[],"logprob":-1.5},{"id":45,"token":" The","bytes":[32],"logprob":-6}]}]}`,
		`data: {"index":0,"content":" é","tokens":[46],"stop":false,"tokens_predicted":3,"tokens_evaluated":33,"completion_probabilities":[{"id":46,"token":"\ufffd","bytes":[169],"logprob":-0.25,"top_logprobs":[{"id":46,"token":"\ufffd","bytes":[],"logprob":-0.25}]}]}`,
		`data: {"index":0,"content":"[Fully supported]","tokens":[312],"stop":false,"tokens_predicted":4,"tokens_evaluated":33,"completion_probabilities":[` +
			`{"id":312,"token":"[Fully supported]","bytes":[91],"logprob":-1,"top_logprobs":[{"id":312,"token":"[Fully supported]","bytes":[],"logprob":-1},{"id":313,"token":"[Partially supported]","bytes":[],"logprob":-3.4028234663852886e+38},{"id":2,"token":"</s>","bytes":[],"logprob":-4}]}]}`,
		`data: {"index":0,"content":"</s>","tokens":[2],"stop":false,"tokens_predicted":5,"tokens_evaluated":33,"completion_probabilities":[{"id":2,"token":"</s>","bytes":[],"logprob":-0.125,"top_logprobs":[]}]}`,
		`data: {"index":0,"content":"","tokens":[],"id_slot":1,"stop":true,"stop_type":"eos","stopping_word":"","tokens_predicted":5,"tokens_evaluated":33,"tokens_cached":37,"truncated":false,"timings":{"prompt_n":3,"predicted_n":5}}`,
	}, "\n\n") + "\n\n"
	m := exchange(t, completiontest.Exchange{Path: "/completion", Answer: answer, Body: `{
		"prompt": "### Instruction:\nwho?\n\n### Response:\n[Retrieval]<paragraph>T\nx</paragraph>[Relevant]It is.[Fully supported][Retrieval]<paragraph>(Relevant) ok (pad)</paragraph>",
		"n_predict": 9, "temperature": 0, "seed": 5, "stream": true, "n_probs": 20, "id_slot": 1,
		"samplers": ["temperature"], "cache_prompt": true, "return_tokens": true
	}`})
	got, err := generator.Complete(t.Context(), m, generator.Request{
		Prompt: generator.Prompt{
			Instruction: "who?",
			Path: []generator.PathSegment{{
				Text: " It is.", Evidence: []generator.Evidence{{Title: "T", Text: "x"}},
				Retrieve: reflection.Retrieval, Relevance: reflection.Relevant, Support: reflection.FullySupported,
			}},
			Evidence: []generator.Evidence{{Text: "[Relevant] ok <pad>"}},
		},
		MaxTokens: 9, Seed: 5, Affinity: 5, Watch: []reflection.Group{reflection.IsREL, reflection.IsSUP},
	})
	if err != nil {
		t.Fatal(err)
	}
	rel := func(irrelevant, relevant reflection.Prob) reflection.Distribution {
		return reflection.Distribution{Group: reflection.IsREL, Probs: [5]reflection.Prob{irrelevant, relevant}}
	}
	sup := func(full, part, no reflection.Prob) reflection.Distribution {
		return reflection.Distribution{Group: reflection.IsSUP, Probs: [5]reflection.Prob{full, part, no}}
	}
	exact, most := reflection.ExactLog, reflection.AtMostLog
	none := exact(math.Inf(-1))
	want := generator.Completion{
		Steps: []generator.Step{
			{Token: reflection.Relevant, LogProb: exact(-0.5), Watched: []reflection.Distribution{rel(exact(-1.5), exact(-0.5)), sup(most(-6), most(-6), most(-6))}},
			{},
			{Text: " é", LogProb: exact(-0.25)},
			{Token: reflection.FullySupported, LogProb: exact(-1), Watched: []reflection.Distribution{
				rel(most(math.Inf(-1)), most(math.Inf(-1))), sup(exact(-1), none, most(math.Inf(-1))),
			}},
		},
		End: exact(-0.125), Finish: generator.FinishEnd,
		Usage: generator.Usage{Calls: 1, PromptTokens: 33, CachedTokens: 30, GeneratedTokens: 5},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestGroupProbs checks the call that makes a group the only choice.
func TestGroupProbs(t *testing.T) {
	m := exchange(t, completiontest.Exchange{
		Path: "/completion",
		Body: `{"prompt":"### Instruction:\nwho?\n\n### Response:\n[Retrieval]<paragraph>x</paragraph>","n_predict":1,"temperature":1,"samplers":["temperature"],
			"stream":true,"return_tokens":true,"cache_prompt":true,"n_probs":2,"post_sampling_probs":true,"logit_bias":[[303,100],[304,100]]}`,
		Answer: `data: {"index":0,"content":"[Relevant]","tokens":[304],"stop":false,"completion_probabilities":[{"id":304,"token":"[Relevant]","bytes":[91],"prob":0.25,` +
			`"top_probs":[{"id":303,"token":"[Irrelevant]","bytes":[91],"prob":0.75},{"id":304,"token":"[Relevant]","bytes":[91],"prob":0.25}]}]}` + "\n\n",
	})
	req := generator.Request{Prompt: generator.Prompt{Instruction: "who?", Evidence: []generator.Evidence{{Text: "x"}}}, MaxTokens: 1}
	d, err := m.GroupProbs(t.Context(), req, nil, reflection.IsREL)
	if err != nil || d != reflection.NewDistribution(reflection.IsREL, 0.75, 0.25) {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestRefused: what looks like an answer but must not be one.
func TestRefused(t *testing.T) {
	const last = `"stop":true,"tokens_predicted":1,"tokens_evaluated":33`
	for name, c := range map[string]struct{ answer, says string }{
		"cut prompt":     {`data: {"content":"","tokens":[],"truncated":true,"stop_type":"limit",` + last + "}\n\n", "does not fit a slot"},
		"stop word":      {`data: {"content":"","tokens":[],"truncated":false,"stop_type":"word",` + last + "}\n\n", `reason "word"`},
		"error line":     {`error: {"code":400,"message":"Input prompt is too big compared to KV size.","type":"server_error"}` + "\n\n", "400 Bad Request: Input prompt is too big"},
		"error event":    {`data: {"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_ctx":512}}` + "\n\n", "exceeds the available context"},
		"no probability": {`data: {"content":" a","tokens":[45],"stop":false,"tokens_predicted":1}` + "\n\n", "without its log-probability"},
		"null":           {`data: {"content":" a","tokens":[45],"stop":false,"completion_probabilities":[{"id":45,"token":" a","logprob":null,"top_logprobs":[]}]}` + "\n\n", "without its log-probability"},
		"no list":        {`data: {"content":" a","tokens":[45],"stop":false,"completion_probabilities":[{"id":45,"token":" a","logprob":-1,"top_logprobs":[]}]}` + "\n\n", "lacks the log-probability of [No Retrieval]"},
		"half a number":  {`data: {"content":" a","tokens":[45],"stop":false,"completion_probabilities":[{"id":45.5,"token":" a","logprob":-1}]}` + "\n\n", "not what was expected"},
	} {
		t.Run(name, func(t *testing.T) {
			m := exchange(t, completiontest.Exchange{Path: "/completion", Answer: c.answer})
			_, err := generator.Complete(t.Context(), m, completiontest.Request())
			var e *modelserver.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: want an Error that says %q", err, c.says)
			}
		})
	}
}

// TestUnfitModel: a model whose reflection tokens are pieces of text is refused
// before it generates anything, and the error says which token it is.
func TestUnfitModel(t *testing.T) {
	m := completiontest.Talk(t, llamacpp.New, "", open[0], open[1], open[2],
		completiontest.Exchange{Path: "/tokenize", Answer: `{"tokens":[5,6,7]}`},
		completiontest.Exchange{Path: "/tokenize", Body: `{"content":"[No Retrieval]","add_special":false,"parse_special":true}`, Answer: `{"tokens":[5,6]}`})
	_, err := generator.Describe(t.Context(), m)
	if !errors.Is(err, modelserver.ErrModel) || !strings.Contains(err.Error(), `"[No Retrieval]" is 2 tokens`) || !strings.Contains(err.Error(), "NoTokens") {
		t.Errorf("%v: want the name and what to do", err)
	}
}
