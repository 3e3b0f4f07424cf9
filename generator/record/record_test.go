package record_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/generator/record"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

func open(t *testing.T, name string, o record.Options) *record.Tape {
	t.Helper()
	tape, err := record.Open(name, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tape.Close() })
	return tape
}

// A recorded model keeps the contract, while it records and while it replays.
func TestContract(t *testing.T) {
	tape := open(t, filepath.Join(t.TempDir(), "calls"), record.Options{})
	model := tape.Wrap(&generatortest.Random{Seed: 3}, "random")
	for range 2 {
		generatortest.TestGenerator(t, model, generatortest.Seeded(), generatortest.MaxTokens(8))
	}
	if c := tape.Counts(); c.Replayed == 0 || c.Asked == 0 {
		t.Errorf("%+v: want both", c)
	}
}

// passages are what the engine of the test retrieves.
func passages(context.Context, retriever.Query) (retriever.Result, error) {
	return retriever.Result{Scores: retriever.RankOnly, Hits: []retriever.Hit{
		{Score: 2, Passage: retriever.Passage{ID: "a", Title: "A", Text: "The first passage."}},
		{Score: 1, Passage: retriever.Passage{ID: "b", Title: "B", Text: "The second one."}},
	}}, nil
}

func answer(t *testing.T, model generator.Generator) (string, error) {
	t.Helper()
	e, err := selfrag.New(model, retriever.Func(passages), selfrag.WithTrace(selfrag.TraceFull), selfrag.WithLongForm(2, 3))
	if err != nil {
		t.Fatal(err)
	}
	a, err := e.Answer(t.Context(), "Which passage is the first?")
	if err != nil {
		return "", err
	}
	text, err := a.Trace.Canonical()
	return string(text), err
}

// dead is a model behind whose address nothing listens.
type dead struct{ generator.Generator }

var errDead = errors.New("connection refused")

func (d dead) Generate(context.Context, generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) { yield(generator.Step{}, errDead) }
}
func (d dead) GroupProbs(context.Context, generator.Request, []generator.Step, reflection.Group) (reflection.Distribution, error) {
	return reflection.Distribution{}, errDead
}
func (d dead) Describe(context.Context) (generator.Capabilities, error) {
	return generator.Capabilities{}, errDead
}

// A question that was recorded is answered again without the model, to the last digit of
// the trace, by the same process and by the next one.
func TestReplay(t *testing.T) {
	name := filepath.Join(t.TempDir(), "calls")
	tape := open(t, name, record.Options{})
	want, err := answer(t, tape.Wrap(&generatortest.Random{Seed: 5}, "m"))
	if err != nil {
		t.Fatal(err)
	}
	direct, err := answer(t, &generatortest.Random{Seed: 5})
	if err != nil || direct != want {
		t.Fatalf("%v: recording changes the trace: %s", err, cmp.Diff(direct, want))
	}
	asked := tape.Counts().Asked
	again := func(tape *record.Tape) {
		t.Helper()
		if got, err := answer(t, tape.Wrap(dead{}, "m")); err != nil || got != want {
			t.Errorf("%v: %s", err, cmp.Diff(want, got))
		}
	}
	again(tape)
	if c := tape.Counts(); c.Asked != asked || c.Replayed < asked {
		t.Errorf("%+v after %d calls: want no further one", c, asked)
	}
	if err := tape.Close(); err != nil {
		t.Fatal(err)
	}
	again(open(t, name, record.Options{}))
	again(open(t, name, record.Options{ReplayOnly: true}))
	if _, err := answer(t, open(t, name, record.Options{}).Wrap(dead{}, "other")); !errors.Is(err, errDead) {
		t.Errorf("%v: want a model of another name asked", err)
	}
	if _, err := answer(t, open(t, name, record.Options{ReplayOnly: true}).Wrap(dead{}, "other")); !errors.Is(err, record.ErrMissing) {
		t.Errorf("%v: want %v", err, record.ErrMissing)
	}
}

