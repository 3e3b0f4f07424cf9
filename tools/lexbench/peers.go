package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis/lang/en"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/tools/internal/madeup"
	"github.com/goselfrag/goselfrag/tools/internal/processor"
)

// measurePeer measures another index of the same passages with the same questions.
func measurePeer(name string, n int, dir string, questions []madeup.Question, find func(madeup.Question, filter.Expr) ([]retriever.Hit, error)) error {
	switch name {
	case "exhaustive":
		return measureExhaustive(n, questions, find)
	case "bleve":
		return measureBleve(n, filepath.Join(dir, "bleve"), questions)
	case "xapian":
		return measureXapian(n, filepath.Join(dir, "xapian"), questions)
	}
	return fmt.Errorf("unknown: want exhaustive, bleve or xapian")
}

// measureExhaustive also checks that the results are equal, scores to the bit.
func measureExhaustive(n int, questions []madeup.Question, find func(madeup.Question, filter.Expr) ([]retriever.Hit, error)) error {
	before := heap()
	e := newExhaustive()
	for i := range n {
		e.add(madeup.Passage(i))
	}
	e.finish()
	fmt.Printf("exhaustive: memory %d bytes a passage\n", (heap()-before)/n)
	for _, q := range questions {
		got, err := find(q, nil)
		if err != nil {
			return err
		}
		want := e.search(q.Text, 5)
		if len(got) != len(want) {
			return fmt.Errorf("%q: %d hits: want %d", q.Text, len(got), len(want))
		}
		for i, h := range want {
			if id := fmt.Sprintf("passage-%d", h.passage); got[i].Passage.ID != id || got[i].Score != h.score {
				return fmt.Errorf("%q: hit %d is %s with %v: want %s with %v", q.Text, i, got[i].Passage.ID, got[i].Score, id, h.score)
			}
		}
	}
	s, err := times(questions, func(q madeup.Question) error { e.search(q.Text, 5); return nil })
	fmt.Printf("exhaustive: search: %v; all %d results equal\n", s, len(questions))
	return err
}

func measureBleve(n int, dir string, questions []madeup.Question) error {
	m := bleve.NewIndexMapping()
	m.DefaultAnalyzer = en.AnalyzerName
	m.StoreDynamic, m.DocValuesDynamic = false, false
	ix, err := bleve.New(dir, m)
	if err != nil {
		return err
	}
	defer ix.Close()
	start := processor.Time()
	own := processor.Time() - start
	for i := 0; i < n; {
		b := ix.NewBatch()
		for end := min(i+2000, n); i < end; i++ {
			before := processor.Time()
			p := madeup.Passage(i)
			own += processor.Time() - before
			if err := b.Index(p.ID, map[string]any{"text": p.Title + " " + p.Text}); err != nil {
				return err
			}
		}
		if err := ix.Batch(b); err != nil {
			return err
		}
	}
	fmt.Printf("bleve: indexed %.0f a second of one processor, %d bytes a passage\n", float64(n)/(processor.Time()-start-own).Seconds(), size(filepath.Join(dir, "store"))/n)
	s, err := times(questions, func(q madeup.Question) error {
		_, err := ix.Search(bleve.NewSearchRequestOptions(bleve.NewMatchQuery(q.Text), 5, 0, false))
		return err
	})
	fmt.Printf("bleve: search: %v\n", s)
	return err
}

//go:embed xapian.py
var script string

// measureXapian needs Python's package of Xapian (Debian: python3-xapian).
func measureXapian(n int, dir string, questions []madeup.Question) error {
	cmd := exec.Command("/usr/bin/python3", "-c", script, dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w := bufio.NewWriterSize(in, 1<<20)
	line := json.NewEncoder(w)
	for i := range n {
		p := madeup.Passage(i)
		if err = line.Encode(map[string]string{"text": p.Title + " " + p.Text}); err != nil {
			break
		}
	}
	for _, q := range questions {
		if err == nil {
			err = line.Encode(map[string]string{"question": q.Text})
		}
	}
	if err == nil {
		err = w.Flush()
	}
	if closed := in.Close(); err == nil {
		err = closed
	}
	if done := cmd.Wait(); err == nil {
		err = done
	}
	return err
}
