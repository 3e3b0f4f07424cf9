package ollama_test

import (
	"encoding/json"
	"net/http"

	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
	"github.com/goselfrag/goselfrag/reflection"
)

// stub speaks as Ollama 0.17 does, for the model of completiontest.
type stub struct {
	types func(token string) int // the type of a token; nil is the right one
}

func (s stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/api/show":
		s.show(w)
	case "/api/generate":
		s.generate(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s stub) show(w http.ResponseWriter) {
	var tokens []string
	var types []int
	end := 0
	for _, p := range completiontest.Vocabulary {
		kind := 1
		switch _, control := reflection.ParseToken(p.Text); {
		case control:
			kind = 4
		case p.ID == completiontest.EndID:
			kind, end = 3, len(tokens)
		}
		if s.types != nil {
			kind = s.types(p.Text)
		}
		tokens, types = append(tokens, p.Text), append(types, kind)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"details": map[string]any{"format": "gguf"}, "model_info": map[string]any{
		"general.architecture": "llama", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.eos_token_id": end,
		"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types,
	}})
}

type stubTop struct {
	Token   string  `json:"token"`
	LogProb float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

type stubLogProb struct {
	stubTop
	Top []stubTop `json:"top_logprobs,omitempty"`
}

func top(text string, logProb float64) stubTop {
	t := stubTop{Token: text, LogProb: logProb}
	for _, b := range []byte(text) {
		t.Bytes = append(t.Bytes, int(b))
	}
	return t
}

func (s stub) generate(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Model, Prompt string
		Raw, Stream   bool
		Truncate      *bool
		LogProbs      bool `json:"logprobs"`
		TopLogProbs   int  `json:"top_logprobs"`
		Options       struct {
			Temperature   *float64
			Seed          uint64
			NumPredict    int     `json:"num_predict"`
			RepeatPenalty float64 `json:"repeat_penalty"`
		}
	}
	err := json.NewDecoder(r.Body).Decode(&req)
	if err != nil || req.Model != "tiny" || !req.Raw || !req.Stream || req.Truncate == nil || *req.Truncate ||
		req.TopLogProbs > 20 || req.Options.Temperature == nil || req.Options.RepeatPenalty != 1 {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"top_logprobs must be between 0 and 20"}`))
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	list := completiontest.Generate(req.Prompt, req.Options.NumPredict, *req.Options.Temperature, req.Options.Seed)
	shown := list
	if completiontest.Ended(list) {
		shown = list[:len(list)-1] // without probabilities, like the real one
	}
	for _, e := range completiontest.Events(shown) {
		event := map[string]any{"model": "tiny", "created_at": "2026-01-02T03:04:05Z", "response": e.Text, "done": false}
		if e.Text == "" {
			continue // together with the probabilities, like the real one
		}
		if req.LogProbs {
			var probs []stubLogProb
			for _, p := range e.Tokens {
				l := stubLogProb{stubTop: top(p.Text, p.LogProb)}
				for _, i := range completiontest.Ranked(p.LogProbs)[:min(req.TopLogProbs, len(p.LogProbs))] {
					l.Top = append(l.Top, top(completiontest.Vocabulary[i].Text, p.LogProbs[i]))
				}
				probs = append(probs, l)
			}
			event["logprobs"] = probs
		}
		_ = out.Encode(event)
		_ = http.NewResponseController(w).Flush()
	}
	reason := "length"
	if completiontest.Ended(list) {
		reason = "stop"
	}
	_ = out.Encode(map[string]any{
		"model": "tiny", "response": "", "done": true, "done_reason": reason,
		"prompt_eval_count": len(completiontest.Tokenize(req.Prompt)), "eval_count": len(list),
	})
}
