package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/philippgille/chromem-go"

	"github.com/goselfrag/goselfrag/tools/internal/madeup"
)

// fillChromem makes the same passages a persistent collection of chromem-go.
func fillChromem(ctx context.Context, c config) error {
	dir := filepath.Join(c.dir, "chromem")
	db, err := chromem.NewPersistentDB(dir, false)
	if err != nil {
		return err
	}
	collection, err := db.CreateCollection("passages", nil, nil)
	if err != nil {
		return err
	}
	sp := newSpace(c.dim)
	var took time.Duration
	for n := 0; n < c.n; n += 1000 {
		var list []chromem.Document
		for i := n; i < min(n+1000, c.n); i++ {
			p := madeup.Passage(i)
			list = append(list, chromem.Document{ID: p.ID, Content: p.Title + "\n" + p.Text, Embedding: sp.passage(i, topicOf(p)), Metadata: map[string]string{"share": fmt.Sprint(shareOf(p))}})
		}
		start := time.Now()
		if err := collection.AddDocuments(ctx, list, runtime.GOMAXPROCS(0)); err != nil {
			return err
		}
		took += time.Since(start)
	}
	all, _, err := sizes(dir)
	if err != nil {
		return err
	}
	fmt.Printf("chromem-go: put by 1000, %.0f a second; folder %d MB\n", float64(c.n)/took.Seconds(), all>>20)
	return nil
}

// askChromem loads that collection and asks.
func askChromem(ctx context.Context, c config) error {
	start := time.Now()
	db, err := chromem.NewPersistentDB(filepath.Join(c.dir, "chromem"), false)
	if err != nil {
		return err
	}
	collection := db.GetCollection("passages", nil)
	loaded := time.Since(start)
	sp := newSpace(c.dim)
	var times spread
	for i := range 100 {
		v := sp.question(i)
		start := time.Now()
		if _, err := collection.QueryEmbedding(ctx, v, 5, nil, nil); err != nil {
			return err
		}
		times = append(times, time.Since(start))
	}
	fmt.Printf("chromem-go: loaded in %v; vectors, %d questions: %v; %s\n", loaded.Round(time.Millisecond), len(times), times, resident())
	return nil
}
