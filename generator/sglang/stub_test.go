package sglang_test

import (
	"encoding/json"
	"math"
	"net/http"

	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

// stub speaks as SGLang does, for the model of completiontest.
type stub struct {
	incremental bool // was started with --incremental-streaming-output
}

func (s stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	completiontest.Handler("/generate", s.generate).ServeHTTP(w, r)
}

type request struct {
	Text     string
	InputIDs []int32 `json:"input_ids"`
	Sampling struct {
		Temperature *float64
		MaxTokens   int   `json:"max_new_tokens"`
		SkipSpecial *bool `json:"skip_special_tokens"`
	} `json:"sampling_params"`
	LogProb bool    `json:"return_logprob"`
	Start   int     `json:"logprob_start_len"`
	Top     int     `json:"top_logprobs_num"`
	IDs     []int32 `json:"token_ids_logprob"`
	Texts   bool    `json:"return_text_in_logprobs"`
	Stream  bool
}

func (s stub) generate(w http.ResponseWriter, r *http.Request) {
	var req request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || req.Sampling.Temperature == nil || req.Stream && (req.Sampling.SkipSpecial == nil || *req.Sampling.SkipSpecial) {
		completiontest.Refuse(w, "%v %+v", err, req)
		return
	}
	if len(req.InputIDs) > 0 {
		s.score(w, req)
		return
	}
	temperature := *req.Sampling.Temperature
	list := completiontest.Generate(req.Text, req.Sampling.MaxTokens, temperature, 7)
	text, ids := "", []int32{}
	lps, tops, asked := []any{}, []any{}, []any{}
	count := 0
	events := completiontest.Events(list)
	for i, e := range events {
		if s.incremental {
			text, ids, lps, tops, asked = "", nil, nil, nil, nil
		}
		text += e.Text
		for _, p := range e.Tokens {
			if temperature > 0 {
				p = tempered(p, temperature)
			}
			ids = append(ids, p.ID)
			lps = append(lps, req.tuple(p.LogProb, p.Piece))
			tops = append(tops, req.likeliest(p.LogProbs))
			asked = append(asked, req.asked(p.LogProbs))
			count++
		}
		meta := map[string]any{"id": "x", "finish_reason": nil, "prompt_tokens": len(completiontest.Tokenize(req.Text)) + 1, "completion_tokens": count, "cached_tokens": 1}
		if req.LogProb {
			meta["output_token_logprobs"], meta["input_token_logprobs"] = lps, []any{}
			if req.Top > 0 {
				meta["output_top_logprobs"] = tops
			}
			if req.IDs != nil {
				meta["output_token_ids_logprobs"] = asked
			}
		}
		if i == len(events)-1 {
			meta["finish_reason"] = map[string]any{"type": "length", "length": count}
			if completiontest.Ended(list) {
				meta["finish_reason"] = map[string]any{"type": "stop", "matched": completiontest.EndID}
			}
		}
		completiontest.Send(w, map[string]any{"text": text, "output_ids": ids, "meta_info": meta})
	}
	completiontest.Done(w)
}

// tempered is what the server returns for p at a temperature.
func tempered(p completiontest.Position, temperature float64) completiontest.Position {
	out, sum := make([]float64, len(p.LogProbs)), 0.0
	for i, x := range p.LogProbs {
		out[i] = x / temperature
		sum += math.Exp(out[i])
	}
	for i := range out {
		out[i] -= math.Log(sum)
	}
	p.LogProb = p.LogProb/temperature - math.Log(sum)
	p.LogProbs = out
	return p
}

func (req request) tuple(x float64, p completiontest.Piece) any {
	if req.Texts {
		return []any{x, p.ID, p.Text}
	}
	return []any{x, p.ID, nil}
}

func (req request) likeliest(lp []float64) any {
	list := []any{}
	for _, i := range completiontest.Ranked(lp)[:min(req.Top, len(lp))] {
		list = append(list, req.tuple(lp[i], completiontest.Vocabulary[i]))
	}
	return list
}

func (req request) asked(lp []float64) any {
	list := []any{}
	for _, id := range req.IDs {
		for i, p := range completiontest.Vocabulary {
			if p.ID == id {
				list = append(list, req.tuple(lp[i], p))
			}
		}
	}
	return list
}

func (s stub) score(w http.ResponseWriter, req request) {
	lps, tops, asked := []any{[]any{nil, req.InputIDs[req.Start], nil}}, []any{nil}, []any{nil}
	for i := req.Start + 1; i < len(req.InputIDs); i++ {
		lp := completiontest.LogProbs(completiontest.Join(req.InputIDs[:i]))
		x := -50.5
		for k, p := range completiontest.Vocabulary {
			if p.ID == req.InputIDs[i] {
				x = lp[k]
			}
		}
		lps = append(lps, []any{x, req.InputIDs[i], nil})
		tops, asked = append(tops, req.likeliest(lp)), append(asked, req.asked(lp))
	}
	meta := map[string]any{"finish_reason": map[string]any{"type": "length"}, "prompt_tokens": len(req.InputIDs), "completion_tokens": 1, "input_token_logprobs": lps}
	if req.Top > 0 {
		meta["input_top_logprobs"] = tops
	}
	if req.IDs != nil {
		meta["input_token_ids_logprobs"] = asked
	}
	completiontest.Reply(w, map[string]any{"text": "x", "meta_info": meta})
}
