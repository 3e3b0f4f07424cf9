package realserver

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// many is the number of tokens that a server would generate if it were not stopped.
const many = 500

// titleWords is the length of the titles that endless is used with.
const titleWords = 100

// endless asks for an answer that the toy model never ends. The title begins with the
// name and continues for some words.
func endless(name string, words int) generator.Prompt {
	return generator.Prompt{Instruction: "Where is the moon?", Evidence: evidence(
		"Moon "+name+strings.Repeat(" of it", words/2),
		"The moon and moon and moon and moon and moon and water.",
	)}
}

// fresh returns a name that is in no slot of the server.
func fresh() string { return strconv.FormatInt(time.Now().UnixNano(), 10) }

// goesOn makes sure that the toy model does go on.
func goesOn(t *testing.T, p generator.Prompt) {
	t.Helper()
	c, err := generator.Complete(t.Context(), exact{model: toy(t)}, generator.Request{Prompt: p, MaxTokens: many})
	if err != nil || c.Finish != generator.FinishLength {
		t.Fatalf("after %v the model stops after %d tokens, %v: want it to go on", p, len(c.Steps), err)
	}
}

// countInLog counts by Ollama's log.
//
// It asks for one token after more and more of each title. A request goes to the
// free slot that has most of its prompt, which is the slot of the request in
// question as soon as that has ended.
func countInLog(t *testing.T, s server, path string) func(names ...string) []int {
	t.Helper()
	if path == "" {
		t.Skip("GOSELFRAG_OLLAMA_LOG is not set: it names the log of the work of the server")
	}
	loads := func() []Load {
		t.Helper()
		list, err := Loads(path)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	mark := len(loads())
	return func(names ...string) []int {
		t.Helper()
		for words := 2; words < titleWords; words += 2 {
			for _, name := range names {
				if _, err := generator.Complete(t.Context(), s.model, generator.Request{Prompt: endless(name, words), MaxTokens: 1}); err != nil {
					t.Fatal(err)
				}
			}
			list := loads()[mark:]
			var counts []int
			for i := range names {
				if n, known := Generated(list[i:]); known {
					counts = append(counts, n)
				}
			}
			if len(counts) == len(names) {
				return counts
			}
		}
		t.Fatal("the server still generates")
		return nil
	}
}

// A stream that is left, or whose context is done, ends at the server, too.
func TestLeftStreamsEndAtTheServer(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		goesOn(t, endless(fresh(), titleWords))
		for name, leave := range map[string]func(t *testing.T, req generator.Request){
			"break": func(t *testing.T, req generator.Request) {
				for _, err := range s.model.Generate(t.Context(), req) {
					if err != nil {
						t.Fatal(err)
					}
					break
				}
			},
			"canceled": func(t *testing.T, req generator.Request) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				steps := 0
				for range s.model.Generate(ctx, req) {
					if steps++; steps == 3 {
						cancel()
					}
				}
			},
		} {
			t.Run(name, func(t *testing.T) {
				count, name := s.count(t, s), fresh()
				leave(t, generator.Request{Prompt: endless(name, titleWords), MaxTokens: many})
				stoppedEarly(t, count(name))
			})
		}
		t.Run("not left", func(t *testing.T) { // so that the count is known to be right
			count, name := s.count(t, s), fresh()
			c, err := generator.Complete(t.Context(), s.model, generator.Request{Prompt: endless(name, titleWords), MaxTokens: 50})
			if n := count(name); err != nil || len(c.Steps) != 50 || n[0] != 50 {
				t.Errorf("%d steps, %v; the server generated %d: want 50", len(c.Steps), err, n)
			}
		})
	})
}

// stoppedEarly checks the numbers of tokens of requests that were left.
func stoppedEarly(t *testing.T, counts []int) {
	t.Helper()
	t.Logf("%d of %d tokens were generated", counts, many)
	for _, n := range counts {
		if n > many/2 {
			t.Errorf("the server generated %d of %d tokens: want it stopped early", n, many)
		}
	}
}

// When a question is canceled, all its candidates end at the server.
func TestCanceledCandidatesEndAtTheServer(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		var names []string
		var hits []retriever.Hit
		for i := range 3 {
			name := fresh()
			e := endless(name, titleWords).Evidence[0]
			names = append(names, name)
			hits = append(hits, retriever.Hit{Score: -float64(i), Passage: retriever.Passage{ID: name, Title: e.Title, Text: e.Text}})
		}
		passages := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
			return retriever.Result{Hits: hits, Scores: retriever.RankOnly}, nil
		})
		e, err := selfrag.New(s.model, passages, selfrag.WithMode(selfrag.Always), selfrag.WithMaxTokens(many))
		if err != nil {
			t.Fatal(err)
		}
		count := s.count(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		written := map[int]bool{}
		for event := range e.Stream(ctx, endless("", 0).Instruction) {
			if event.Kind == selfrag.EventText {
				written[event.Node] = true
			}
			if len(written) == len(hits) {
				cancel()
			}
		}
		stoppedEarly(t, count(names...))
	})
}
