package ollama_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	m := completiontest.Serve(t, stub{}, ollama.New, ollama.Config{})
	generatortest.TestGenerator(t, m, generatortest.Seeded())
}

const show = `{"license":"","details":{"format":"gguf"},"model_info":{"general.architecture":"llama","tokenizer.ggml.model":"llama","tokenizer.ggml.eos_token_id":2,
	"tokenizer.ggml.tokens":["<unk>","<s>","</s>","<|odd|>"," The","[No Retrieval]","[Retrieval]","[Continue to Use Evidence]","[Irrelevant]","[Relevant]","<paragraph>","</paragraph>",
		"[Utility:1]","[Utility:2]","[Utility:3]","[Utility:4]","[Utility:5]","[Fully supported]","[Partially supported]","[No support / Contradictory]"],
	"tokenizer.ggml.token_type":[2,3,3,3,1,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4]}}`

func exchange(t *testing.T, list ...completiontest.Exchange) *ollama.Model {
	return completiontest.Talk(t, ollama.New, "tiny", list...)
}

// TestExchange checks a whole exchange: the tokens that the model's file says are
// special are neutralized, and the tokenizer gets no blank after a control token.
func TestExchange(t *testing.T) {
	m := exchange(t,
		completiontest.Exchange{Path: "/api/show", Body: `{"model":"tiny","verbose":true}`, Answer: show},
		completiontest.Exchange{
			Path: "/api/generate",
			Body: `{"model":"tiny","prompt":"### Instruction:\nwho (|odd|)?\n\n### Response:\n[No Retrieval]It is.[Utility:5]","raw":true,"stream":true,"truncate":false,"shift":false,
				"logprobs":true,"top_logprobs":20,"options":{"temperature":0.5,"num_predict":9,"seed":5,"top_k":0,"top_p":1,"min_p":0,"typical_p":1,
				"repeat_penalty":1,"presence_penalty":0,"frequency_penalty":0,"stop":[]}}`,
			Answer: strings.Join([]string{
				`{"model":"tiny","created_at":"2026-01-02T03:04:05.6Z","response":"[Retrieval]","done":false,"logprobs":[{"token":"[Retrieval]","logprob":-0.5,"bytes":[91],"top_logprobs":[` +
					`{"token":"[Retrieval]","logprob":-0.5,"bytes":[91]},{"token":"</s>","logprob":-1.5,"bytes":[60]},{"token":" The","logprob":-6,"bytes":[32]}]}]}`,
				`{"model":"tiny","created_at":"2026-01-02T03:04:05.7Z","response":" é The","done":false,"logprobs":[{"token":" \ufffd","logprob":-0.25},{"token":"\ufffd","logprob":-0.25},{"token":" The","logprob":-0.125}]}`,
				`{"model":"tiny","response":"","done":true,"done_reason":"stop","total_duration":5,"prompt_eval_count":33,"eval_count":5}`,
			}, "\n") + "\n",
		})
	got, err := generator.Complete(t.Context(), m, generator.Request{
		Prompt: generator.Prompt{Instruction: "who <|odd|>?", Path: []generator.PathSegment{
			{Text: " It is.", Retrieve: reflection.NoRetrieval, Utility: reflection.Utility5},
		}},
		MaxTokens: 9, Temperature: 0.5, Seed: 5, Alternatives: 2, Watch: []reflection.Group{reflection.IsREL},
	})
	if err != nil {
		t.Fatal(err)
	}
	most := reflection.AtMostLog(-6)
	want := generator.Completion{
		Steps: []generator.Step{
			{
				Token: reflection.Retrieval, LogProb: reflection.ExactLog(-0.5),
				Watched: []reflection.Distribution{{Group: reflection.IsREL, Probs: [5]reflection.Prob{most, most}}},
				Top:     []generator.Alternative{{Token: reflection.Retrieval, Prob: reflection.ExactLog(-0.5)}, {End: true, Prob: reflection.ExactLog(-1.5)}},
			},
			{LogProb: reflection.ExactLog(-0.25), Top: []generator.Alternative{}},
			{LogProb: reflection.ExactLog(-0.25), Top: []generator.Alternative{}},
			{Text: " é The", LogProb: reflection.ExactLog(-0.125), Top: []generator.Alternative{}},
		},
		Finish: generator.FinishEnd, Usage: generator.Usage{Calls: 1, PromptTokens: 33, GeneratedTokens: 5},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestIDs: with a version that also returns ids, tokens are still identified by their text.
func TestIDs(t *testing.T) {
	m := exchange(t, completiontest.Exchange{Path: "/api/show", Answer: show}, completiontest.Exchange{Path: "/api/generate", Answer: `{"response":"[Retrieval]","done":false,"logprobs":[{"id":6,"token":"[Retrieval]","logprob":-0.5,` +
		`"top_logprobs":[{"id":6,"token":"[Retrieval]","logprob":-0.5},{"id":2,"token":"</s>","logprob":-1.5}]}]}` + "\n" + `{"response":"","done":true,"done_reason":"stop","prompt_eval_count":33,"eval_count":1}` + "\n"})
	c, err := generator.Complete(t.Context(), m, generator.Request{Prompt: generator.Prompt{Instruction: "q"}, MaxTokens: 5, Alternatives: 2})
	want := []generator.Alternative{{Token: reflection.Retrieval, Prob: reflection.ExactLog(-0.5)}, {End: true, Prob: reflection.ExactLog(-1.5)}}
	if err != nil || len(c.Steps) != 1 || c.Steps[0].Token != reflection.Retrieval || !cmp.Equal(c.Steps[0].Top, want) {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestUnfitModel: the error says what is wrong with the model and what to do.
func TestUnfitModel(t *testing.T) {
	for name, c := range map[string]struct{ show, says string }{
		"no such token":  {strings.Replace(show, `"[Fully supported]"`, `"x"`, 1), `no token "[Fully supported]"`},
		"hidden tokens":  {strings.Replace(show, "4,4,4,4,4,4,4,4,4,4,4,4,4,4,4", "3,3,3,3,3,3,3,3,3,3,3,3,3,3,3", 1), `"[No Retrieval]" of the model "tiny" is not of the type USER_DEFINED`},
		"no types":       {strings.Replace(show, "token_type", "other", 1), "USER_DEFINED"},
		"nothing listed": {`{"model_info":{}}`, "does not list"},
	} {
		t.Run(name, func(t *testing.T) {
			err := generator.Check(t.Context(), exchange(t, completiontest.Exchange{Path: "/api/show", Answer: c.show}))
			if !errors.Is(err, modelserver.ErrModel) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "NoTokens") {
				t.Errorf("%v: want an error that wraps ErrModel and says %q", err, c.says)
			}
		})
	}
}

// TestBroken: what Ollama sends when it gives up is an error, not an answer.
func TestBroken(t *testing.T) {
	const first = `{"model":"tiny","response":" The","done":false,"logprobs":[{"token":" The","logprob":-0.5,"top_logprobs":[{"token":" The","logprob":-0.5}]}]}` + "\n"
	for name, c := range map[string]struct{ rest, says string }{
		"error":           {`{"error":"model runner has unexpectedly stopped"}`, "unexpectedly stopped"},
		"repetition":      {"{}", "before it was complete"}, // it just ends
		"unloaded":        {`{"response":"","done":true,"done_reason":"unload"}`, `reason "unload"`},
		"no probability":  {`{"response":" is","done":false}`, "without its log-probability"},
		"half a line":     {`{"response":" is","do`, "before it was complete"},
		"two in one line": {`{"response":""}{"response":""}`, "not what was expected"},
	} {
		t.Run(name, func(t *testing.T) {
			m := exchange(t, completiontest.Exchange{Path: "/api/show", Answer: show}, completiontest.Exchange{Path: "/api/generate", Answer: first + c.rest + "\n"})
			got, err := generator.Complete(t.Context(), m, completiontest.Request())
			if !errors.As(err, new(*modelserver.Error)) || !strings.Contains(err.Error(), c.says) || len(got.Steps) != 1 {
				t.Errorf("%+v, %v: want the first token and an error that says %q", got, err, c.says)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	if _, err := ollama.New(ollama.Config{Server: modelserver.Config{URLs: []string{"http://x"}}}); !errors.Is(err, modelserver.ErrConfig) {
		t.Errorf("%v: want an error about the missing name", err)
	}
}
