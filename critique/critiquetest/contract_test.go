package critiquetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/internal/contracttest"
	"github.com/goselfrag/goselfrag/reflection"
)

// criticFunc and deciderFunc make critics and deciders of functions.
type (
	criticFunc  func(context.Context, critique.Continuation) (critique.Verdict, error)
	deciderFunc func(context.Context, critique.Situation) (critique.RetrievalVerdict, error)
)

func (f criticFunc) Critique(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
	return f(ctx, c)
}

func (f deciderFunc) Decide(ctx context.Context, s critique.Situation) (critique.RetrievalVerdict, error) {
	return f(ctx, s)
}

var errBoom = errors.New("boom")

// goodCritic judges by the tokens that were generated, which makes it depend on
// the candidate.
var goodCritic = criticFunc(func(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
	if err := ctx.Err(); err != nil {
		return critique.Verdict{}, err
	}
	return critique.NewTokens(nil).Critique(ctx, c)
})

// goodDecider decides by the number of segments.
var goodDecider = deciderFunc(func(ctx context.Context, s critique.Situation) (critique.RetrievalVerdict, error) {
	if err := ctx.Err(); err != nil {
		return critique.RetrievalVerdict{}, err
	}
	return Decision(1 / float64(2+len(s.Prompt.Path))), nil
})

// TestContractHolds runs the suites, as a user would, on what keeps the contract.
func TestContractHolds(t *testing.T) {
	refuses := criticFunc(func(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
		if c.Completion.Finish == generator.Running {
			return critique.Verdict{}, fmt.Errorf("not yet: %w", critique.ErrIncomplete)
		}
		return goodCritic(ctx, c)
	})
	knowsNothing := deciderFunc(func(ctx context.Context, _ critique.Situation) (critique.RetrievalVerdict, error) {
		return critique.RetrievalVerdict{Dist: reflection.Distribution{Group: reflection.Retrieve}}, ctx.Err()
	})
	for name, k := range map[string]critique.Critic{
		"good":    goodCritic,
		"script":  &Critic{Rules: []CriticRule{{Answer: Verdict(0.75, [3]float64{1, 0, 0}, [5]float64{})}}},
		"refuses": refuses,
	} {
		t.Run(name, func(t *testing.T) { TestCritic(t, k) })
	}
	for name, d := range map[string]critique.Decider{
		"good":          goodDecider,
		"script":        &Decider{Rules: []DeciderRule{{Answer: Decision(0.75)}}},
		"knows nothing": knowsNothing,
	} {
		t.Run(name, func(t *testing.T) { TestDecider(t, d) })
	}
}

// edit returns the good critic with f applied to each verdict.
func edit(f func(critique.Continuation, *critique.Verdict)) criticFunc {
	return func(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
		v, err := goodCritic(ctx, c)
		if err == nil {
			f(c, &v)
		}
		return v, err
	}
}

// editDecision returns the good decider with f applied to each decision.
func editDecision(f func(critique.Situation, *critique.RetrievalVerdict)) deciderFunc {
	return func(ctx context.Context, s critique.Situation) (critique.RetrievalVerdict, error) {
		d, err := goodDecider(ctx, s)
		if err == nil {
			f(s, &d)
		}
		return d, err
	}
}

// failing returns the good critic, which fails when f says so.
func failing(f func(context.Context, critique.Continuation) error) criticFunc {
	return func(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
		if err := f(ctx, c); err != nil {
			return critique.Verdict{}, err
		}
		return goodCritic(ctx, c)
	}
}

// leaver keeps goroutines waiting, as a leak does, until end is called.
type leaver struct {
	stop chan struct{}
	all  sync.WaitGroup
}

func newLeaver() *leaver { return &leaver{stop: make(chan struct{})} }

// leave starts a goroutine that waits until the end, or until done is closed.
func (l *leaver) leave(done <-chan struct{}) {
	l.all.Go(func() {
		select {
		case <-l.stop:
		case <-done:
		}
	})
}

// end ends the goroutines, so that the next test does not count them.
func (l *leaver) end() {
	close(l.stop)
	l.all.Wait()
}

func always(context.Context, critique.Continuation) error { return errBoom }

// incremental says that it judges incomplete candidates.
type incremental struct{ critique.Critic }

func (incremental) JudgesIncomplete() bool { return true }

// brokenCritic is a critic that the check must catch, and say so.
type brokenCritic struct {
	check, says string
	k           critique.Critic
}

