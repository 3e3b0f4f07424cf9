package main

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/store"
	"github.com/goselfrag/goselfrag/tools/internal/madeup"
	"github.com/goselfrag/goselfrag/tools/internal/processor"
)

func topicOf(p retriever.Passage) int {
	topic, _ := p.Metadata["topic"].AsInt()
	return int(topic)
}

func shareOf(p retriever.Passage) int {
	share, _ := p.Metadata["share"].AsInt()
	return int(share)
}

func open(ctx context.Context, c config, g given) (*store.Store, error) {
	return store.Open(ctx, filepath.Join(c.dir, "store"), store.Options{Embedding: store.Embedding{Name: "made-up", Embedder: g}})
}

// batchOf returns the passages from from up to but not including to, and adds their vectors
// to g.
func batchOf(sp *space, g given, from, to int) []retriever.Passage {
	clear(g)
	var list []retriever.Passage
	for n := from; n < to; n++ {
		p := madeup.Passage(n)
		g[dense.Text(p)] = sp.passage(n, topicOf(p))
		list = append(list, p)
	}
	return list
}

// fill makes the store, waits until all is merged, and says how large it is.
func fill(ctx context.Context, c config) error {
	g, sp := given{}, newSpace(c.dim)
	s, err := open(ctx, c, g)
	if err != nil {
		return err
	}
	defer s.Close()
	var took time.Duration
	for n := 0; n < c.n; n += 1000 {
		list := batchOf(sp, g, n, min(n+1000, c.n))
		start := time.Now()
		if err := s.Put(ctx, list...); err != nil {
			return err
		}
		took += time.Since(start)
	}
	fmt.Printf("%d passages of %d components: put by 1000, %.0f a second\n", c.n, c.dim, float64(c.n)/took.Seconds())
	start, used := time.Now(), processor.Time()
	var st store.Stats
	for {
		if st, err = s.Stats(ctx); err != nil {
			return err
		}
		if st.Working == "" && st.Scanned == 0 && st.WordsReady {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	fmt.Printf("merged after another %v (processor time %v): %d graphs of %d, tail %d\n", time.Since(start).Round(100*time.Millisecond), (processor.Time() - used).Round(time.Second), st.Graphs, st.InGraphs, st.Tail)
	start = time.Now()
	if err := s.Compact(ctx); err != nil {
		return err
	}
	fmt.Printf("compacted in %v\n", time.Since(start).Round(100*time.Millisecond))
	if err := s.Close(); err != nil {
		return err
	}
	folder, parts, err := sizes(filepath.Join(c.dir, "store"))
	if err != nil {
		return err
	}
	raw := st.TextBytes + 4*int64(c.dim)*int64(c.n)
	fmt.Printf("folder %d MB (%s), %.2f times the text and the vectors (%d MB)\n", folder>>20, parts, float64(folder)/float64(raw), raw>>20)
	return nil
}

// sizes returns the size of a folder, and of its parts in words.
func sizes(dir string) (all int64, parts string, err error) {
	by := map[string]int64{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all += info.Size()
		kind := filepath.Ext(path)
		by[kind] += info.Size()
		return nil
	})
	return all, fmt.Sprintf("database %d, vectors %d, graphs %d, words %d MB", by[".db"]>>20, by[".rows"]>>20, by[".hnsw"]>>20, by[".segment"]>>20), err
}
