package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Options are the options of [Do]. The zero value is ready to use.
type Options struct {
	// Concurrency is how many questions are answered at the same time, from 1 to 1024; 0
	// means 4. It changes no result.
	Concurrency int
	// Traces keeps the trace of every answer that has one, without its times.
	Traces bool
	// Resume goes on with the run of the folder, if there is one. Otherwise a folder with
	// results is an error.
	Resume bool
	// Settings is what answers depend on besides names and questions, such as models and
	// pipelines: any value that package json can write. A run is only resumed with equal
	// settings.
	Settings any
	// Progress, if set, is called after each question with how many of all are done, by
	// one goroutine.
	Progress func(done, total int)
}

// answered is a record with its trace.
type answered struct {
	record Record
	trace  *selfrag.Trace
}

// Do asks every part its questions and keeps the results in the folder dir, which it makes
// if need be. It stops at the first error of a system: what came before it, in the order of
// parts and questions, is kept, and Resume goes on behind it.
//
// The error wraps [ErrOption] or [ErrFile], ctx.Err(), or is that of a system or the file
// system. Results that are there already are not asked for again, and cost nothing.
func Do(ctx context.Context, dir string, parts []Part, o Options) (_ *Results, err error) {
	if err := checkOptions(parts, &o); err != nil {
		return nil, err
	}
	h, err := headOf(parts, o)
	if err != nil {
		return nil, err
	}
	s, err := openStore(dir, h, parts, o.Resume)
	if err != nil {
		return nil, err
	}
	if err = errors.Join(answerRest(ctx, s, parts, o), s.close()); err != nil {
		return nil, err
	}
	return Read(dir)
}

func checkOptions(parts []Part, o *Options) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrOption, fmt.Sprintf(format, args...))
	}
	o.Concurrency = cmp.Or(o.Concurrency, 4)
	switch {
	case o.Concurrency < 1 || o.Concurrency > 1024:
		return bad("Concurrency is %d: want 1 to 1024, or 0 for 4", o.Concurrency)
	case len(parts) == 0:
		return bad("there is no part: want at least one")
	}
	names := map[string]bool{}
	for i, p := range parts {
		switch {
		case p.Name == "":
			return bad("parts[%d].Name is empty", i)
		case names[p.Name]:
			return bad("two parts are named %q: want a name for each", p.Name)
		case p.Answer == nil:
			return bad("part %q: Answer is nil", p.Name)
		case len(p.Questions) == 0:
			return bad("part %q has no question", p.Name)
		}
		names[p.Name] = true
		ids := map[string]bool{}
		for _, q := range p.Questions {
			if q.ID == "" || ids[q.ID] {
				return bad("part %q: the id %q is empty or comes twice: want an id for each question", p.Name, q.ID)
			}
			ids[q.ID] = true
		}
	}
	return nil
}

// answerRest answers the questions that the store lacks and writes them in their order.
func answerRest(ctx context.Context, s *store, parts []Part, o Options) error {
	list := flat(parts)
	done := s.lines
	todo := list[done:]
	if o.Progress != nil {
		o.Progress(done, len(list))
	}
	unknown := func(int) (budget.Cost, bool) { return budget.Cost{}, false }
	each := func(ctx context.Context, start func(context.Context, int) func() error) []error {
		return budget.Each(ctx, len(todo), o.Concurrency, unknown, start)
	}
	begin := func(ctx context.Context, i int) func() (answered, error) {
		return func() (answered, error) { return answerOne(ctx, &parts[todo[i].part], todo[i].question) }
	}
	for a, err := range fanout.Stream(ctx, len(todo), o.Concurrency, each, begin) {
		if err == nil {
			err = s.add(a)
		}
		if err != nil {
			return err
		}
		if done++; o.Progress != nil {
			o.Progress(done, len(list))
		}
	}
	return nil
}

// answerOne answers a question.
func answerOne(ctx context.Context, p *Part, question int) (answered, error) {
	q := p.Questions[question]
	fail := func(err error) (answered, error) {
		return answered{}, fmt.Errorf("run: %s, question %q: %w", p.Name, q.ID, err)
	}
	start := time.Now()
	a, err := p.Answer(ctx, q)
	switch {
	case err != nil:
		return fail(err)
	case a == nil:
		return fail(errors.New("the system gave no answer and no error"))
	}
	seconds := time.Since(start).Seconds()
	r := recordOf(p, q, a)
	for name, v := range r.Scores {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fail(fmt.Errorf("%w: the score %s is %v: leave out what is not defined", ErrOption, name, v))
		}
	}
	r.Seconds = seconds
	return answered{r, a.Trace}, nil
}

// item is a question of a part.
type item struct{ part, question int }

// flat lists all questions in the order of the file.
func flat(parts []Part) []item {
	var list []item
	for p := range parts {
		for q := range parts[p].Questions {
			list = append(list, item{p, q})
		}
	}
	return list
}
