// Command lexbench measures the keyword index: how often it finds the passage that
// answers a question, and how fast it is.
//
//	go -C tools run ./lexbench -corpus C.jsonl -questions Q.jsonl [-synthetic N]
//	go -C tools run ./lexbench -made N [-peers exhaustive,bleve,xapian]
//
// A line of the corpus is {"id","title","text"}, one of the questions
// {"question","positive":[passage ids]}. Recall at k is the share of questions with
// a positive passage among the first k. With -synthetic the index holds N passages
// instead, of the same lengths and titles, whose words are drawn with their frequencies
// in the corpus; recall means nothing then and is not printed.
//
// With -made the index holds N passages of made-up words about made-up topics, with a
// vocabulary that grows. It measures indexing, memory, opening, search, filters and
// additions. -peers adds other indexes of the same passages: package lexical as it was
// before it skipped postings, with a check that the results are equal, bleve, and Xapian.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("lexbench: ")
	corpus := flag.String("corpus", "", "`file` of passages, JSON lines (required)")
	questions := flag.String("questions", "", "`file` of questions, JSON lines (required)")
	synthetic := flag.Int("synthetic", 0, "measure speed on `N` passages made of the words of the corpus")
	analyzer := flag.String("analyzer", "en", "en, cjk or standard")
	titles := flag.Int("titles", 2, "how many `times` a word of a title counts")
	k1 := flag.Float64("k1", 1.2, "parameter of BM25")
	b := flag.Float64("b", 0.75, "parameter of BM25")
	k := flag.Int("k", 5, "hits per query when speed is measured")
	n := flag.Int("made", 0, "measure on `N` made-up passages")
	count := flag.Int("asked", 1000, "how many `questions` are asked with -made")
	peers := flag.String("peers", "", "other indexes to measure with -made: exhaustive, bleve, xapian; `names` apart by commas")
	flag.Parse()
	if *n > 0 && *count > 0 {
		if err := runMade(*n, *count, *peers); err != nil {
			log.Fatal(err)
		}
		return
	}
	if *corpus == "" || *questions == "" {
		log.Fatal("name the files with -corpus and -questions")
	}
	passages, err := dataset.Passages(*corpus)
	if err != nil {
		log.Fatalf("-corpus: %v", err)
	}
	asked, err := dataset.Questions(*questions)
	if err != nil {
		log.Fatalf("-questions: %v", err)
	}
	if *synthetic < 0 || *k < 1 {
		log.Fatal("-synthetic must not be negative, -k must be at least 1")
	}
	if *synthetic > 0 {
		passages = imitate(passages, *synthetic)
	}
	err = measure(passages, asked, *synthetic == 0, *k, lexical.Options{Analyzer: *analyzer, K1: exact(*k1), B: exact(*b), TitleWeight: exact(*titles)})
	if err != nil {
		log.Fatal(err)
	}
}

// runMade measures in a folder that it removes.
func runMade(n, count int, peers string) error {
	dir, err := os.MkdirTemp("", "lexbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return measureMade(n, count, dir, strings.FieldsFunc(peers, func(r rune) bool { return r == ',' }))
}

// exact returns the value of a field of lexical.Options that means n.
func exact[N int | float64](n N) N {
	if n == 0 {
		return lexical.Zero
	}
	return n
}

func measure(passages []retriever.Passage, asked []dataset.Question, recall bool, k int, o lexical.Options) error {
	start := time.Now()
	ix, err := lexical.New(context.Background(), passages, o)
	if err != nil {
		return err
	}
	took := time.Since(start)
	fmt.Printf("passages %d, questions %d, GOMAXPROCS %d\n", ix.Len(), len(asked), runtime.GOMAXPROCS(0))
	fmt.Printf("indexed %.0f passages/s\n", float64(ix.Len())/took.Seconds())

	if recall {
		first, five := 0, 0
		for _, q := range asked {
			res, err := ix.Retrieve(context.Background(), retriever.Query{Text: q.Question, K: 5})
			if err != nil {
				return err
			}
			at := slices.IndexFunc(res.Hits, func(h retriever.Hit) bool { return slices.Contains(q.Positive, h.Passage.ID) })
			if at >= 0 {
				five++
			}
			if at == 0 {
				first++
			}
		}
		n := float64(len(asked))
		fmt.Printf("recall@1 %.4f recall@5 %.4f\n", float64(first)/n, float64(five)/n)
	}

	// Each question is asked until there are some thousands of times to take the
	// median of; the first round warms up.
	var times []time.Duration
	for round := 0; round < 2 || len(times) < 3000; round++ {
		for _, q := range asked {
			start := time.Now()
			if _, err := ix.Retrieve(context.Background(), retriever.Query{Text: q.Question, K: k}); err != nil {
				return err
			}
			if round > 0 {
				times = append(times, time.Since(start))
			}
		}
	}
	slices.Sort(times)
	at := func(share float64) float64 {
		return float64(times[int(share*float64(len(times)-1))].Nanoseconds()) / 1000
	}
	fmt.Printf("query p50 %.1f µs, p99 %.1f µs\n", at(0.5), at(0.99))
	return nil
}

// imitate makes n passages of the words of passages: it is the same each time.
func imitate(passages []retriever.Passage, n int) []retriever.Passage {
	var words []string
	var lengths []int
	for _, p := range passages {
		w := strings.Fields(p.Text)
		words = append(words, w...)
		lengths = append(lengths, len(w))
	}
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]retriever.Passage, n)
	for i := range out {
		text := make([]string, lengths[r.IntN(len(lengths))])
		for k := range text {
			text[k] = words[r.IntN(len(words))]
		}
		out[i] = retriever.Passage{ID: fmt.Sprint(i), Title: passages[r.IntN(len(passages))].Title, Text: strings.Join(text, " ")}
	}
	return out
}
