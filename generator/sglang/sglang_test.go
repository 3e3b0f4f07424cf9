package sglang_test

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
	"github.com/goselfrag/goselfrag/generator/sglang"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	for name, stub := range map[string]stub{"whole": {}, "incremental": {incremental: true}} {
		t.Run(name, func(t *testing.T) {
			m := completiontest.Serve(t, stub, sglang.New, sglang.Config{})
			generatortest.TestGenerator(t, m)
		})
	}
}

var open = []completiontest.Exchange{
	{Path: "/v1/models", Answer: `{"object":"list","data":[{"id":"selfrag"}]}`},
	{Path: "/tokenize", Body: `{"model":"selfrag","prompt":"</s>","add_special_tokens":false}`, Answer: `{"count":1,"tokens":[2]}`},
	{Path: "/tokenize", Answer: `{"count":15,"tokens":` + completiontest.Names + `}`},
	{Path: "/tokenize", Answer: `{"count":2,"tokens":[304,45]}`},
	{Path: "/tokenize", Answer: `{"count":2,"tokens":[304,46]}`},
}

func exchange(t *testing.T, list ...completiontest.Exchange) *sglang.Model {
	return completiontest.Talk(t, sglang.New, "", slices.Concat(open, list)...)
}

var request2 = generator.Request{
	Prompt:    generator.Prompt{Instruction: "who?", Evidence: []generator.Evidence{{Text: "x"}}},
	MaxTokens: 9, Watch: []reflection.Group{reflection.IsREL},
}

