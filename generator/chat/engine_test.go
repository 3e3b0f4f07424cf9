package chat_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// reader is a chat server whose model answers questions about The Trial. It follows
// the instructions of the default prompts.
type reader struct {
	probs bool // it gives log-probabilities when asked for

	mu    sync.Mutex
	asked map[string]int // by kind of question
}

// within returns the text between a mark and its end.
func within(text, mark string) string {
	_, rest, _ := strings.Cut(text, "<"+mark+">\n")
	body, _, _ := strings.Cut(rest, "\n</"+mark+">")
	return body
}

// answer returns the kind of the question and the distribution of the first token,
// or the whole text under one name.
func (r *reader) answer(user string) (kind string, first map[string]float64, text string) {
	passage, segment := within(user, "passage"), within(user, "segment")
	relevant := strings.Contains(passage, "The Trial")
	supported := segment != "" && strings.Contains(passage, strings.Fields(segment)[len(strings.Fields(segment))-1])
	letter := func(a, b, c float64) map[string]float64 { return map[string]float64{"A": a, "B": b, "C": c} }
	object := strings.Contains(user, "JSON")
	switch {
	case strings.Contains(user, "Does the passage contain"):
		if object {
			return "relevance", nil, map[bool]string{true: `{"relevance": "relevant"}`, false: `{"relevance": "irrelevant"}`}[relevant]
		}
		if relevant {
			return "relevance", letter(0.9, 0.05, 0), ""
		}
		return "relevance", letter(0.1, 0.85, 0), ""
	case object && strings.Contains(user, `"support"`):
		return "segment", nil, map[bool]string{true: `{"support": "full", "utility": 5}`, false: "```json\n{\"support\": \"none\", \"utility\": 2}\n```"}[supported]
	case strings.Contains(user, "How far does the passage support"):
		if supported {
			return "support", letter(0.8, 0.1, 0.05), ""
		}
		return "support", letter(0.1, 0.2, 0.6), ""
	case strings.Contains(user, "How useful is the answer"):
		return "utility", map[string]float64{"5": 0.6, "4": 0.3, "3": 0.05}, ""
	case strings.Contains(user, "What does the next sentence of the answer need"):
		if object {
			return "decision", nil, `{"retrieve": "yes"}`
		}
		return "decision", letter(0.7, 0.1, 0.2), ""
	case strings.Contains(user, "Is it necessary to look something up"):
		if object {
			return "decision", nil, `{"retrieve": "yes"}`
		}
		return "decision", letter(0.8, 0.2, 0), ""
	}
	switch so := within(user, "answer"); {
	case !strings.Contains(user, "sentence by sentence"):
		text = "Franz Kafka wrote The Trial."
	case so == "(nothing yet)": // it says more than it was asked for
		text = "Franz Kafka wrote The Trial. There is more to say about it."
	default:
		text = generator.EndMark
	}
	switch {
	case strings.Contains(passage, "1925") && text == generator.EndMark:
		text = "The Trial appeared in 1925. " + generator.EndMark
	case !relevant && text != generator.EndMark:
		text = "Nobody knows that."
	}
	return "answer", nil, text
}

func (r *reader) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var q body
	if err := json.NewDecoder(req.Body).Decode(&q); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	user := q.Messages[len(q.Messages)-1].Content
	kind, first, text := r.answer(user)
	r.mu.Lock()
	r.asked[kind]++
	r.mu.Unlock()
	var pieces []token
	if first != nil {
		names := []string{}
		for name := range first {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int { return cmp.Compare(first[b], first[a]) })
		t := entry(names[0], math.Log(first[names[0]]))
		for _, n := range names {
			if first[n] > 0 {
				t.Top = append(t.Top, entry(n, math.Log(first[n])))
			}
		}
		pieces = append(pieces, t)
	} else {
		for _, p := range strings.SplitAfter(text, " ") {
			pieces = append(pieces, entry(p, -0.1))
		}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, p := range pieces {
		choice := map[string]any{"index": 0, "delta": map[string]any{"content": p.Token}}
		if q.LogProbs && r.probs {
			choice["logprobs"] = map[string]any{"content": []token{p}}
		}
		b, _ := json.Marshal(map[string]any{"choices": []any{choice}})
		_, _ = fmt.Fprintf(w, "data: %s\n\n", b)
	}
	prompt := 0
	for _, m := range q.Messages {
		prompt += len(m.Content)/4 + 1
	}
	_, _ = fmt.Fprintf(w, "%s\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d}}\n\n%s\n\n", stop, prompt, len(pieces)+1, done)
}

