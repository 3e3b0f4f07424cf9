// Langbench measures keyword search in several languages: each set alone, and all of them
// in one index.
//
//	go -C tools run ./langbench -set de=CORPUS,QUESTIONS -set th=CORPUS,QUESTIONS [-analyzer NAME] [-typos]
//
// The layouts are those of package eval/dataset. A row prints the share of questions with a
// right passage first, and the mean reciprocal rank of the first within ten hits. With
// -typos every word of five letters or more of a question has one typing mistake, and a row
// is printed with and without the corrector of package rewrite. Equal files and flags give
// equal figures.
package main

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"log"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

type set struct {
	name      string
	passages  []retriever.Passage
	questions []dataset.Question
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("langbench: ")
	var sets []set
	flag.Func("set", "name=corpus,questions: a set to measure on", func(arg string) error {
		name, files, _ := strings.Cut(arg, "=")
		corpus, questions, ok := strings.Cut(files, ",")
		if !ok {
			return fmt.Errorf("want name=corpus,questions")
		}
		passages, err := dataset.Passages(corpus)
		if err != nil {
			return err
		}
		asked, err := dataset.Questions(questions)
		if err != nil {
			return err
		}
		for i := range passages {
			passages[i].ID = name + "/" + passages[i].ID
		}
		for i := range asked {
			for j := range asked[i].Positive {
				asked[i].Positive[j] = name + "/" + asked[i].Positive[j]
			}
		}
		sets = append(sets, set{name, passages, asked})
		return nil
	})
	analyzer := flag.String("analyzer", "", "`name` of an analyzer of package lexical; empty for its default")
	typos := flag.Bool("typos", false, "make a typing mistake in every word of five letters or more")
	flag.Parse()
	if len(sets) == 0 {
		log.Fatal("name a set with -set")
	}
	o := lexical.Options{Analyzer: *analyzer}
	var all []retriever.Passage
	for _, s := range sets {
		all = append(all, s.passages...)
	}
	whole, heap, err := index(all, o)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d passages in one index, %.1f MB\n", whole.Len(), heap)
	for _, s := range sets {
		alone, heap, err := index(s.passages, o)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%-10s alone %s  together %s  %.2f MB\n", s.name, measure(alone, s.questions), measure(whole, s.questions), heap)
		if *typos {
			if err := mistakes(alone, s); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// index makes an index and returns the megabytes that it takes beside the passages.
func index(passages []retriever.Passage, o lexical.Options) (*lexical.Index, float64, error) {
	used := func() float64 {
		runtime.GC()
		runtime.GC() // twice, for what pools hold
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / 1e6
	}
	before := used()
	ix, err := lexical.New(context.Background(), passages, o)
	return ix, used() - before, err
}

func measure(r retriever.Retriever, questions []dataset.Question) string {
	first, mrr := 0.0, 0.0
	for _, q := range questions {
		res, err := r.Retrieve(context.Background(), retriever.Query{Text: q.Question, K: 10})
		if err != nil {
			log.Fatal(err)
		}
		var ids []string
		for _, h := range res.Hits {
			ids = append(ids, h.Passage.ID)
		}
		first += metric.Recall(ids, q.Positive, 1)
		mrr += metric.ReciprocalRank(ids, q.Positive, 10)
	}
	n := float64(len(questions))
	return fmt.Sprintf("recall@1 %.4f MRR@10 %.4f", first/n, mrr/n)
}

// mistakes prints what the corrector does for questions as they are and with mistakes.
func mistakes(words retriever.Retriever, s set) error {
	vocabulary, err := rewrite.NewVocabulary(context.Background(), s.passages)
	if err != nil {
		return err
	}
	spelling, err := rewrite.NewSpelling(vocabulary)
	if err != nil {
		return err
	}
	corrected, err := rewrite.Fusion(words, spelling, rewrite.FusionOptions{})
	if err != nil {
		return err
	}
	wrong := slices.Clone(s.questions)
	for i := range wrong {
		wrong[i].Question = mistype(wrong[i].Question)
	}
	fmt.Printf("  corrector: %s\n", measure(corrected, s.questions))
	fmt.Printf("  mistakes: %s, corrector: %s\n", measure(words, wrong), measure(corrected, wrong))
	return nil
}

// mistype makes one mistake in each word of five letters or more: two neighboring letters
// swapped, one left out, doubled, or replaced by another of the word.
func mistype(question string) string {
	h := fnv.New64a()
	h.Write([]byte(question))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	fields := strings.Fields(question)
	for i, f := range fields {
		w := []rune(f)
		end := len(w)
		for end > 0 && !unicode.IsLetter(w[end-1]) {
			end--
		}
		if end < 5 || slices.ContainsFunc(w[:end], func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsMark(c) }) {
			continue
		}
		at := 1 + r.IntN(end-2)
		switch r.IntN(4) {
		case 0:
			w[at], w[at+1] = w[at+1], w[at]
		case 1:
			w = slices.Delete(w, at, at+1)
		case 2:
			w = slices.Insert(w, at, w[at])
		case 3:
			w[at] = unicode.ToLower(w[r.IntN(end)])
		}
		fields[i] = string(w)
	}
	return strings.Join(fields, " ")
}