// requests are different requests, but for the last, which is the first one again.
func requests() []generator.Request {
	t := generator.MustTaskTemplate("t", "", "{{x}}")
	u := generator.MustTaskTemplate("t", "", "say {{x}}")
	of := func(in string) generator.Request {
		return generator.Request{Prompt: generator.Prompt{Instruction: in}, MaxTokens: 5}
	}
	more := func(change func(*generator.Request)) generator.Request {
		r := of("a")
		change(&r)
		return r
	}
	task := func(t generator.TaskTemplate, v string) generator.Request {
		return generator.Request{Task: &generator.Task{Template: t, Values: map[string]string{"x": v}}, MaxTokens: 5}
	}
	return []generator.Request{
		of("a"), of("b"),
		more(func(r *generator.Request) { r.MaxTokens = 6 }),
		more(func(r *generator.Request) { r.Temperature = 1 }),
		more(func(r *generator.Request) { r.Temperature, r.Seed = 1, 2 }),
		more(func(r *generator.Request) { r.Watch = []reflection.Group{reflection.IsREL} }),
		more(func(r *generator.Request) { r.Stop = []reflection.Token{reflection.Retrieval} }),
		more(func(r *generator.Request) { r.Alternatives = 1 }),
		more(func(r *generator.Request) { r.After = []generator.Step{{Text: "x"}} }),
		more(func(r *generator.Request) { r.Prompt.Evidence = []generator.Evidence{{Text: "x"}} }),
		task(t, "a"), task(t, "b"), task(u, "a"),
		more(func(r *generator.Request) { r.Affinity = 7 }),
	}
}

// Whatever can change what a model says is in the key.
func TestKeys(t *testing.T) {
	tape := open(t, filepath.Join(t.TempDir(), "calls"), record.Options{})
	n := 0
	model := tape.Wrap(generator.Wrap(dead{}, func(context.Context, generator.Request) iter.Seq2[generator.Step, error] {
		return func(yield func(generator.Step, error) bool) {
			n++
			yield(generator.Step{Finish: generator.FinishEnd, Usage: generator.Usage{Calls: 1, GeneratedTokens: n}}, nil)
		}
	}), "m")
	list := requests()
	// Every field of a request is named above, or does not count.
	if fields := reflect.TypeFor[generator.Request]().NumField(); fields != 10 {
		t.Errorf("a request has %d fields: add the new one to the test", fields)
	}
	for i, req := range list {
		c, err := generator.Complete(t.Context(), model, req)
		if want := (i + 1) % len(list); err != nil || c.Usage.GeneratedTokens != max(want, 1) {
			t.Errorf("request %d: %v, call %d", i, err, c.Usage.GeneratedTokens)
		}
	}
}

// A power that the model lacks is lacked by the recording. An error is not recorded.
func TestMissingPower(t *testing.T) {
	tape := open(t, filepath.Join(t.TempDir(), "calls"), record.Options{})
	bare := generatortest.Bare(&generatortest.Random{Seed: 1})
	for range 2 {
		if _, err := generator.Next(t.Context(), tape.Wrap(bare, "m"), requests()[0], nil); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v: want %v", err, errors.ErrUnsupported)
		}
	}
	if c := tape.Counts(); c != (record.Counts{Replayed: 1, Asked: 1}) {
		t.Errorf("%+v", c)
	}
	if _, err := generator.Complete(t.Context(), tape.Wrap(dead{}, "d"), requests()[0]); !errors.Is(err, errDead) {
		t.Error(err)
	}
	if _, err := generator.Complete(t.Context(), tape.Wrap(&generatortest.Random{Seed: 1}, "d"), requests()[0]); err != nil {
		t.Errorf("an error was recorded: %v", err)
	}
}

// Cut at any byte, a file gives the calls of its whole lines, and goes on from there to the
// same bytes.
func TestCut(t *testing.T) {
	name := filepath.Join(t.TempDir(), "calls")
	ask := func() {
		t.Helper()
		tape, err := record.Open(name, record.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, req := range requests()[:3] {
			if _, err := generator.Complete(t.Context(), tape.Wrap(&generatortest.Random{Seed: 1}, "m"), req); err != nil {
				t.Fatal(err)
			}
		}
		if err := tape.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(want) {
		if err := os.WriteFile(name, want[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		ask()
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("cut at %d of %d: %v", cut, len(want), err)
		}
	}
}

// A file that is no recording is refused and stays as it is.
func TestForeignFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "calls")
	tape := open(t, name, record.Options{})
	if err := tape.Close(); err != nil {
		t.Fatal(err)
	}
	head, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"Dear diary\nnothing":                    "not a recording",
		"Dear diary":                             "",
		string(head) + "{}\n":                    ":2 is not a recorded call",
		string(head) + `{"k":"zz","v":1}` + "\n": ":2 is not a recorded call",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := record.Open(name, record.Options{})
		if got, _ := os.ReadFile(name); !errors.Is(err, record.ErrFile) || !strings.Contains(err.Error(), want) || string(got) != text {
			t.Errorf("%q: %v, and the file holds %q", text, err, got)
		}
	}
	if _, err := record.Open(filepath.Join(t.TempDir(), "none"), record.Options{ReplayOnly: true}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
