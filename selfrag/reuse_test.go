package selfrag_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/selfrag"
)

// keeper is a critic that keeps what it has judged.
type keeper struct {
	critique.Critic
	mu   sync.Mutex
	kept []critique.Continuation
}

func (k *keeper) Critique(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
	k.mu.Lock()
	k.kept = append(k.kept, c)
	k.mu.Unlock()
	return k.Critic.Critique(ctx, c)
}

// asJSON returns the JSON form of v, in which all of a value shows.
func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The memory of candidates is reused for later ones. That changes nothing that an
// answer, its trace, an event or a critic holds.
func TestLaterQuestionsChangeNothing(t *testing.T) {
	model := &generatortest.Random{Seed: 5, MinWords: 30, MaxWords: 40}
	k := &keeper{Critic: critique.NewTokens(model)}
	long := []selfrag.Option{selfrag.WithLongForm(2, 3), selfrag.WithK(3), selfrag.WithThreshold(0.4)}
	own := newEngine(t, model, finds(hits("A", "B", "C")...), long...)
	kept := newEngine(t, model, finds(hits("A", "B", "C")...), append(long, selfrag.WithCritic(k))...)

	full := ask(t, own, "first", selfrag.WithTrace(selfrag.TraceFull))
	brief := ask(t, own, "first")
	ask(t, kept, "first")
	var events []selfrag.Event
	for e, err := range own.Stream(t.Context(), "first") {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if len(full.Trace.Expansions) < 2 || len(k.kept) < 2 {
		t.Fatalf("%d expansions and %d judged candidates show nothing", len(full.Trace.Expansions), len(k.kept))
	}
	judged := k.kept[:len(k.kept):len(k.kept)]
	check := func(when string) {
		for _, x := range full.Trace.Expansions {
			for _, c := range x.Candidates {
				if got := (generator.Completion{Steps: c.Tokens}).Text(); c.Text == "" || !strings.Contains(got, c.Text) {
					t.Errorf("%s: the tokens of %q say %q", when, c.Text, got)
				}
			}
		}
		for _, c := range judged {
			if got := c.Completion.Text(); c.Text == "" || !strings.Contains(got, c.Text) {
				t.Errorf("%s: the critic has kept %q for %q", when, got, c.Text)
			}
		}
	}
	check("at once")
	before := []string{asJSON(t, full), asJSON(t, brief), asJSON(t, judged), asJSON(t, events)}
	for i := range 20 {
		ask(t, own, fmt.Sprint("later ", i))
		ask(t, kept, fmt.Sprint("later ", i))
	}
	check("later")
	for i, v := range []any{full, brief, judged, events} {
		if after := asJSON(t, v); after != before[i] {
			t.Errorf("number %d became\n%s\nand was\n%s", i, after, before[i])
		}
	}
}

// The allocations of a candidate do not grow over time: the model's own two
// closures, two for its loop, the text, and those for running it beside others.
func TestAllocationsOfACandidate(t *testing.T) {
	if testsize.Racing {
		t.Skip("the race detector allocates, too")
	}
	allocations := func(k int) float64 {
		var ids []string
		for i := range k {
			ids = append(ids, fmt.Sprint(i))
		}
		e := newEngine(t, repeats(said("The quick brown fox jumps over the lazy dog.")), exactly(hits(ids...)...), always, selfrag.WithK(k))
		return testing.AllocsPerRun(200, func() { ask(t, e, "q") })
	}
	few, many := allocations(10), allocations(60)
	if per := (many - few) / 50; per > 9 {
		t.Errorf("%.1f allocations for each further candidate (%v with 10, %v with 60): want at most 9", per, few, many)
	}
}

// repeats is a model that says the same to every prompt.
type repeats []generator.Step

func (m repeats) Generate(context.Context, generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		for _, s := range m {
			if !yield(s, nil) {
				return
			}
		}
		yield(generator.Step{Finish: generator.FinishStop}, nil)
	}
}
