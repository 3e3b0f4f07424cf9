package vllm_test

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

// stub speaks as vLLM does, for the model of completiontest.
type stub struct {
	old    bool // does not know logprob_token_ids and return_token_ids
	capped bool // was not started with --max-logprobs -1
	bundle int  // tokens per event, at least 1
}

func (s stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	completiontest.Handler("/v1/completions", s.complete).ServeHTTP(w, r)
}

type request struct {
	Model             string
	Prompt            json.RawMessage
	MaxTokens         int `json:"max_tokens"`
	Temperature       *float64
	Seed              uint64
	Stream            bool
	LogProbs          *int    `json:"logprobs"`
	IDs               []int32 `json:"logprob_token_ids"`
	AsIDs             bool    `json:"return_tokens_as_token_ids"`
	TokenIDs          bool    `json:"return_token_ids"`
	SkipSpecial       *bool   `json:"skip_special_tokens"`
	PromptLogProbs    *int    `json:"prompt_logprobs"`
	RepetitionPenalty float64 `json:"repetition_penalty"`
}

func (s stub) complete(w http.ResponseWriter, r *http.Request) {
	var req request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || req.Model != "tiny" || req.Temperature == nil {
		completiontest.Refuse(w, "%v %+v", err, req)
		return
	}
	if req.PromptLogProbs != nil {
		s.score(w, req)
		return
	}
	var prompt string
	if json.Unmarshal(req.Prompt, &prompt) != nil || !req.Stream || req.SkipSpecial == nil || *req.SkipSpecial || !req.TokenIDs || req.RepetitionPenalty != 1 {
		completiontest.Refuse(w, "%+v", req)
		return
	}
	if n := req.LogProbs; n != nil && s.capped && (*n < 0 || *n > 20) {
		completiontest.Refuse(w, "Requested sample logprobs of %d, which is greater than max allowed: 20", *n)
		return
	}
	list := completiontest.Generate(prompt, req.MaxTokens, *req.Temperature, req.Seed)
	usage := map[string]any{"prompt_tokens": len(completiontest.Tokenize(prompt)) + 1, "completion_tokens": 0}
	done := 0
	events := completiontest.Events(list)
	for len(events) > 0 {
		var tokens []completiontest.Position
		text := ""
		for range min(max(s.bundle, 1), len(events)) {
			tokens, text = append(tokens, events[0].Tokens...), text+events[0].Text
			events = events[1:]
		}
		done += len(tokens)
		usage["completion_tokens"] = done
		choice := map[string]any{"index": 0, "text": text, "finish_reason": nil, "stop_reason": nil}
		ids := []int32{}
		for _, p := range tokens {
			ids = append(ids, p.ID)
		}
		if !s.old {
			choice["token_ids"] = ids
		}
		if req.LogProbs != nil {
			choice["logprobs"] = s.logProbs(req, tokens)
		}
		if len(events) == 0 {
			choice["finish_reason"] = "length"
			if completiontest.Ended(list) {
				choice["finish_reason"] = "stop"
			}
		}
		completiontest.Send(w, map[string]any{"id": "cmpl-1", "object": "text_completion", "model": "tiny", "choices": []any{choice}, "usage": usage})
	}
	usage["prompt_tokens_details"] = map[string]any{"cached_tokens": 1}
	completiontest.Send(w, map[string]any{"id": "cmpl-1", "choices": []any{}, "usage": usage})
	completiontest.Done(w)
}

func (s stub) name(req request, p completiontest.Piece) string {
	if req.AsIDs {
		return fmt.Sprintf("token_id:%d", p.ID)
	}
	return p.Text
}

func (s stub) logProbs(req request, tokens []completiontest.Position) map[string]any {
	names, values, tops, offsets := []string{}, []float64{}, []map[string]float64{}, []int{}
	for _, t := range tokens {
		names, values, offsets = append(names, s.name(req, t.Piece)), append(values, t.LogProb), append(offsets, 0)
		top := map[string]float64{s.name(req, t.Piece): t.LogProb}
		if len(req.IDs) > 0 && !s.old {
			for i, p := range completiontest.Vocabulary {
				for _, id := range req.IDs {
					if p.ID == id {
						top[s.name(req, p)] = t.LogProbs[i]
					}
				}
			}
		} else {
			n := *req.LogProbs
			if n < 0 {
				n = len(t.LogProbs)
			}
			for _, i := range completiontest.Ranked(t.LogProbs)[:min(n, len(t.LogProbs))] {
				top[s.name(req, completiontest.Vocabulary[i])] = t.LogProbs[i]
			}
		}
		tops = append(tops, top)
	}
	return map[string]any{"tokens": names, "token_logprobs": values, "top_logprobs": tops, "text_offset": offsets}
}

func (s stub) score(w http.ResponseWriter, req request) {
	var ids []int32
	if json.Unmarshal(req.Prompt, &ids) != nil || req.Stream {
		completiontest.Refuse(w, "%+v", req)
		return
	}
	scores := []any{nil}
	for i := 1; i < len(ids); i++ {
		lp := completiontest.LogProbs(completiontest.Join(ids[:i]))
		entry := map[string]any{}
		for rank, k := range completiontest.Ranked(lp) {
			if p := completiontest.Vocabulary[k]; p.ID == ids[i] || rank < *req.PromptLogProbs {
				entry[fmt.Sprint(p.ID)] = map[string]any{"logprob": lp[k], "rank": rank + 1, "decoded_token": p.Text}
			}
		}
		if len(entry) == 0 || entry[fmt.Sprint(ids[i])] == nil {
			entry[fmt.Sprint(ids[i])] = map[string]any{"logprob": -50.5, "rank": 99, "decoded_token": completiontest.Text(ids[i])}
		}
		scores = append(scores, entry)
	}
	completiontest.Reply(w, map[string]any{"choices": []any{map[string]any{"index": 0, "text": "x", "finish_reason": "length", "prompt_logprobs": scores}}})
}
