package vllm_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/generator/vllm"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	for name, stub := range map[string]stub{"exact": {}, "bundled": {bundle: 3}, "old": {old: true, capped: true}} {
		t.Run(name, func(t *testing.T) {
			m := completiontest.Serve(t, stub, vllm.New, vllm.Config{})
			opts := []generatortest.Option{generatortest.Seeded()}
			if stub.bundle > 0 {
				opts = append(opts, generatortest.Skip("next", "tokens that come together show their text with the last one"))
			}
			generatortest.TestGenerator(t, m, opts...)
		})
	}
}

// open holds the requests by which the model gets to know a server that gives
// the probabilities of ids.
var open = []completiontest.Exchange{
	{Path: "/v1/models", Answer: `{"object":"list","data":[{"id":"selfrag","object":"model","max_model_len":4096}]}`},
	{Path: "/tokenize", Body: `{"model":"selfrag","prompt":"</s>","add_special_tokens":false}`, Answer: `{"count":1,"max_model_len":4096,"tokens":[2]}`},
	{Path: "/tokenize", Answer: `{"count":15,"tokens":` + completiontest.Names + `}`},
	{Path: "/tokenize", Answer: `{"count":2,"tokens":[304,45]}`},
	{Path: "/tokenize", Answer: `{"count":2,"tokens":[304,46]}`},
	{Path: "/v1/completions", Answer: `data: {"id":"cmpl-0","choices":[{"index":0,"text":"a","token_ids":[45],"finish_reason":"length","stop_reason":null,"logprobs":{"text_offset":[0],"tokens":["token_id:45"],"token_logprobs":[-1.5],` +
		`"top_logprobs":[{"token_id:45":-1.5,"token_id:300":-9.5,"token_id:301":-9.5,"token_id:302":-9.5,"token_id:303":-9.5,"token_id:304":-9.5,"token_id:307":-9.5,"token_id:308":-9.5,` +
		`"token_id:309":-9.5,"token_id:310":-9.5,"token_id:311":-9.5,"token_id:312":-9.5,"token_id:313":-9.5,"token_id:314":-9999.0}]}}]}` + "\n\ndata: [DONE]\n\n"},
}

func exchange(t *testing.T, list ...completiontest.Exchange) *vllm.Model {
	return completiontest.Talk(t, vllm.New, "", slices.Concat(open, list)...)
}

