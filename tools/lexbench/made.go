package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/tools/internal/madeup"
	"github.com/goselfrag/goselfrag/tools/internal/processor"
)

// batch is the number of made-up passages that are added at a time.
const batch = 50_000

// elsewhere returns the passages with some ids, without their texts: what is measured is the
// index.
func elsewhere(_ context.Context, ids []string) ([]retriever.Passage, error) {
	list := make([]retriever.Passage, len(ids))
	for i, id := range ids {
		list[i] = retriever.Passage{ID: id}
	}
	return list, nil
}

// spread is the distribution of times.
type spread []time.Duration

func (s spread) at(share float64) time.Duration {
	slices.Sort(s)
	return s[int(share*float64(len(s)-1))]
}

func (s spread) String() string {
	return fmt.Sprintf("p50 %v, p99 %v", s.at(0.5).Round(time.Microsecond), s.at(0.99).Round(time.Microsecond))
}

// rounds is how often every question is asked.
const rounds = 5

// times measures the time of every question, by the clock: the least of some rounds, since
// others may use the processor, too.
func times(questions []madeup.Question, ask func(madeup.Question) error) (spread, error) {
	s := make(spread, len(questions))
	for round := range rounds {
		for i, q := range questions {
			start := time.Now()
			if err := ask(q); err != nil {
				return nil, err
			}
			if d := time.Since(start); round == 0 || d < s[i] {
				s[i] = d
			}
		}
	}
	return s, nil
}

func heap() int {
	for range 3 { // what pools hold goes with the second collection
		debug.FreeOSMemory()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// measureMade measures an index of n made-up passages, and others beside it.
func measureMade(n, count int, dir string, peers []string) error {
	ctx := context.Background()
	var questions []madeup.Question
	for i := range count {
		questions = append(questions, madeup.Ask(i))
	}
	before := heap()
	o := lexical.Options{Analyzer: "en", Fetch: elsewhere}
	ix, err := lexical.New(ctx, nil, o)
	if err != nil {
		return err
	}
	var took, used time.Duration
	for i := 0; i < n; i += batch {
		passages := make([]retriever.Passage, min(batch, n-i))
		for k := range passages {
			passages[k] = madeup.Passage(i + k)
		}
		start, wall := processor.Time(), time.Now()
		if err := ix.Add(ctx, passages...); err != nil {
			return err
		}
		took, used = took+time.Since(wall), used+processor.Time()-start
	}
	fmt.Printf("%d passages, GOMAXPROCS %d; the times of questions are the least of %d rounds\n", ix.Len(), runtime.GOMAXPROCS(0), rounds)
	fmt.Printf("indexed %.0f a second of one processor, %.0f a second\n", float64(n)/used.Seconds(), float64(n)/took.Seconds())
	path := filepath.Join(dir, "lexical")
	start := time.Now()
	if err := ix.Save(ctx, path); err != nil {
		return err
	}
	fmt.Printf("memory %d bytes a passage; saved in %v, %d bytes a passage\n", (heap()-before)/n, time.Since(start).Round(time.Millisecond), size(path)/n)
	if err := ix.Close(); err != nil {
		return err
	}
	ix = nil
	debug.FreeOSMemory()
	start = time.Now()
	if ix, err = lexical.Open(path, o); err != nil {
		return err
	}
	defer ix.Close()
	find := func(q madeup.Question, f filter.Expr) ([]retriever.Hit, error) {
		res, err := ix.Retrieve(ctx, retriever.Query{Text: q.Text, K: 5, Filter: f})
		return res.Hits, err
	}
	if _, err := find(questions[0], nil); err != nil {
		return err
	}
	fmt.Printf("open to first answer %v\n", time.Since(start).Round(10*time.Microsecond))
	s, err := times(questions, func(q madeup.Question) error { _, err := find(q, nil); return err })
	if err != nil {
		return err
	}
	fmt.Printf("search: %v; %s\n", s, resident())
	for _, name := range peers {
		if err := measurePeer(name, n, dir, questions, find); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := measureFilters(questions, find); err != nil {
		return err
	}
	return measureAdds(ix, n)
}

// measureFilters measures searches with filters that let more and less through.
func measureFilters(questions []madeup.Question, find func(madeup.Question, filter.Expr) ([]retriever.Hit, error)) error {
	share := func(below int64) func(madeup.Question) filter.Expr {
		return func(madeup.Question) filter.Expr {
			return filter.Compare{Field: "share", Op: filter.Lt, Value: filter.Int(below)}
		}
	}
	for _, f := range []struct {
		name   string
		filter func(madeup.Question) filter.Expr
	}{
		{"50 %", share(500)}, {"10 %", share(100)}, {"1 %", share(10)}, {"0.1 %", share(1)}, {"nothing", share(0)},
		{"the topic", func(q madeup.Question) filter.Expr {
			return filter.Compare{Field: "topic", Op: filter.Eq, Value: filter.Int(int64(q.Topic))}
		}},
	} {
		s, err := times(questions, func(q madeup.Question) error { _, err := find(q, f.filter(q)); return err })
		if err != nil {
			return err
		}
		fmt.Printf("filter that lets %s through: %v\n", f.name, s)
	}
	return nil
}

// measureAdds measures additions of 100 passages to an index of n, and a search after each.
func measureAdds(ix *lexical.Index, n int) error {
	ctx := context.Background()
	var adds, searches spread
	for i := range 40 {
		passages := make([]retriever.Passage, 100)
		for k := range passages {
			passages[k] = madeup.Passage(n + 100*i + k)
		}
		start := time.Now()
		if err := ix.Add(ctx, passages...); err != nil {
			return err
		}
		adds = append(adds, time.Since(start))
		start = time.Now()
		if _, err := ix.Retrieve(ctx, retriever.Query{Text: madeup.Ask(i).Text, K: 5}); err != nil {
			return err
		}
		searches = append(searches, time.Since(start))
	}
	fmt.Printf("adding 100: %v; the search behind it: %v\n", adds, searches)
	return nil
}

// size returns how many bytes the files of a folder have.
func size(dir string) (n int) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			n += int(info.Size())
		}
	}
	return n
}

// resident returns the memory of the process, where the system reports it.
func resident() string {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "memory unknown"
	}
	var parts []string
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "RssAnon" || name == "RssFile" {
			kb, _ := strconv.Atoi(strings.Fields(value)[0])
			parts = append(parts, fmt.Sprintf("%s %d MB", name, kb>>10))
		}
	}
	return strings.Join(parts, ", ")
}
