package completions_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stub is a server with /v1/completions, for the model of completiontest.
type stub struct {
	chat    bool // log-probabilities have the form of chats
	ids     bool // returns ids of tokens, too, and takes 0 alternatives for no probabilities, as llama-server does
	silent  bool // gives no log-probabilities
	hides   bool // does not show special tokens
	withEnd bool // sends the end token
}

func (s stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Model, Prompt string
		MaxTokens     int `json:"max_tokens"`
		Temperature   *float64
		Seed          uint64
		Stream        bool
		LogProbs      *int `json:"logprobs"`
	}
	err := json.NewDecoder(r.Body).Decode(&req)
	if err != nil || req.Model != "tiny" || req.Temperature == nil || !req.Stream || s.silent && req.LogProbs != nil {
		completiontest.Refuse(w, "%v %+v", err, req)
		return
	}
	list := completiontest.Generate(req.Prompt, req.MaxTokens, *req.Temperature, req.Seed)
	finish := "length"
	if completiontest.Ended(list) {
		finish = "stop"
		if !s.withEnd {
			list = list[:len(list)-1]
		}
	}
	var ids []int32
	send := func(text string, probs any, finish any) {
		choice := map[string]any{"index": 0, "text": text, "logprobs": probs, "finish_reason": finish}
		if s.ids {
			choice["token_ids"] = ids
		}
		completiontest.Send(w, map[string]any{"choices": []any{choice}})
	}
	for _, e := range completiontest.Events(list) {
		if s.hides && e.Tokens[0].ID >= completiontest.FirstControl {
			e.Text, e.Tokens[0].Text = "", ""
		}
		var probs any
		if req.LogProbs != nil && (*req.LogProbs > 0 || !s.ids) {
			probs = s.probs(e, *req.LogProbs)
		}
		ids = ids[:0]
		for _, p := range e.Tokens {
			ids = append(ids, p.ID)
		}
		send(e.Text, probs, nil)
	}
	ids = nil
	send("", nil, finish)
	completiontest.Send(w, map[string]any{"choices": []any{}, "usage": map[string]any{"prompt_tokens": 5, "completion_tokens": 3}})
	completiontest.Done(w)
}

func (s stub) probs(e completiontest.Event, n int) any {
	tokens, values, tops, content := []string{}, []float64{}, []any{}, []any{}
	for _, p := range e.Tokens {
		top, list := map[string]float64{}, []any{}
		for _, i := range completiontest.Ranked(p.LogProbs)[:min(n, len(p.LogProbs))] {
			text := completiontest.Vocabulary[i].Text
			if s.hides && completiontest.Vocabulary[i].ID >= completiontest.FirstControl {
				text = ""
			}
			top[text] = p.LogProbs[i]
			list = append(list, s.named(completiontest.Vocabulary[i].ID, map[string]any{"token": text, "logprob": p.LogProbs[i]}))
		}
		tokens, values, tops = append(tokens, p.Text), append(values, p.LogProb), append(tops, top)
		content = append(content, s.named(p.ID, map[string]any{"token": p.Text, "logprob": p.LogProb, "top_logprobs": list}))
	}
	if s.chat {
		return map[string]any{"content": content}
	}
	return map[string]any{"tokens": tokens, "token_logprobs": values, "top_logprobs": tops}
}

// named adds the id to a token, if the server returns it.
func (s stub) named(id int32, token map[string]any) map[string]any {
	if s.ids {
		token["id"] = id
	}
	return token
}

func TestContract(t *testing.T) {
	for name, stub := range map[string]stub{"arrays": {}, "chat": {chat: true}, "with end": {withEnd: true}, "hard labels": {silent: true},
		"ids": {ids: true}, "chat, ids": {chat: true, ids: true}, "hard labels, ids": {silent: true, ids: true}} {
		t.Run(name, func(t *testing.T) {
			m := completiontest.Serve(t, stub, completions.New, completions.Config{NoProbs: stub.silent})
			generatortest.TestGenerator(t, m, generatortest.Seeded())
		})
	}
}