func brokenCritics(leaks *leaver) []brokenCritic {
	return []brokenCritic{
		{"well-formed", "status Status(9)", edit(func(_ critique.Continuation, v *critique.Verdict) { v.IsREL.Status = 9 })},
		{"well-formed", "is pending", edit(func(_ critique.Continuation, v *critique.Verdict) { v.IsUSE.Status = reflection.StatusPending })},
		{"well-formed", "but there is a judgment", edit(func(_ critique.Continuation, v *critique.Verdict) { v.IsREL.Status = reflection.StatusUnknown })},
		{"well-formed", "want one of IsSUP", edit(func(_ critique.Continuation, v *critique.Verdict) { v.IsSUP = v.IsREL })},
		{"well-formed", "the token [Utility:3]", edit(func(_ critique.Continuation, v *critique.Verdict) { v.IsREL.Token = reflection.Utility3 })},
		{"well-formed", "by what means", edit(func(_ critique.Continuation, v *critique.Verdict) { v.IsREL.Level = reflection.LevelUnstated })},
		{"well-formed", "NaN", edit(func(_ critique.Continuation, v *critique.Verdict) {
			v.IsREL.Dist.Probs[0] = reflection.ExactLog(math.NaN())
		})},
		{"well-formed", "no probability is known", edit(func(_ critique.Continuation, v *critique.Verdict) {
			v.IsREL.Dist = reflection.Distribution{Group: reflection.IsREL}
		})},
		{"well-formed", "usage", edit(func(_ critique.Continuation, v *critique.Verdict) { v.Usage.CachedTokens = 3 })},
		{"well-formed", "boom", failing(always)},

		{"repeatable", "asked again", func() criticFunc {
			var n atomic.Int64
			return edit(func(_ critique.Continuation, v *critique.Verdict) {
				if v.IsREL.Status == reflection.StatusJudged {
					v.IsREL.Dist.Probs[0].Log -= float64(n.Add(1))
				}
			})
		}()},
		{"repeatable", "differ", func() criticFunc {
			last := ""
			return edit(func(c critique.Continuation, v *critique.Verdict) {
				if last == c.Completion.Text() {
					v.IsUSE = reflection.Judgment{}
				}
				last = c.Completion.Text()
			})
		}()},
		{"repeatable", "boom", failing(always)},

		{"data", "reserved strings in the question", believes(func(c critique.Continuation) string { return c.Question })},
		{"data", "reserved strings in the passage", believes(func(c critique.Continuation) string { return fmt.Sprint(c.Prompt.Evidence) })},
		{"data", "reserved strings in the answer", believes(func(c critique.Continuation) string { return c.Completion.Text() })},
		{"data", "reserved strings in the answer", believes(func(c critique.Continuation) string { return c.Text })},
		{"data", "boom", failing(always)},

		{"concurrent", "16 at once", func() criticFunc {
			var n atomic.Int64
			return edit(func(_ critique.Continuation, v *critique.Verdict) {
				if int(n.Add(1)) > len(candidates()) {
					v.IsSUP, v.IsUSE = reflection.Judgment{}, reflection.Judgment{}
				}
			})
		}()},
		{"concurrent", "boom", failing(always)},

		{"canceled", "want one that wraps", criticFunc(func(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
			return goodCritic(context.WithoutCancel(ctx), c)
		})},
		{"canceled", "boom", failing(always)},
		{"canceled", "goroutines behind", failing(func(context.Context, critique.Continuation) error {
			leaks.leave(nil)
			return nil
		})},

		{"unchanged", "was changed", edit(func(c critique.Continuation, _ *critique.Verdict) {
			for i := range c.Completion.Steps {
				c.Completion.Steps[i].Text = ""
			}
		})},
		{"unchanged", "boom", failing(always)},

		{"incomplete", "wraps critique.ErrIncomplete", failing(func(_ context.Context, c critique.Continuation) error {
			if c.Completion.Finish == generator.Running {
				return errBoom
			}
			return nil
		})},
		{"incomplete", "JudgesIncomplete says", incremental{failing(func(_ context.Context, c critique.Continuation) error {
			if c.Completion.Finish == generator.Running {
				return critique.ErrIncomplete
			}
			return nil
		})}},
		{"incomplete", "IsREL: judged", edit(func(c critique.Continuation, v *critique.Verdict) {
			if c.Completion.Finish == generator.Running {
				v.IsREL = reflection.Judged(reflection.OneHot(reflection.Relevant), reflection.Relevant, reflection.HardLabels)
			}
		})},
		{"incomplete", "distributions", edit(func(c critique.Continuation, v *critique.Verdict) {
			if c.Completion.Finish == generator.Running && v.IsREL.Status == reflection.StatusJudged {
				v.IsREL.Dist.Probs[1].Log -= 0.1
			}
		})},
		{"incomplete", "absent", edit(func(c critique.Continuation, v *critique.Verdict) {
			if c.Completion.Finish == generator.Running && v.IsUSE.Status == reflection.StatusPending {
				v.IsUSE.Status = reflection.StatusAbsent
			}
		})},
		{"incomplete", "boom", failing(always)},
	}
}

// believes returns a critic that takes a control token in a text for a judgment.
func believes(part func(critique.Continuation) string) criticFunc {
	return edit(func(c critique.Continuation, v *critique.Verdict) {
		if strings.Contains(part(c), reflection.FullySupported.String()) {
			v.IsSUP = reflection.Judged(reflection.OneHot(reflection.FullySupported), reflection.FullySupported, reflection.HardLabels)
		}
	})
}

// brokenDecider is a decider that the check must catch, and say so.
type brokenDecider struct {
	check, says string
	d           critique.Decider
}

