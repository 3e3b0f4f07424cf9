package interleave_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/interleave"
)

func TestVariants(t *testing.T) {
	i := 0
	for r, err := range interleave.Make(t.Context(), nil, nil, seeds(), interleave.Options{Variant: interleave.NoRetriever}) {
		want := seeds()[i]
		want.Masked = [][2]int{}
		if err != nil || r.Record == nil || r.Record.Output != want.Output || r.Record.Input != want.Input || len(r.Record.Masked) > 0 {
			t.Errorf("%+v, %v: want %+v", r, err, want)
		}
		i++
	}
	var inputs []string
	for r, err := range interleave.Make(t.Context(), nil, &world{}, seeds(), interleave.Options{Variant: interleave.NoCritic}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Record == nil {
			inputs = append(inputs, r.Dropped)
			continue
		}
		inputs = append(inputs, r.Record.Input)
		if !slices.ContainsFunc(seeds(), func(s training.Record) bool { return s.Output == r.Record.Output }) {
			t.Errorf("%+v", r.Record)
		}
	}
	other := "Trials\nA trial decides a case in a court."
	want := []string{"Dates\nThe Trial was published in 1925, a year after its author died.", "In French.\n\n" + other, other, other, "no passage was found", other}
	if !slices.Equal(inputs, want) {
		t.Errorf("%q\nwant %q", inputs, want)
	}
}

// The plan is no less than what a run takes, and a budget ends the run.
func TestPlanAndBudget(t *testing.T) {
	for _, o := range []interleave.Options{{}, {Rules: []interleave.Rule{interleave.Released}}, {Variant: interleave.NoCritic}, {Variant: interleave.NoRetriever}} {
		w, search := &world{}, &world{}
		plan, err := interleave.Plan(w, search, seeds(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := failed(interleave.Make(t.Context(), w, search, seeds(), o)); err != nil {
			t.Fatal(err)
		}
		if plan.Seeds != 6 || int64(plan.Labels) < w.calls.Load() || int64(plan.Retrievals) < search.calls.Load() || o.Variant == "" && plan.PromptTokens < 100*plan.Labels {
			t.Errorf("%+v: %d labels and %d retrievals, the plan is %+v", o, w.calls.Load(), search.calls.Load(), plan)
		}
	}
	ctx, b := budget.Open(t.Context(), "test", budget.Limits{Calls: 3})
	defer b.Close()
	if err := failed(interleave.Make(ctx, paying{&world{}}, &world{}, seeds(), interleave.Options{})); !errors.Is(err, budget.ErrExceeded) || b.Usage().Calls != 3 {
		t.Errorf("%v after %d calls", err, b.Usage().Calls)
	}
}

// paying reserves a call for each label.
type paying struct{ *world }

func (p paying) Label(ctx context.Context, it judge.Item) (judge.Label, error) {
	r, err := budget.Reserve(ctx, "a label", budget.Cost{Calls: 1})
	if err != nil {
		return judge.Label{}, err
	}
	defer r.Settle(budget.Usage{Calls: 1})
	return p.world.Label(ctx, it)
}

func TestOptions(t *testing.T) {
	for _, o := range []interleave.Options{{K: -1}, {K: 1001}, {Workers: 2000}, {Rules: []interleave.Rule{"nq"}}, {Variant: "half"}, {Mask: "all"}} {
		if err := failed(interleave.Make(t.Context(), &world{}, &world{}, nil, o)); !errors.Is(err, training.ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if err := failed(interleave.Make(t.Context(), nil, &world{}, nil, interleave.Options{})); !errors.Is(err, training.ErrOption) {
		t.Errorf("%v", err)
	}
	if err := failed(interleave.Make(t.Context(), &world{}, nil, nil, interleave.Options{})); !errors.Is(err, training.ErrOption) {
		t.Errorf("%v", err)
	}
}
