package retrievertest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
)

// data: no text is an error, and none is understood as a query language.
func data(ctx context.Context, r retriever.Retriever) error {
	for _, text := range [...]string{
		"", " ", "?", "\x00", "\xff\xfe", "river\x00", "\xc3river", `\`, `"`, `'; DROP TABLE passages; --`,
		"((((", "[1 TO", "a:b:c", "🪐 火星", strings.Repeat(" river", 1<<20/6), strings.Repeat("x", 1<<20),
	} {
		res, err := all(ctx, r, text, nil)
		if err != nil {
			return fmt.Errorf("query %.40q of %d bytes: %w", text, len(text), err)
		}
		if len(res.Hits) > len(Corpus()) {
			return fmt.Errorf("query %.40q: %d hits", text, len(res.Hits))
		}
	}
	total := len(Corpus())
	for _, text := range [...]string{
		"-river", "NOT river", "!river", "+river +nonsense", "river AND nonsense", `"river nonsense"`, "title:river",
		"kind:nonsense river", "river^0", "(river", `river "`, "river && nonsense", "/river nonsense/",
	} {
		res, err := all(ctx, r, text, nil)
		if err != nil {
			return fmt.Errorf("query %q: %w", text, err)
		}
		if len(res.Hits) != total {
			return fmt.Errorf("query %q finds %d of %d passages that contain \"river\": want no part of it taken for an operator", text, len(res.Hits), total)
		}
	}
	return nil
}

// same returns an error if the second result is not the first.
func same(a, b retriever.Result) error {
	if !slices.Equal(ids(a), ids(b)) || a.Scores != b.Scores {
		return fmt.Errorf("%q and %q differ", ids(a), ids(b))
	}
	for i := range a.Hits {
		if a.Hits[i].Score != b.Hits[i].Score {
			return fmt.Errorf("scores %v and %v of hit %d differ", a.Hits[i].Score, b.Hits[i].Score, i)
		}
	}
	return nil
}

// repeatable: the same query on the same data gives the same result.
func (s *suite) repeatable(ctx context.Context, r retriever.Retriever) error {
	other, err := s.makeNew(Corpus())
	if err != nil {
		return fmt.Errorf("making another one: %w", err)
	}
	for _, text := range texts {
		first, err := all(ctx, r, text, nil)
		if err != nil {
			return fmt.Errorf("query %q: %w", text, err)
		}
		// Map order differs between two walks over a few keys only most of the time.
		for range 4 {
			for _, again := range [...]retriever.Retriever{r, other} {
				res, err := all(ctx, again, text, nil)
				if err == nil {
					err = same(first, res)
				}
				if err != nil {
					return fmt.Errorf("query %q, asked again: %w", text, err)
				}
			}
		}
	}
	return nil
}

// concurrent: many goroutines get what one gets.
func concurrent(ctx context.Context, r retriever.Retriever) error {
	want := make([]retriever.Result, len(texts))
	for i, text := range texts {
		var err error
		if want[i], err = all(ctx, r, text, nil); err != nil {
			return fmt.Errorf("query %q: %w", text, err)
		}
	}
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			res, err := all(ctx, r, texts[i%len(texts)], nil)
			if err == nil {
				err = same(want[i%len(texts)], res)
			}
			if err != nil {
				errs[i] = fmt.Errorf("query %q, %d at once: %w", texts[i%len(texts)], len(errs), err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// canceled: a context that is done is the error, and no goroutine stays.
func canceled(ctx context.Context, r retriever.Retriever) error {
	gone, cancel := context.WithCancel(ctx)
	cancel()
	late, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
	defer cancel()
	for _, done := range [...]context.Context{gone, late} {
		if _, err := all(done, r, everyone, nil); !errors.Is(err, done.Err()) {
			return fmt.Errorf("the error is %v: want one that wraps %q", err, done.Err())
		}
	}
	const runs = 16
	limit := runtime.NumGoroutine() + runs/2
	for range runs {
		_, _ = all(gone, r, everyone, nil) // the error was looked at above
	}
	// An ending goroutine needs the processor, not time.
	for range 200_000 {
		if runtime.NumGoroutine() <= limit {
			return nil
		}
		runtime.Gosched()
	}
	return fmt.Errorf("%d canceled calls left %d goroutines behind", runs, runtime.NumGoroutine()-limit+runs/2)
}

// owned: what the caller does to a result does not reach the next one.
func owned(ctx context.Context, r retriever.Retriever) error {
	res, err := all(ctx, r, everyone, nil)
	if err != nil {
		return err
	}
	// The second result is changed, too: that of a cache is another one than the first.
	want := ids(res)
	for range 2 {
		slices.Reverse(res.Hits)
		for i := range res.Hits {
			res.Hits[i].Passage.ID, res.Hits[i].Score = "changed", -1
		}
		if res, err = all(ctx, r, everyone, nil); err != nil {
			return err
		}
		if !slices.Equal(ids(res), want) {
			return fmt.Errorf("a change to one result shows in the next: %q became %q", want, ids(res))
		}
	}
	return nil
}

// unchanged: the passages that were given are only read.
func (s *suite) unchanged(ctx context.Context, _ retriever.Retriever) error {
	passages := Corpus()
	r, err := s.makeNew(passages)
	if err != nil {
		return fmt.Errorf("making another one: %w", err)
	}
	for _, f := range filters() {
		if _, err := all(ctx, r, everyone, f); err != nil {
			return err
		}
	}
	for i, p := range Corpus() {
		if !reflect.DeepEqual(p, passages[i]) {
			return fmt.Errorf("passage %q was changed from %+v to %+v", p.ID, p, passages[i])
		}
	}
	return nil
}