// TestExchange checks a whole exchange, in which several tokens come together.
func TestExchange(t *testing.T) {
	m := exchange(t, completiontest.Exchange{
		Path: "/v1/completions",
		Body: `{
			"model": "selfrag", "prompt": "### Instruction:\nwho?\n\n### Response:\n[Retrieval]<paragraph>x</paragraph>",
			"max_tokens": 9, "temperature": 0, "seed": 5, "stream": true, "stream_options": {"include_usage": true, "continuous_usage_stats": true},
			"top_p": 1, "top_k": -1, "min_p": 0, "repetition_penalty": 1, "presence_penalty": 0, "frequency_penalty": 0,
			"skip_special_tokens": false, "spaces_between_special_tokens": false, "return_token_ids": true, "return_tokens_as_token_ids": true,
			"logprobs": 20, "logprob_token_ids": [303, 304]
		}`,
		Answer: strings.Join([]string{
			`data: {"id":"cmpl-1","object":"text_completion","choices":[{"index":0,"text":"[Relevant] The sun","logprobs":{"text_offset":[0,12,24],"tokens":["token_id:304","token_id:45","token_id:46"],` +
				`"token_logprobs":[-0.5,-0.25,-9999.0],"top_logprobs":[{"token_id:304":-0.5,"token_id:303":-1.5},{"token_id:45":-0.25,"token_id:303":-8.5,"token_id:304":-8.5},{"token_id:46":-9999.0,"token_id:303":-8.5,"token_id:304":-8.5}]},` +
				`"finish_reason":null,"stop_reason":null,"prompt_token_ids":[1,5],"token_ids":[304,45,46]}],"usage":{"prompt_tokens":33,"total_tokens":36,"completion_tokens":3}}`,
			`data: {"id":"cmpl-1","choices":[{"index":0,"text":"","logprobs":{"text_offset":[18],"tokens":["token_id:2"],"token_logprobs":[-0.125],"top_logprobs":[{"token_id:2":-0.125,"token_id:303":-8.5,"token_id:304":-8.5}]},` +
				`"finish_reason":"stop","stop_reason":null,"token_ids":[2]}],"usage":{"prompt_tokens":33,"total_tokens":37,"completion_tokens":4}}`,
			`data: {"id":"cmpl-1","choices":[],"usage":{"prompt_tokens":33,"total_tokens":37,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":16}}}`,
			`data: [DONE]`,
		}, "\n\n") + "\n\n",
	})
	got, err := generator.Complete(t.Context(), m, generator.Request{
		Prompt:    generator.Prompt{Instruction: "who?", Evidence: []generator.Evidence{{Text: "x"}}},
		MaxTokens: 9, Seed: 5, Watch: []reflection.Group{reflection.IsREL},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := generator.Completion{
		Steps: []generator.Step{
			{Token: reflection.Relevant, LogProb: reflection.ExactLog(-0.5), Watched: []reflection.Distribution{
				{Group: reflection.IsREL, Probs: [5]reflection.Prob{reflection.ExactLog(-1.5), reflection.ExactLog(-0.5)}},
			}},
			{LogProb: reflection.ExactLog(-0.25)},
			{Text: " The sun", LogProb: reflection.ExactLog(math.Inf(-1))},
		},
		End: reflection.ExactLog(-0.125), Finish: generator.FinishEnd,
		Usage: generator.Usage{Calls: 1, PromptTokens: 33, CachedTokens: 16, GeneratedTokens: 4},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestMissingID: a server that stops giving the probabilities of ids, such as an
// older one of several, does not lower the level in silence.
func TestMissingID(t *testing.T) {
	m := exchange(t, completiontest.Exchange{Path: "/v1/completions", Answer: `data: {"choices":[{"index":0,"text":"[Relevant]","token_ids":[304],"finish_reason":null,` +
		`"logprobs":{"tokens":["token_id:304"],"token_logprobs":[-0.5],"top_logprobs":[{"token_id:304":-0.5,"token_id:45":-1.5}],"text_offset":[0]}}]}` + "\n\n"})
	_, err := generator.Complete(t.Context(), m, completiontest.Request())
	if !errors.As(err, new(*modelserver.Error)) || !strings.Contains(err.Error(), "lacks the log-probability of [No Retrieval]") {
		t.Errorf("%v: want an error that names the token", err)
	}
}

// TestNotWhole: a server with a limit on alternatives cannot give the whole
// distribution, and says so in its own words.
func TestNotWhole(t *testing.T) {
	m := completiontest.Serve(t, stub{capped: true}, vllm.New, vllm.Config{})
	_, err := generator.Next(t.Context(), m, completiontest.Request(), nil)
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "max allowed: 20") {
		t.Errorf("%v: want one that wraps ErrUnsupported and holds the reason", err)
	}
}

// TestManyModels: with several models, one must be named.
func TestManyModels(t *testing.T) {
	m := completiontest.Talk(t, vllm.New, "", completiontest.Exchange{Path: "/v1/models", Answer: `{"data":[{"id":"a"},{"id":"b"}]}`})
	if err := generator.Check(t.Context(), m); !errors.Is(err, modelserver.ErrModel) || !strings.Contains(err.Error(), "2 models") {
		t.Errorf("%v", err)
	}
}

// TestTextOfTheLastEvent: an old server that is asked for no probabilities tells no
// tokens, so the last text of its last event is not the end token.
func TestTextOfTheLastEvent(t *testing.T) {
	var want string
	for _, stub := range []stub{{}, {old: true}, {old: true, bundle: 3}, {old: true, bundle: 100}} {
		m := completiontest.Serve(t, stub, vllm.New, vllm.Config{NoProbs: true})
		c, err := generator.Complete(t.Context(), m, completiontest.Request())
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, s := range c.Steps {
			got += s.Text + s.Token.String()
		}
		if want == "" {
			want = got
		}
		if got != want || want == "" {
			t.Errorf("%+v: %q, want %q", stub, got, want)
		}
	}
}

// TestManyAlternatives: more than the server gives are not asked for, since it would
// refuse that.
func TestManyAlternatives(t *testing.T) {
	m := completiontest.Serve(t, stub{capped: true}, vllm.New, vllm.Config{})
	req := completiontest.Request()
	req.Watch, req.Alternatives = nil, 1000
	c, err := generator.Complete(t.Context(), m, req)
	if err != nil || len(c.Steps) == 0 || len(c.Steps[0].Top) == 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestAllByChance: a server that ignores which ids are asked for, and has all of them
// among its likeliest tokens, is no exact one.
func TestAllByChance(t *testing.T) {
	var list []string
	for id := 300; id <= 314; id++ {
		list = append(list, fmt.Sprintf(`"token_id:%d":-3.5`, id))
	}
	for id := range 5 {
		list = append(list, fmt.Sprintf(`"token_id:%d":-4.5`, 40+id))
	}
	m := completiontest.Talk(t, vllm.New, "", append(slices.Clone(open[:len(open)-1]), completiontest.Exchange{
		Path: "/v1/completions", Answer: `data: {"choices":[{"index":0,"text":"a","token_ids":[45],"finish_reason":"length","logprobs":{"tokens":["token_id:45"],"token_logprobs":[-1.5],` +
			`"top_logprobs":[{"token_id:45":-1.5,` + strings.Join(list, ",") + `}]}}]}` + "\n\n",
	})...)
	caps, err := generator.Describe(t.Context(), m)
	if err != nil || caps.Level != reflection.TopN {
		t.Errorf("%+v, %v", caps, err)
	}
}

// TestSecondChoice: an answer with another choice than the one that was asked for is none.
func TestSecondChoice(t *testing.T) {
	m := exchange(t, completiontest.Exchange{Path: "/v1/completions", Answer: `data: {"choices":[{"index":1,"text":"a","token_ids":[45],"finish_reason":"stop","logprobs":{"tokens":["token_id:45"],"token_logprobs":[-0.5],"top_logprobs":[{}]}}]}` + "\n\ndata: [DONE]\n\n"})
	_, err := generator.Complete(t.Context(), m, generator.Request{Prompt: generator.Prompt{Instruction: "q"}, MaxTokens: 5})
	if err == nil || !strings.Contains(err.Error(), "2 choices: want one") {
		t.Errorf("%v", err)
	}
}
