// Command annbench measures the vector index beside others: recall against queries per
// second, and the other documented properties.
//
//	go -C tools run ./annbench -set a -lib hnsw,hnsw-int8,flat,hnswlib -ef 16,32,64,128,200 -json
//	go -C tools run ./annbench -set base.fvecs -query query.fvecs -metric l2 -plot curves.svg
//	go -C tools run ./annbench -set b -lib hnsw,hnsw-int8,hnswlib,faiss -measure ratio,build,memory,open
//
// # Sets
//
// a has 100,000 vectors of 128 dimensions and the metric l2, b 50,000 of 768 and cosine;
// package annset says how they are made from their seeds. With -n there are fewer, the
// first ones. Another name is a file in .fvecs format; its queries are those of -query, or
// the last -queries rows of the file, which the index then does not hold. With
// -metric cosine all vectors are scaled to length 1 before any library gets them.
// Neighbors are compared with exact ones, which are computed once and kept in the
// user's cache directory. Recall@k counts a neighbor that is no farther than the k-th.
//
// # Libraries
//
//   - hnsw, hnsw-int8, hnsw-int8only: retriever/hnsw with vectors in float32, with int8
//     codes and float32 for the last choice, and with int8 codes alone.
//   - flat: the exact index of retriever/hnsw.
//   - coder: github.com/coder/hnsw v0.6.1 as it is (not on Windows). It has no efConstruction,
//     so it builds with EfSearch set to -efc, and with Ml = 1/M.
//   - chromem: github.com/philippgille/chromem-go, which compares all vectors; cosine
//     only. It answers the first 50 queries of a round.
//   - hnswlib, faiss: C++, through a driver that is compiled when it is needed. Debian has
//     them as libhnswlib-dev and libfaiss-dev. $CXX and $CXXFLAGS (default: g++,
//     -O3 -march=native) choose the compiler and the instructions, such as "-O3 -mavx2 -mfma".
//     Debian's faiss is compiled for the oldest processors; -march does not change it.
//     faiss is given all queries in one call, the others one at a time.
//
// A missing library is left out with a message on standard error. A library that compares
// all vectors has no ef and one line, with ef 0.
//
// # Time
//
// Queries run on one thread. All libraries are built first; then they take turns at each
// ef in each of -rounds rounds, since no machine runs at the same speed all the time, and
// the median of the rounds is printed. The clock is the processor time of the process, which
// does not count the time that other programs take; on systems without it, wall-clock
// time. Where several threads work (-workers, build, churn) it is wall-clock time. To pin
// everything to one processor, drivers too: taskset -c 1 go -C tools run ./annbench …
// but not for build and churn, which need two.
//
// build_s and bytes are of the whole index with its vectors. For retriever/hnsw bytes are
// its own count, for coder and chromem the growth of the Go heap, for drivers the growth
// of resident memory.
//
// # Measures
//
// -measure names one or more of these, with commas; figures but those of search have the
// fields measure, what, lib, against, unit, value, low and high (of the rounds), and note.
//
//   - search: a line per library and ef with lib, ef, recall, qps, build_s, bytes.
//   - ratio: QPS of each hnsw to that of hnswlib and faiss. At equal recall: the
//     logarithm of QPS is interpolated over recall, between 0.90 and 0.999 or as far as
//     both curves reach, and its difference averaged; and at each ef. Above 1: ours is
//     faster.
//   - build: time of hnswlib and faiss to that of each hnsw on one thread; and each hnsw on one
//     thread to itself on several (-workers, at least 2), with the recall it loses.
//   - memory: bytes, and each hnsw to hnswlib: the growth of the resident memory of the
//     process (Linux only; unused memory of the Go heap is first returned to the system),
//     and each library's own count, which for hnswlib and faiss is of rows and links.
//   - scan: QPS of flat to those of chromem, under cosine.
//   - open: how much of a saved index is read from its file and mapped into memory before
//     the first search, and how long that and loading take beside hnswlib's loading.
//     Linux only: what is mapped is Rss of the file in /proc/self/smaps, which counts the
//     pages around a touched one that the system maps with it; what is read is rchar in
//     /proc/self/io.
//   - churn: QPS at the first ef while another goroutine adds vectors one by one without
//     pause, to QPS just before and after. The index begins with half of the set.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goselfrag/goselfrag/tools/internal/annset"
)

