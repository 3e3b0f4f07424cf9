package llamacpp_test

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

// stub speaks as llama-server does, for the model of completiontest.
type stub struct {
	special bool // started with --special
	cut     bool // cuts prompts that do not fit
}

func (s stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/props":
		completiontest.Reply(w, map[string]any{"total_slots": 4, "model_path": "tiny.gguf", "bos_token": "<s>", "eos_token": "</s>"})
	case "/v1/models":
		completiontest.Reply(w, map[string]any{"data": []any{map[string]any{"id": "tiny.gguf", "meta": map[string]any{"n_vocab": len(completiontest.Vocabulary)}}}})
	case "/tokenize":
		var req struct {
			Content string
			Begin   bool `json:"add_special"`
		}
		_ = json.NewDecoder(r.Body).Decode(&req)
		completiontest.Reply(w, map[string]any{"tokens": completiontest.Begun(req.Content, req.Begin)})
	default:
		s.complete(w, r)
	}
}

type request struct {
	Prompt      string
	NPredict    int `json:"n_predict"`
	Temperature *float64
	Seed        uint64
	NProbs      int  `json:"n_probs"`
	Slot        *int `json:"id_slot"`
	Stream      bool
	Samplers    []string
	After       bool         `json:"post_sampling_probs"`
	Bias        [][2]float64 `json:"logit_bias"`
}

func (s stub) complete(w http.ResponseWriter, r *http.Request) {
	var req request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || req.Temperature == nil || !req.Stream ||
		!slices.Equal(req.Samplers, []string{"temperature"}) || req.Slot != nil && (*req.Slot < 0 || *req.Slot > 3) {
		completiontest.Refuse(w, "%v %+v", err, req)
		return
	}
	evaluated := len(completiontest.Tokenize(req.Prompt)) + 1
	list := completiontest.Generate(req.Prompt, req.NPredict, *req.Temperature, req.Seed)
	predicted := 0
	for _, e := range completiontest.Events(list) {
		predicted += len(e.Tokens)
		p := e.Tokens[len(e.Tokens)-1] // the server says nothing of the others
		text := s.shown(p.Piece, e.Text)
		if !utf8.ValidString(p.Text) && e.Text != p.Text && len(e.Tokens) == 1 {
			continue // a character that did not become complete
		}
		event := map[string]any{"index": 0, "content": text, "tokens": []int32{p.ID}, "stop": false, "id_slot": -1, "tokens_predicted": predicted, "tokens_evaluated": evaluated}
		if req.NProbs > 0 {
			event["completion_probabilities"] = []any{s.position(req, p)}
		}
		completiontest.Send(w, event)
	}
	reason := "limit"
	if completiontest.Ended(list) {
		reason = "eos"
	}
	completiontest.Send(w, map[string]any{
		"index": 0, "content": "", "tokens": []int32{}, "stop": true, "stop_type": reason, "stopping_word": "", "truncated": s.cut,
		"tokens_predicted": len(list), "tokens_evaluated": evaluated, "tokens_cached": evaluated + len(list) - 1, "timings": map[string]any{"prompt_n": 1},
	})
}

// shown hides control tokens unless the server was told to show them.
func (s stub) shown(p completiontest.Piece, text string) string {
	switch {
	case s.special && p.ID == completiontest.EndID:
		return p.Text
	case !s.special && (p.ID == completiontest.EndID || p.ID >= completiontest.FirstControl):
		return ""
	}
	return text
}

func (s stub) position(req request, p completiontest.Position) map[string]any {
	out := map[string]any{"id": p.ID, "token": s.shown(p.Piece, p.Text), "bytes": []byte{}, "logprob": p.LogProb}
	top := []any{}
	if req.After {
		sum := 0.0
		lp := slices.Clone(p.LogProbs)
		for i, v := range completiontest.Vocabulary {
			for _, b := range req.Bias {
				if int32(b[0]) == v.ID {
					lp[i] += b[1]
				}
			}
			sum += math.Exp(lp[i])
		}
		for _, i := range completiontest.Ranked(lp)[:req.NProbs] {
			top = append(top, map[string]any{"id": completiontest.Vocabulary[i].ID, "token": "", "bytes": []byte{}, "prob": math.Exp(lp[i]) / sum})
		}
		delete(out, "logprob")
		out["prob"], out["top_probs"] = 1, top
		return out
	}
	for _, i := range completiontest.Ranked(p.LogProbs)[:min(req.NProbs, len(p.LogProbs))] {
		v := completiontest.Vocabulary[i]
		top = append(top, map[string]any{"id": v.ID, "token": s.shown(v, v.Text), "bytes": []byte{}, "logprob": p.LogProbs[i]})
	}
	out["top_logprobs"] = top
	return out
}