func brokenDeciders() []brokenDecider {
	return []brokenDecider{
		{"well-formed", "want one of Retrieve", editDecision(func(_ critique.Situation, d *critique.RetrievalVerdict) { d.Dist.Group = reflection.IsREL })},
		{"well-formed", "want one of Retrieve", editDecision(func(_ critique.Situation, d *critique.RetrievalVerdict) { *d = critique.RetrievalVerdict{} })},
		{"well-formed", "the token [Relevant]", editDecision(func(_ critique.Situation, d *critique.RetrievalVerdict) { d.Token = reflection.Relevant })},
		{"well-formed", "by what means", editDecision(func(_ critique.Situation, d *critique.RetrievalVerdict) { d.Level = 99 })},
		{"well-formed", "usage", editDecision(func(_ critique.Situation, d *critique.RetrievalVerdict) { d.Usage.Calls = -1 })},
		{"repeatable", "differ", func() deciderFunc {
			var n atomic.Int64
			return editDecision(func(_ critique.Situation, d *critique.RetrievalVerdict) { *d = Decision(float64(n.Add(1)%2) / 2) })
		}()},
		{"repeatable", "distributions of", func() deciderFunc {
			var n atomic.Int64
			return editDecision(func(_ critique.Situation, d *critique.RetrievalVerdict) {
				if int(n.Add(1)) > len(situations()) {
					d.Dist.Group = reflection.IsREL
				}
			})
		}()},
		{"data", "reserved strings in the path", editDecision(func(s critique.Situation, d *critique.RetrievalVerdict) {
			if strings.Contains(fmt.Sprint(s.Prompt.Path), reflection.NoRetrieval.String()) {
				*d = Decision(0)
			}
		})},
		{"concurrent", "boom", failingDecider},
		{"canceled", "want one that wraps", deciderFunc(func(ctx context.Context, s critique.Situation) (critique.RetrievalVerdict, error) {
			return goodDecider(context.WithoutCancel(ctx), s)
		})},
		{"unchanged", "was changed", editDecision(func(s critique.Situation, _ *critique.RetrievalVerdict) {
			for i := range s.Prompt.Path {
				s.Prompt.Path[i].Text = "x"
			}
		})},
	}

}

// failingDecider fails.
var failingDecider = deciderFunc(func(context.Context, critique.Situation) (critique.RetrievalVerdict, error) {
	return critique.RetrievalVerdict{}, errBoom
})

// pick returns the check of the given name.
func pick(list []contracttest.Check, name string) contracttest.Check {
	return list[slices.IndexFunc(list, func(c contracttest.Check) bool { return c.Name == name })]
}

// TestContractCatches proves that every check can fail.
func TestContractCatches(t *testing.T) {
	fails := func(t *testing.T, c contracttest.Check, says string) {
		t.Helper()
		err := c.Run(t.Context())
		if err == nil || errors.As(err, new(contracttest.NotApplicable)) || !strings.Contains(err.Error(), says) {
			t.Errorf("the check says %v: want %q", err, says)
		}
	}
	leaks := newLeaver()
	defer leaks.end()
	caught := make(map[string]bool)
	for i, tt := range brokenCritics(leaks) {
		caught["critic "+tt.check] = true
		t.Run(fmt.Sprintf("critic/%s/%d", tt.check, i), func(t *testing.T) { fails(t, pick(criticChecks(tt.k), tt.check), tt.says) })
	}
	for i, tt := range brokenDeciders() {
		caught["decider "+tt.check] = true
		t.Run(fmt.Sprintf("decider/%s/%d", tt.check, i), func(t *testing.T) { fails(t, pick(deciderChecks(tt.d), tt.check), tt.says) })
	}
	for _, c := range criticChecks(goodCritic) {
		if !caught["critic "+c.Name] {
			t.Errorf("no broken critic proves that the check %s can fail", c.Name)
		}
	}
	for _, c := range deciderChecks(goodDecider) {
		if !caught["decider "+c.Name] {
			t.Errorf("no broken decider proves that the check %s can fail", c.Name)
		}
	}
}

func TestContractOptions(t *testing.T) {
	var n atomic.Int64
	jitter := edit(func(_ critique.Continuation, v *critique.Verdict) {
		if v.IsREL.Status == reflection.StatusJudged {
			v.IsREL.Dist.Probs[0].Log -= 1e-4 * float64(n.Add(1))
		}
	})
	if err := pick(criticChecks(jitter), "repeatable").Run(t.Context()); err == nil {
		t.Error("numbers that differ by 1e-4 pass with the default tolerance")
	}
	if err := pick(criticChecks(jitter, Tolerance(0.1)), "repeatable").Run(t.Context()); err != nil {
		t.Errorf("tolerance 0.1: %v", err)
	}
	if err := pick(criticChecks(jitter, Skip("repeatable", "it jitters")), "repeatable").Run(t.Context()); err != contracttest.NotApplicable("it jitters") {
		t.Errorf("skipped: %v", err)
	}
}

// TestTokens holds the library's own critic to the contract.
func TestTokens(t *testing.T) {
	tokens := critique.NewTokens(&generatortest.Random{Seed: 1, Noise: 0.1})
	TestCritic(t, tokens)
	TestDecider(t, tokens)
}