// shelf returns five passages of about a hundred words each.
func shelf() retriever.Retriever {
	filler := strings.Repeat(" It is discussed in many books, and readers have found new meanings in it ever since.", 6)
	var list []retriever.Passage
	for _, p := range [][3]string{
		{"castle", "The Castle", "The Castle tells of a land surveyor."},
		{"author", "The Trial", "The Trial is a novel. Franz Kafka wrote The Trial."},
		{"date", "Publication", "The Trial was published in 1925."},
		{"letters", "Letters", "Kafka wrote many letters."},
		{"prague", "Prague", "Prague is a city."},
	} {
		list = append(list, retriever.Passage{ID: p[0], Title: p[1], Text: p[2] + filler})
	}
	return retriever.List(list...)
}

func TestEngine(t *testing.T) {
	const question = "Who wrote The Trial, and when did it appear?"
	for _, c := range []struct {
		name    string
		probs   bool
		options []selfrag.Option
		cited   string
		level   reflection.Level
		asked   map[string]int
	}{
		{"short form with log-probabilities", true, nil, "Franz Kafka wrote The Trial [1].", reflection.PromptedProbs,
			map[string]int{"decision": 1, "answer": 5, "relevance": 5, "support": 5, "utility": 5}},
		{"short form without", false, nil, "Franz Kafka wrote The Trial [1].", reflection.PromptedLabels,
			map[string]int{"decision": 1, "answer": 5, "relevance": 5, "segment": 5}},
		{"long form with log-probabilities", true, []selfrag.Option{selfrag.WithLongForm(1, 3)}, "Franz Kafka wrote The Trial [1]. The Trial appeared in 1925 [2].", reflection.PromptedProbs, nil},
		{"long form without", false, []selfrag.Option{selfrag.WithLongForm(2, 3)}, "Franz Kafka wrote The Trial [1]. The Trial appeared in 1925 [2].", reflection.PromptedLabels, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := &reader{probs: c.probs, asked: map[string]int{}}
			n := 0
			if c.probs {
				n = 20
			}
			model := connect(t, server, probs(n))
			j, err := judge.New(model, judge.Templates{})
			if err != nil {
				t.Fatal(err)
			}
			e, err := selfrag.New(model, shelf(), append(c.options, selfrag.WithCritic(j), selfrag.WithDecider(j))...)
			if err != nil {
				t.Fatal(err)
			}
			a, err := e.Answer(t.Context(), question)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %+v, asked %v, score %.3f", c.name, a.Usage, server.asked, a.Score)
			if a.Cited() != c.cited || a.Level != c.level {
				t.Errorf("%s (%v), want %s (%v)", a.Cited(), a.Level, c.cited, c.level)
			}
			total := 0
			for _, n := range server.asked {
				total += n
			}
			if a.Usage.Calls != total {
				t.Errorf("%d calls are stated and %d were made", a.Usage.Calls, total)
			}
			if d := gocmp.Diff(c.asked, server.asked); c.asked != nil && d != "" {
				t.Error(d)
			}
			if a.Segments[0].Support != reflection.FullySupported || a.Decision.Level != c.level || len(a.Trace.Templates) != 14 {
				t.Errorf("support %v, decision at %v, %d templates", a.Segments[0].Support, a.Decision.Level, len(a.Trace.Templates))
			}
			again, err := e.Answer(t.Context(), question, selfrag.WithConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			if x, y := canonical(t, a), canonical(t, again); x != y {
				t.Errorf("another concurrency gives another answer:\n%s\n%s", x, y)
			}
		})
	}
}

func canonical(t *testing.T, a *selfrag.Answer) string {
	t.Helper()
	b, err := a.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A server that gives no log-probabilities although it should is never taken for
// one that does.
func TestEngineDoesNotFallInSilence(t *testing.T) {
	model := connect(t, &reader{asked: map[string]int{}}, probs(20))
	j, err := judge.New(model, judge.Templates{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := selfrag.New(model, shelf(), selfrag.WithCritic(j), selfrag.WithDecider(j))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Answer(t.Context(), "Who?"); err == nil || !strings.Contains(err.Error(), "set TopLogProbs to 0") {
		t.Errorf("%v", err)
	}
}
