package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/store"
	"github.com/goselfrag/goselfrag/tools/internal/madeup"
	"github.com/goselfrag/goselfrag/tools/internal/processor"
)

const (
	questions = 1000
	recalled  = 200 // questions whose recall is measured
)

// spread is the distribution of times.
type spread []time.Duration

func (s spread) String() string {
	slices.Sort(s)
	at := func(share float64) time.Duration {
		return s[int(share*float64(len(s)-1))].Round(time.Microsecond)
	}
	return fmt.Sprintf("p50 %v, p99 %v", at(0.5), at(0.99))
}

// resident says how much memory the process has.
func resident() string {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return "memory unknown"
	}
	defer f.Close()
	var list []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		if what := map[string]string{"RssAnon": "anonymous", "RssFile": "mapped"}[name]; what != "" {
			kb := 0
			fmt.Sscan(rest, &kb)
			list = append(list, fmt.Sprintf("%s %d MB", what, kb>>10))
		}
	}
	return strings.Join(list, ", ")
}

// shares are the filters, in thousandths of the passages.
var shares = []int{1000, 500, 100, 10, 1}

func filterOf(share int) filter.Expr {
	if share == 1000 {
		return nil
	}
	return filter.Compare{Field: "share", Op: filter.Lt, Value: filter.Int(int64(share))}
}

// ask opens the store and measures.
func ask(ctx context.Context, c config) error {
	sp, g := newSpace(c.dim), given{}
	var list []madeup.Question
	for i := range questions {
		q := madeup.Ask(i)
		list = append(list, q)
		g[q.Text] = sp.question(i)
	}
	start := time.Now()
	s, err := open(ctx, c, g)
	if err != nil {
		return err
	}
	defer s.Close()
	opened := time.Since(start)
	find := func(r retriever.Retriever, i, k int, f filter.Expr) ([]retriever.Hit, error) {
		res, err := r.Retrieve(ctx, retriever.Query{Text: list[i].Text, K: k, Filter: f})
		return res.Hits, err
	}
	if _, err := find(s, 0, 5, nil); err != nil {
		return err
	}
	fmt.Printf("opened in %v, first answer after %v\n", opened.Round(100*time.Microsecond), time.Since(start).Round(100*time.Microsecond))
	for i := range questions {
		if _, err := find(s, i, 5, nil); err != nil {
			return err
		}
	}
	fmt.Printf("after %d questions: %s", questions, resident())
	debug.FreeOSMemory()
	fmt.Printf("; after a collection: %s\n", resident())
	for _, side := range []struct {
		name string
		r    retriever.Retriever
	}{{"hybrid", s}, {"words", s.Words()}, {"vectors", s.Vectors()}} {
		for _, share := range shares {
			var times spread
			used := processor.Time()
			for i := range questions {
				start := time.Now()
				if _, err := find(side.r, i, 5, filterOf(share)); err != nil {
					return err
				}
				times = append(times, time.Since(start))
			}
			used = (processor.Time() - used) / questions
			fmt.Printf("%s, %.1f %% of the passages: %v, processor time %v\n", side.name, float64(share)/10, times, used.Round(time.Microsecond))
		}
	}
	if err := recall(c, sp, g, func(i int, f filter.Expr) ([]retriever.Hit, error) { return find(s.Vectors(), i, 10, f) }); err != nil {
		return err
	}
	return puts(ctx, c, sp, g, s, func(i int) error { _, err := find(s, i%questions, 5, nil); return err })
}

// near is a passage and how near it is to a question.
type near struct {
	id    string
	score float64
}

// recall compares the vector side with a scan of all vectors.
func recall(c config, sp *space, g given, find func(i int, f filter.Expr) ([]retriever.Hit, error)) error {
	best := make([][][]near, len(shares))
	for i := range best {
		best[i] = make([][]near, recalled)
	}
	var asked [][]float32
	for i := range recalled {
		asked = append(asked, unit(g[madeup.Ask(i).Text]))
	}
	for n := range c.n {
		p := madeup.Passage(n)
		v, share := unit(sp.passage(n, topicOf(p))), shareOf(p)
		for q := range asked {
			dot := 0.0
			for i, x := range asked[q] {
				dot += float64(x * v[i])
			}
			for i, below := range shares {
				if share < below {
					keepNearest(&best[i][q], near{p.ID, dot})
				}
			}
		}
	}
	for i, share := range shares {
		found, all := 0, 0
		for q := range recalled {
			hits, err := find(q, filterOf(share))
			if err != nil {
				return err
			}
			for _, b := range best[i][q] {
				all++
				if slices.ContainsFunc(hits, func(h retriever.Hit) bool { return h.Passage.ID == b.id }) {
					found++
				}
			}
		}
		fmt.Printf("vectors, %.1f %% of the passages: recall@10 %.4f\n", float64(share)/10, float64(found)/float64(max(all, 1)))
	}
	return nil
}

func unit(v []float32) []float32 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(float64(x) / math.Sqrt(sum))
	}
	return out
}

func keepNearest(list *[]near, n near) {
	if len(*list) == 10 && n.score <= (*list)[9].score {
		return
	}
	at, _ := slices.BinarySearchFunc(*list, n, func(a, b near) int { return cmp.Compare(b.score, a.score) })
	*list = slices.Insert(*list, at, n)
	*list = (*list)[:min(len(*list), 10)]
}

// puts measures puts of 100 passages, one a second, beside questions by one goroutine.
func puts(ctx context.Context, c config, sp *space, g given, s *store.Store, find func(i int) error) error {
	const seconds, each = 10, 100
	batches := make([][]retriever.Passage, seconds)
	for b := range batches {
		more := given{}
		batches[b] = batchOf(sp, more, c.n+b*each, c.n+(b+1)*each)
		maps.Copy(g, more)
	}
	rate := func(until <-chan time.Time) (float64, error) {
		start := time.Now()
		for n := 0; ; n++ {
			select {
			case <-until:
				return float64(n) / time.Since(start).Seconds(), nil
			default:
			}
			if err := find(n); err != nil {
				return 0, err
			}
		}
	}
	alone, err := rate(time.After(seconds * time.Second))
	if err != nil {
		return err
	}
	var times spread
	done := make(chan error, 1)
	go func() {
		for _, b := range batches {
			start := time.Now()
			if err := s.Put(ctx, b...); err != nil {
				done <- err
				return
			}
			times = append(times, time.Since(start))
			time.Sleep(time.Second - time.Since(start))
		}
		done <- nil
	}()
	beside, err := rate(time.After(seconds * time.Second))
	if err := cmp.Or(err, <-done); err != nil {
		return err
	}
	fmt.Printf("puts of %d, one a second: acknowledged %v; questions %.0f a second alone, %.2f times that beside\n", each, times, alone, beside/alone)
	times = nil
	used := processor.Time()
	for b := range 20 { // what is embedded stays the same
		for i := range batches[b%seconds] {
			batches[b%seconds][i].Metadata = filter.Metadata{"round": filter.Int(int64(b))}
		}
		start := time.Now()
		if err := s.Put(ctx, batches[b%seconds]...); err != nil {
			return err
		}
		times = append(times, time.Since(start))
	}
	used = (processor.Time() - used) / 20
	fmt.Printf("replacing 100 with other metadata, with no questions beside: %v, processor time %v\n", times, used.Round(100*time.Microsecond))
	return nil
}