// config holds the values of the flags.
type config struct {
	set, query, metric string
	n, queries         int
	libs, measures     []string
	ef                 []int
	rounds, workers    int
	parameters
	json, markdown bool
	plot           string
	// pass is for how long the queries of a round are repeated at least: one pass over
	// them can be over in some hundredths of a second. window is how long queries are
	// counted with a writer and without.
	pass, window time.Duration
}

// bench is one run.
type bench struct {
	config
	w        *workspace
	truth    *annset.Truth
	subjects []*subject
	searched bool // the subjects have their curves
	out      *output
	stderr   io.Writer
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("annbench: ")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, c, os.Stdout, os.Stderr)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func parse(args []string, stderr io.Writer) (config, error) {
	c := config{pass: 200 * time.Millisecond, window: 500 * time.Millisecond}
	f := flag.NewFlagSet("annbench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&c.set, "set", "a", "a, b or an .fvecs `file`")
	f.StringVar(&c.query, "query", "", "`file` of queries for -set FILE (default: its last rows)")
	f.StringVar(&c.metric, "metric", "", "l2, cosine or ip (default: that of the set; l2 for a file)")
	f.IntVar(&c.n, "n", 0, "how many vectors (default: all)")
	f.IntVar(&c.queries, "queries", 1000, "how many queries")
	libs := f.String("lib", "hnsw,flat", "libraries: "+strings.Join(names(entries), ", "))
	efs := f.String("ef", "16,32,64,128,200", "how many candidates a search keeps")
	measures := f.String("measure", "search", "what to measure: "+strings.Join(names(measures), ", "))
	f.IntVar(&c.rounds, "rounds", 5, "how often to repeat")
	f.IntVar(&c.workers, "workers", 1, "threads that build")
	f.IntVar(&c.k, "k", 10, "neighbors per query")
	f.IntVar(&c.m, "m", 16, "links per vector (M)")
	f.IntVar(&c.efConstruction, "efc", 200, "candidates while building (efConstruction)")
	f.BoolVar(&c.json, "json", false, "print JSON lines")
	f.BoolVar(&c.markdown, "table", false, "print tables in Markdown")
	f.StringVar(&c.plot, "plot", "", "draw the curves into this `file`, such as curves.svg")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	c.libs, c.measures = strings.Split(*libs, ","), strings.Split(*measures, ",")
	for _, s := range strings.Split(*efs, ",") {
		ef, err := strconv.Atoi(s)
		if err != nil || ef < 1 {
			return c, fmt.Errorf("-ef has %q: want numbers of at least 1 with commas between them", s)
		}
		c.ef = append(c.ef, ef)
	}
	return c, c.check()
}

func (c *config) check() error {
	for _, l := range c.libs {
		if _, ok := entries[l]; !ok {
			return fmt.Errorf("-lib has %q: want some of %s", l, strings.Join(names(entries), ", "))
		}
	}
	for _, m := range c.measures {
		if _, ok := measures[m]; !ok {
			return fmt.Errorf("-measure has %q: want some of %s", m, strings.Join(names(measures), ", "))
		}
	}
	for _, v := range []struct {
		name         string
		value, least int
	}{{"n", c.n, 0}, {"queries", c.queries, 1}, {"rounds", c.rounds, 1}, {"workers", c.workers, 1}, {"k", c.k, 1}, {"m", c.m, 2}, {"efc", c.efConstruction, 1}} {
		if v.value < v.least {
			return fmt.Errorf("-%s is %d: want at least %d", v.name, v.value, v.least)
		}
	}
	if c.query != "" && (c.set == "a" || c.set == "b") {
		return fmt.Errorf("-query goes with -set FILE: set %s has queries of its own", c.set)
	}
	return nil
}

func names[V any](m map[string]V) []string {
	var out []string
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// measures are run in the order in which they are named.
var measures = map[string]func(*bench, context.Context) error{
	"search": (*bench).search,
	"ratio":  (*bench).ratios,
	"build":  (*bench).builds,
	"memory": (*bench).memory,
	"scan":   (*bench).scan,
	"open":   (*bench).opens,
	"churn":  (*bench).churn,
}

func run(ctx context.Context, c config, stdout, stderr io.Writer) (err error) {
	s, err := c.load()
	if err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "annbench: set %s: %d vectors of %d dimensions, %d queries, %s\n", s.Name, s.Base.Len(), s.Base.Dim, s.Queries.Len(), s.Metric)
	truth, err := annset.CachedExact(ctx, filepath.Join(cache, "goselfrag", "annbench"), s, c.k)
	if truth == nil {
		return err
	}
	if err != nil {
		fmt.Fprintf(stderr, "annbench: the exact answers are not kept: %v\n", err)
	}
	dir, err := os.MkdirTemp("", "annbench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{
		config: c, truth: truth, stderr: stderr,
		w:   &workspace{set: s, parameters: c.parameters, dir: dir},
		out: &output{w: stdout, json: c.json, markdown: c.markdown, set: s.Name, n: s.Base.Len()},
	}
	defer func() {
		for _, s := range b.subjects {
			err = errors.Join(err, s.close())
		}
	}()
	if err := b.open(ctx, c.libs); err != nil {
		return err
	}
	for _, m := range c.measures {
		if err := measures[m](b, ctx); err != nil {
			return err
		}
	}
	if err := b.out.flush(); err != nil {
		return err
	}
	if c.plot == "" {
		return nil
	}
	if err := b.searchAll(ctx); err != nil {
		return err
	}
	return b.plotCurves(c.plot)
}

// load makes or reads the set.
func (c *config) load() (*annset.Set, error) {
	var s *annset.Set
	switch c.set {
	case "a":
		s = annset.A.Set(cmp.Or(c.n, 100_000), c.queries)
	case "b":
		s = annset.B.Set(cmp.Or(c.n, 50_000), c.queries)
	default:
		var err error
		if s, err = c.readSet(); err != nil {
			return nil, err
		}
	}
	if c.metric == "" {
		return s, nil
	}
	return s.WithMetric(annset.Metric(c.metric))
}

// readSet reads a set from files.
func (c *config) readSet() (*annset.Set, error) {
	s := &annset.Set{Name: strings.TrimSuffix(filepath.Base(c.set), ".fvecs"), Metric: annset.L2}
	var err error
	if c.query != "" {
		if s.Base, err = annset.ReadFvecsFile(c.set, c.n); err != nil {
			return nil, err
		}
		if s.Queries, err = annset.ReadFvecsFile(c.query, c.queries); err != nil {
			return nil, err
		}
		if s.Base.Dim != s.Queries.Dim {
			return nil, fmt.Errorf("%s has %d dimensions, but %s has %d", c.query, s.Queries.Dim, c.set, s.Base.Dim)
		}
		return s, nil
	}
	all, err := annset.ReadFvecsFile(c.set, 0)
	if err != nil {
		return nil, err
	}
	held := all.Len() - c.queries
	if held < 1 {
		return nil, fmt.Errorf("%s has %d rows, and -queries takes %d: nothing is left; name fewer, or a file of them with -query", c.set, all.Len(), c.queries)
	}
	s.Base, s.Queries = all.First(held), annset.Vectors{Dim: all.Dim, Data: all.Data[held*all.Dim:]}
	if c.n > 0 {
		s.Base = s.Base.First(c.n)
	}
	return s, nil
}
