package realserver

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// load is a line of Ollama's log: a request that begins. What the slot still holds
// of the request before tells how far that one went.
type load struct {
	slot   int
	cached int // tokens of the request before, its answer included
	prompt int
}

var loading = regexp.MustCompile(`msg="loading cache slot" id=(\d+) cache=(\d+) prompt=(\d+)`)

// loads reads the log.
func loads(t *testing.T, s server) []load {
	t.Helper()
	if s.log == "" {
		t.Skip("GOSELFRAG_OLLAMA_LOG is not set: what the server has done stands there")
	}
	b, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	var list []load
	for _, m := range loading.FindAllSubmatch(b, -1) {
		var n [3]int
		for i := range n {
			n[i], _ = strconv.Atoi(string(m[i+1])) // digits, by the expression
		}
		list = append(list, load{n[0], n[1], n[2]})
	}
	return list
}

// endless is a passage after which the toy model goes on without end.
var endless = evidence("Moon", "The moon and moon and moon and moon and moon and water.")

// goesOn makes sure that the toy model goes on after a prompt for longer than a
// server may that was told to stop.
func goesOn(t *testing.T, p generator.Prompt) {
	t.Helper()
	c, err := generator.Complete(t.Context(), exact{toy(t)}, generator.Request{Prompt: p, MaxTokens: many})
	if err != nil || c.Finish != generator.FinishLength {
		t.Fatalf("after %v the model stops after %d tokens, %v: want it to go on", p, len(c.Steps), err)
	}
}

// many is the number of tokens that a server would generate for it if nobody
// stopped it.
const many = 500

// generated returns how many tokens the server generated for each of the n
// requests that began at the mark in its log, once they have ended: it keeps the
// server busy with the prompt p until their slots are in use for others.
func generated(t *testing.T, s server, mark, n int, p generator.Prompt) []int {
	t.Helper()
	for range 100 {
		list := loads(t, s)[mark:]
		if len(list) < n {
			t.Fatalf("the log has %d requests: want %d", len(list), n)
		}
		var counts []int
		for _, first := range list[:n] {
			next := slices.IndexFunc(list[n:], func(l load) bool { return l.slot == first.slot })
			if next >= 0 {
				// The last token is not put into the cache.
				counts = append(counts, list[n+next].cached-first.prompt+1)
			}
		}
		if len(counts) == n {
			return counts
		}
		var group errgroup.Group
		for range 16 {
			group.Go(func() error {
				_, err := generator.Complete(t.Context(), s.model, generator.Request{Prompt: p, MaxTokens: 20})
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the server still generates")
	return nil
}

// A stream that is left, or whose context is done, ends at the server, too.
func TestLeftStreamsEndAtTheServer(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		for name, leave := range map[string]func(t *testing.T, req generator.Request){
			"break": func(t *testing.T, req generator.Request) {
				for _, err := range s.model.Generate(t.Context(), req) {
					if err != nil {
						t.Fatal(err)
					}
					break
				}
			},
			"cancelled": func(t *testing.T, req generator.Request) {
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
				mark := len(loads(t, s))
				p := generator.Prompt{Instruction: "Where is the moon? " + name, Evidence: endless}
				goesOn(t, p)
				leave(t, generator.Request{Prompt: p, MaxTokens: many})
				stoppedEarly(t, generated(t, s, mark, 1, p))
			})
		}
		t.Run("not left", func(t *testing.T) { // so that the count is known to be right
			mark := len(loads(t, s))
			p := generator.Prompt{Instruction: "Where is the moon? All of it.", Evidence: endless}
			c, err := generator.Complete(t.Context(), s.model, generator.Request{Prompt: p, MaxTokens: 50})
			if n := generated(t, s, mark, 1, p); err != nil || len(c.Steps) != 50 || n[0] != 50 {
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

// When a question is cancelled, all its candidates end at the server.
func TestCancelledCandidatesEndAtTheServer(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		const k = 3
		var hits []retriever.Hit
		for i := range k {
			hits = append(hits, retriever.Hit{Score: float64(k - i), Passage: retriever.Passage{
				ID: fmt.Sprint(i), Title: endless[0].Title + fmt.Sprint(" ", i), Text: endless[0].Text,
			}})
		}
		passages := retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
			return retriever.Result{Hits: hits, Scores: retriever.RankOnly}, nil
		})
		e, err := selfrag.New(s.model, passages, selfrag.WithMode(selfrag.Always), selfrag.WithK(k), selfrag.WithMaxTokens(many))
		if err != nil {
			t.Fatal(err)
		}
		mark := len(loads(t, s))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		written := map[int]bool{}
		const question = "Where is the moon? Tell me all."
		for event := range e.Stream(ctx, question) {
			if written[event.Node] = event.Kind == selfrag.EventText; len(written) == k {
				cancel()
			}
		}
		p := generator.Prompt{Instruction: question, Evidence: evidence(hits[0].Passage.Title, endless[0].Text)}
		goesOn(t, p)
		stoppedEarly(t, generated(t, s, mark, k, p))
	})
}