// TestIDs: ids that a server returns with its tokens, as llama-server does, do not hide
// what the tokens are.
func TestIDs(t *testing.T) {
	var want string
	for _, stub := range []stub{{}, {ids: true}, {chat: true, ids: true}, {silent: true, ids: true}} {
		m := completiontest.Serve(t, stub, completions.New, completions.Config{NoProbs: stub.silent})
		c, err := generator.Complete(t.Context(), m, completiontest.Request())
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, s := range c.Steps {
			got += "|" + s.Text + "," + s.Token.String()
			if d, ok := s.Group(reflection.IsREL); ok && s.Token == reflection.Relevant && d.Prob(reflection.Relevant).Known != reflection.Exact {
				t.Errorf("%+v: %v", stub, d)
			}
		}
		req := completiontest.Request()
		req.Watch = nil
		if plain, err := generator.Complete(t.Context(), m, req); err != nil || plain.Text() != c.Text() {
			t.Errorf("%+v: nothing watched: %q, %v", stub, plain.Text(), err)
		}
		if want == "" {
			want = got
		}
		if got != want || !strings.Contains(want, ",[") {
			t.Errorf("%+v: %q, want %q", stub, got, want)
		}
	}
}

// TestLlamaServer plays back what llama-server of 2025-02, with --special, answers.
func TestLlamaServer(t *testing.T) {
	event := func(text, more string) string {
		return `data: {"choices":[{"text":"` + text + `","index":0,` + more + `}],"created":1795218169,"model":"tiny","system_fingerprint":"b0-unknown","object":"text_completion","id":"chatcmpl-U"` + "}\n\n"
	}
	m := completiontest.Talk(t, completions.New, "tiny",
		completiontest.Exchange{Path: "/v1/completions", Answer: event("[Retrieval]", `"logprobs":{"content":[{"id":32001,"token":"[Retrieval]","bytes":[91],"logprob":-0.5,"top_logprobs":[]}]},"finish_reason":null`)},
		completiontest.Exchange{Path: "/v1/completions", Answer: event("[Irrelevant]", `"logprobs":{"content":[{"id":32003,"token":"[Irrelevant]","bytes":[91,73,114,114,101,108,101,118,97,110,116,93],"logprob":-1.6280161142349243,`+
			`"top_logprobs":[{"id":32003,"token":"[Irrelevant]","bytes":[91,73,114,114,101,108,101,118,97,110,116,93],"logprob":-1.6280161142349243},{"id":32004,"token":"[Relevant]","bytes":[91,82,101,108,101,118,97,110,116,93],"logprob":-1.6377464532852173}]}]},"finish_reason":null`) +
			event(" It", `"logprobs":{"content":[{"id":739,"token":" It","bytes":[32,73,116],"logprob":-2.395369529724121,"top_logprobs":[{"id":739,"token":" It","bytes":[32,73,116],"logprob":-2.395369529724121},{"id":450,"token":" The","bytes":[32,84,104,101],"logprob":-3.759366035461426}]}]},"finish_reason":null`) +
			event("", `"logprobs":null,"finish_reason":"length"`) + "data: [DONE]\n\n"})
	req := completiontest.Request()
	req.Watch = []reflection.Group{reflection.IsREL}
	c, err := generator.Complete(t.Context(), m, req)
	if err != nil || len(c.Steps) != 2 || c.Steps[0].Token != reflection.Irrelevant || c.Steps[1].Text != " It" || c.Finish != generator.FinishLength {
		t.Fatalf("%+v, %v", c, err)
	}
	d, _ := c.Steps[0].Group(reflection.IsREL)
	if want := [2]reflection.Prob{reflection.ExactLog(-1.6280161142349243), reflection.ExactLog(-1.6377464532852173)}; d.Probs[0] != want[0] || d.Probs[1] != want[1] {
		t.Errorf("%v, want %v", d.Probs[:2], want)
	}
}

// TestUnfitModel: a server whose model has no reflection tokens, or does not show
// them, is refused.
func TestUnfitModel(t *testing.T) {
	m := completiontest.Serve(t, stub{hides: true}, completions.New, completions.Config{})
	err := generator.Check(t.Context(), m)
	if !errors.Is(err, modelserver.ErrModel) {
		t.Errorf("%v: want an error that wraps ErrModel", err)
	}
}