// TestExchange checks a whole exchange with events that repeat what was said.
func TestExchange(t *testing.T) {
	m := exchange(t, completiontest.Exchange{
		Path: "/generate",
		Body: `{
			"text": "### Instruction:\nwho?\n\n### Response:\n[Retrieval]<paragraph>x</paragraph>", "stream": true,
			"sampling_params": {"temperature": 0, "max_new_tokens": 9, "top_p": 1, "top_k": -1, "min_p": 0, "repetition_penalty": 1, "presence_penalty": 0,
				"frequency_penalty": 0, "skip_special_tokens": false, "spaces_between_special_tokens": false},
			"return_logprob": true, "logprob_start_len": -1, "top_logprobs_num": 0, "return_text_in_logprobs": false, "token_ids_logprob": [303, 304]
		}`,
		Answer: strings.Join([]string{
			`data: {"text":"[Relevant]","output_ids":[304],"meta_info":{"id":"r","finish_reason":null,"prompt_tokens":33,"completion_tokens":1,"cached_tokens":32,` +
				`"output_token_logprobs":[[-0.5,304,null]],"output_token_ids_logprobs":[[[-1.5,303,null],[-0.5,304,null]]]}}`,
			`data: {"text":"[Relevant] The","output_ids":[304,45,2],"meta_info":{"id":"r","finish_reason":{"type":"stop","matched":2},"prompt_tokens":33,"completion_tokens":3,"cached_tokens":32,` +
				`"output_token_logprobs":[[-0.5,304,null],[-0.25,45,null],[-0.125,2,null]],"output_token_ids_logprobs":[[[-1.5,303,null],[-0.5,304,null]],[[-7.5,303,null],[-8.5,304,null]],null]}}`,
			`data: [DONE]`,
		}, "\n\n") + "\n\n",
	})
	got, err := generator.Complete(t.Context(), m, request2)
	if err != nil {
		t.Fatal(err)
	}
	want := generator.Completion{
		Steps: []generator.Step{
			{Token: reflection.Relevant, LogProb: reflection.ExactLog(-0.5), Watched: []reflection.Distribution{
				{Group: reflection.IsREL, Probs: [5]reflection.Prob{reflection.ExactLog(-1.5), reflection.ExactLog(-0.5)}},
			}},
			{Text: " The", LogProb: reflection.ExactLog(-0.25)},
		},
		End: reflection.ExactLog(-0.125), Finish: generator.FinishEnd,
		Usage: generator.Usage{Calls: 1, PromptTokens: 33, CachedTokens: 32, GeneratedTokens: 3},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestTemperature: above temperature 0 the shares of a group are those that the
// model gives it at temperature 0, and what cannot be known is not told.
func TestTemperature(t *testing.T) {
	m := completiontest.Serve(t, stub{}, sglang.New, sglang.Config{})
	req := completiontest.Request()
	cold, err := generator.Complete(t.Context(), m, req)
	if err != nil {
		t.Fatal(err)
	}
	req.Temperature, req.Alternatives = 0.7, 3
	warm, err := generator.Complete(t.Context(), m, req)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range reflection.Groups() {
		a, _ := cold.Steps[0].Group(g)
		b, _ := warm.Steps[0].Group(g)
		total := 0.0
		for _, c := range g.Tokens() {
			v, _ := a.Prob(c).Value()
			total += v
		}
		for _, c := range g.Tokens() {
			want, _ := a.Prob(c).Value()
			got, exact := b.Prob(c).Value()
			if !exact || math.Abs(got-want/total) > 1e-9 {
				t.Errorf("%v has the share %v in %v, want %v", c, got, g, want/total)
			}
		}
	}
	if s := warm.Steps[0]; s.LogProb.Known != reflection.Unknown || len(s.Top) > 0 || warm.End.Known != reflection.Unknown {
		t.Errorf("step %+v, end %v: want no probabilities of the sampled distribution", s, warm.End)
	}
}

// TestScoreCall checks the call that scores, and what is read from it: the server
// says nothing of the first token it is asked for.
func TestScoreCall(t *testing.T) {
	m := exchange(t,
		completiontest.Exchange{Path: "/tokenize", Answer: `{"tokens":[1,7,306]}`},
		completiontest.Exchange{Path: "/tokenize", Answer: `{"tokens":[1,7,306,304,45]}`},
		completiontest.Exchange{
			Path: "/generate",
			Body: `{"input_ids":[1,7,306,304,45,2],"sampling_params":{"temperature":0,"max_new_tokens":1},"return_logprob":true,"logprob_start_len":2,
				"top_logprobs_num":0,"return_text_in_logprobs":false,"token_ids_logprob":[303,304]}`,
			Answer: `{"text":"","meta_info":{"prompt_tokens":6,"completion_tokens":1,"finish_reason":{"type":"length","length":1},
				"input_token_logprobs":[[null,306,null],[-0.5,304,null],[-0.25,45,null],[-0.125,2,null]],
				"input_token_ids_logprobs":[null,[[-1.5,303,null],[-0.5,304,null]],[[-7.5,303,null],[-8.5,304,null]],null]}}`,
		})
	got, err := generator.Score(t.Context(), m, request2, []generator.Step{{Token: reflection.Relevant}, {Text: " The"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	sum, n := got.LogProb(generator.CountAll)
	if d, ok := got.Steps[0].Group(reflection.IsREL); n != 3 || sum != reflection.ExactLog(-0.875) || !ok || !d.Exact() || got.Text() != " The" {
		t.Errorf("%+v", got)
	}
}

// TestMismatch: a server that scores other tokens than it was given is not
// believed.
func TestMismatch(t *testing.T) {
	m := exchange(t,
		completiontest.Exchange{Path: "/tokenize", Answer: `{"tokens":[1,7]}`},
		completiontest.Exchange{Path: "/tokenize", Answer: `{"tokens":[1,7,45]}`},
		completiontest.Exchange{Path: "/generate", Answer: `{"meta_info":{"input_token_logprobs":[[null,7,null],[-0.5,46,null]],"input_token_ids_logprobs":[null,[]]}}`})
	_, err := generator.Score(t.Context(), m, request2, []generator.Step{{Text: " The"}}, false)
	if !errors.As(err, new(*modelserver.Error)) || !strings.Contains(err.Error(), "46 in place of 45") {
		t.Errorf("%v", err)
	}
}
