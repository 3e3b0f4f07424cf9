package chat_test

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// words is the vocabulary of the stub's model; two of them make one character,
// and the empty one ends the answer.
var words = []string{"", " Mercury", " is", " hot", " near", " the", " sun", " 火星", ".", " \xc3", "\xa9"}

// number returns one in (0, 1) that text and i determine.
func number(text string, i int, salt uint64) float64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%d\x00%d", text, i, salt)
	x := h.Sum64()
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	return (float64((x^x>>33)>>11) + 0.5) / (1 << 53)
}

// logProbs returns the distribution after text.
func logProbs(text string) []float64 {
	out := make([]float64, len(words))
	sum := 0.0
	for i, w := range words {
		out[i] = 0.01 + number(text, i, 0)
		if (w == "\xa9") != strings.HasSuffix(text, "\xc3") {
			out[i] = 1e-6 * float64(i+1) // characters are not cut
		}
		sum += out[i]
	}
	for i := range out {
		out[i] = math.Log(out[i] / sum)
	}
	return out
}

// token is an entry of the list of log-probabilities.
type token struct {
	Token   string  `json:"token"`
	LogProb float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
	Top     []token `json:"top_logprobs,omitempty"`
}

func entry(w string, lp float64) token {
	t := token{Token: w, LogProb: lp, Bytes: []int{}}
	for i := range len(w) {
		t.Bytes = append(t.Bytes, int(w[i]))
	}
	if !utf8.ValidString(w) {
		t.Token = fmt.Sprintf("bytes:%x", w)
	}
	if w == "" {
		t.Token = "<|im_end|>"
	}
	return t
}

// body is a request as servers read it.
type body struct {
	Model    string
	Messages []struct{ Role, Content string }
	// MaxTokens is read from either of its names.
	MaxTokens           int      `json:"max_tokens"`
	MaxCompletionTokens int      `json:"max_completion_tokens"`
	Temperature         *float64 `json:"temperature"`
	Seed                uint64   `json:"seed"`
	LogProbs            bool     `json:"logprobs"`
	TopLogProbs         *int     `json:"top_logprobs"`
	Stream              bool     `json:"stream"`
	StreamOptions       struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

// stub is a server with a model of a few words.
type stub struct{}

func (stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var req body
	err := json.NewDecoder(r.Body).Decode(&req)
	if err != nil || r.URL.Path != "/v1/chat/completions" || !req.Stream || !req.StreamOptions.IncludeUsage || len(req.Messages) == 0 ||
		req.MaxTokens < 1 || req.Temperature == nil || req.TopLogProbs != nil && (!req.LogProbs || *req.TopLogProbs > 20) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":{"message":"the stub refuses this request","type":"invalid_request_error","code":null}}`))
		return
	}
	text := ""
	for _, m := range req.Messages {
		text += m.Role + ": " + m.Content + "\n"
	}
	prompt := len(text)
	w.Header().Set("Content-Type", "text/event-stream")
	event := func(choices, usage any) {
		b, _ := json.Marshal(map[string]any{"object": "chat.completion.chunk", "model": req.Model, "choices": choices, "usage": usage})
		_, _ = fmt.Fprintf(w, "data: %s\n\n", b)
		_ = http.NewResponseController(w).Flush()
	}
	choice := func(content string, list []token, finish any) []any {
		c := map[string]any{"index": 0, "delta": map[string]any{"content": content}, "finish_reason": finish, "logprobs": nil}
		if req.LogProbs {
			c["logprobs"] = map[string]any{"content": list}
		}
		return []any{c}
	}
	event([]any{map[string]any{"index": 0, "delta": map[string]any{"role": "assistant", "content": ""}, "finish_reason": nil}}, nil)
	n, finish, waiting, held := 0, "length", "", []token(nil)
	for n < req.MaxTokens && finish == "length" && r.Context().Err() == nil {
		lp := logProbs(text)
		i := pick(lp, text, *req.Temperature, req.Seed)
		n++
		if words[i] == "" {
			finish = "stop"
			break
		}
		t := entry(words[i], lp[i])
		if req.TopLogProbs != nil {
			for _, k := range ranked(lp)[:min(*req.TopLogProbs, len(words))] {
				t.Top = append(t.Top, entry(words[k], lp[k]))
			}
		}
		text, waiting, held = text+words[i], waiting+words[i], append(held, t)
		if utf8.ValidString(waiting) {
			event(choice(waiting, held, nil), nil)
			waiting, held = "", nil
		}
	}
	if waiting != "" { // a character that stays incomplete
		event(choice("", held, nil), nil)
	}
	event(choice("", []token{}, finish), nil)
	event([]any{}, map[string]any{"prompt_tokens": prompt / 4, "completion_tokens": n, "prompt_tokens_details": map[string]any{"cached_tokens": prompt / 8}})
	_, _ = w.Write([]byte("data: [DONE]\n\n"))
}

func ranked(lp []float64) []int {
	order := make([]int, len(lp))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if lp[a] > lp[b] {
			return -1
		}
		return 1
	})
	return order
}

// pick chooses the next token, by the Gumbel trick above temperature 0.
func pick(lp []float64, text string, temperature float64, seed uint64) int {
	best, most := 0, math.Inf(-1)
	for i := range lp {
		score := lp[i]
		if temperature > 0 {
			score = lp[i]/temperature - math.Log(-math.Log(number(text, i, seed+1)))
		}
		if score > most {
			best, most = i, score
		}
	}
	return best
}
