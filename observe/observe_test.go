package observe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/observe"
)

func TestRecorder(t *testing.T) {
	var rec observe.Recorder
	ctx := observe.With(t.Context(), &rec)
	route, step := observe.Start(ctx, observe.Part, "route")
	_, call := observe.Start(route, observe.Generation, "rewrite-route")
	call.Prompt("rewrite-route", "abc")
	call.Note("wiki\xff")
	call.Spend(budget.Usage{Calls: 1, GeneratedTokens: 3})
	call.End(nil)
	step.Note("wiki")
	step.End(nil)
	left, _ := observe.Start(ctx, observe.Part, "left")
	_, right := observe.Start(ctx, observe.Part, "right\xff")
	right.End(errors.New("broken\xff"))
	embedding, _ := observe.Start(left, observe.Embedding, "query")
	_, embed := observe.Start(embedding, observe.Request, "embed")
	embed.End(nil)
	want := []observe.Record{
		{Name: "route", Texts: []string{"wiki"}, Steps: []observe.Record{{
			Name: "rewrite-route", Texts: []string{"wiki\ufffd"}, Template: "rewrite-route", TemplateHash: "abc", Usage: &budget.Usage{Calls: 1, GeneratedTokens: 3},
		}}},
		{Name: "left", Steps: []observe.Record{{Name: "embed"}}},
		{Name: "right\ufffd", Error: "broken\ufffd"},
	}
	got := rec.Steps()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	got[0].Texts[0] = "changed"
	if rec.Steps()[0].Texts[0] != "wiki" {
		t.Error("the steps are not a copy")
	}
	b, err := json.Marshal(want[0])
	if want := `{"name":"route","texts":["wiki"],"steps":[{"name":"rewrite-route","texts":["wiki\ufffd"],"template":"rewrite-route","template_hash":"abc","usage":{"calls":1,"prompt_tokens":0,"generated_tokens":3}}]}`; err != nil || string(b) != strings.ReplaceAll(want, `\ufffd`, "\ufffd") {
		t.Errorf("%s, %v, want %s", b, err, want)
	}
}

// logged is an observer that records what it receives under its name, which it also
// puts into the context.
type logged struct {
	name string
	log  *[]string
}

type nameKey struct{ name string }

func (l logged) Start(ctx context.Context, s observe.Step) (context.Context, func(observe.End)) {
	outer, _ := ctx.Value(nameKey{l.name}).(string)
	at := outer + "/" + s.Name
	*l.log = append(*l.log, l.name+" starts "+at)
	return context.WithValue(ctx, nameKey{l.name}, at), func(e observe.End) {
		*l.log = append(*l.log, fmt.Sprintf("%s ends %s: %v %v %v", l.name, at, e.Err, e.Texts, e.Attributes))
	}
}

// Observers compose: each receives all steps, and the work runs under the contexts
// of all.
func TestObserversCompose(t *testing.T) {
	var log []string
	ctx := observe.With(observe.With(t.Context(), logged{"a", &log}), logged{"b", &log})
	outer, step := observe.Start(ctx, observe.Part, "x")
	if observe.Current(outer) != step {
		t.Error("the context does not know its step")
	}
	late := observe.With(outer, logged{"c", &log})
	inner, call := observe.Start(late, observe.Generation, "y")
	for name, want := range map[string]string{"a": "/x/y", "b": "/x/y", "c": "/y"} {
		if got := inner.Value(nameKey{name}); got != want {
			t.Errorf("%s is at %v, want %s", name, got, want)
		}
	}
	call.Set(slog.Int("n", 1))
	call.End(errors.New("broken"))
	observe.Current(outer).Note("found")
	step.End(nil)
	want := []string{
		"a starts /x", "b starts /x", "a starts /x/y", "b starts /x/y", "c starts /y",
		"c ends /y: broken [] [n=1]", "b ends /x/y: broken [] [n=1]", "a ends /x/y: broken [] [n=1]",
		"b ends /x: <nil> [found] []", "a ends /x: <nil> [found] []",
	}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// breaks is an observer that panics.
type breaks struct{ atEnd bool }

func (b breaks) Start(ctx context.Context, _ observe.Step) (context.Context, func(observe.End)) {
	if !b.atEnd {
		panic("broken")
	}
	return ctx, func(observe.End) { panic("broken") }
}

// If one observer panics, every observer that received the start of a step receives
// its end, once.
func TestObserverPanics(t *testing.T) {
	for _, atEnd := range []bool{false, true} {
		var log []string
		ctx := observe.With(observe.With(observe.With(t.Context(), logged{"a", &log}), breaks{atEnd}), logged{"b", &log})
		func() {
			defer func() {
				if p := recover(); p != "broken" {
					t.Errorf("recovered %v", p)
				}
			}()
			_, step := observe.Start(ctx, observe.Part, "x")
			step.End(nil)
		}()
		want := []string{"a starts /x", "a ends /x: observe: an observer did not return from Start [] []"}
		if atEnd {
			want = []string{"a starts /x", "b starts /x", "b ends /x: <nil> [] []", "a ends /x: <nil> [] []"}
		}
		if diff := cmp.Diff(want, log); diff != "" {
			t.Errorf("at the end %v (-want +got):\n%s", atEnd, diff)
		}
	}
}

// Without an observer nothing is made, and all calls do nothing.
func TestWithoutObserver(t *testing.T) {
	ctx := t.Context()
	n := testing.AllocsPerRun(100, func() {
		under, step := observe.Start(ctx, observe.Part, "x")
		step.Prompt("template", "hash")
		step.Spend(budget.Usage{Calls: 1})
		step.End(nil)
		if step != nil || under != ctx || observe.Current(ctx) != nil {
			t.Error("there is a step")
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A function that does not return ends its step with an error.
func TestEndWith(t *testing.T) {
	var rec observe.Recorder
	ctx := observe.With(t.Context(), &rec)
	work := func(do func() error) (err error) {
		_, step := observe.Start(ctx, observe.Part, "work")
		defer step.EndWith(&err)()
		return do()
	}
	if err := work(func() error { return nil }); err != nil {
		t.Error(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = work(func() error { runtime.Goexit(); return nil })
	}()
	<-done
	func() {
		defer func() { _ = recover() }()
		_ = work(func() error { panic("broken") })
	}()
	for i, s := range rec.Steps() {
		if (s.Error != "") != (i > 0) {
			t.Errorf("step %d: %+v", i, s)
		}
	}
}

func Example() {
	var steps observe.Recorder
	ctx := observe.With(context.Background(), &steps)

	ctx, search := observe.Start(ctx, observe.Part, "search")
	_, call := observe.Start(ctx, observe.Request, "embed")
	call.Spend(budget.Usage{Calls: 1})
	call.End(nil)
	search.Note("boats")
	search.End(nil)

	for _, s := range steps.Steps() {
		fmt.Println(s.Name, s.Texts, len(s.Steps), s.Steps[0].Usage.Calls)
	}
	// Output: search [boats] 1 1
}
