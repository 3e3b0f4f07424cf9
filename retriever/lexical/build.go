package lexical

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical/internal/segment"
)

const (
	// chunk is the number of passages that are made into a segment at a time.
	chunk = 1 << 14
	// fewest is the least number of passages for which another worker pays.
	fewest = 128
	// fan is the number of segments that are merged at a time.
	fan = 8
)

// build makes a part from passages, nil if there are none. The error is ctx.Err()
// or about a part that is too large.
func (ix *Index) build(ctx context.Context, passages []retriever.Passage) (*part, error) {
	if err := ctx.Err(); err != nil || len(passages) == 0 {
		return nil, err
	}
	languages, err := ix.languagesOf(ctx, passages)
	if err != nil {
		return nil, err
	}
	workers := runtime.GOMAXPROCS(0)
	size := min(chunk, max((len(passages)+workers-1)/workers, fewest))
	list := make([]*segment.Segment, (len(passages)+size-1)/size)
	err = parallel(ctx, len(list), func(i int) (err error) {
		from, to := i*size, min((i+1)*size, len(passages))
		list[i], err = ix.buildChunk(ctx, passages[from:to], languages[from:to])
		return err
	})
	for err == nil && len(list) > 1 {
		merged := make([]*segment.Segment, (len(list)+fan-1)/fan)
		err = parallel(ctx, len(merged), func(i int) (err error) {
			merged[i], err = mergeAll(ctx, list[i*fan:min((i+1)*fan, len(list))])
			return err
		})
		list = merged
	}
	if err != nil {
		return nil, err
	}
	if ix.fetch != nil {
		return newPart(list[0], nil), nil
	}
	return newPart(list[0], slices.Clone(passages)), nil
}

func mergeAll(ctx context.Context, list []*segment.Segment) (*segment.Segment, error) {
	if len(list) == 1 {
		return list[0], nil
	}
	sources := make([]segment.Source, len(list))
	for i, s := range list {
		sources[i].Segment = s
	}
	return segment.Merge(ctx, sources)
}

// buildChunk makes a segment of passages in some languages.
func (ix *Index) buildChunk(ctx context.Context, passages []retriever.Passage, languages []keyword.Language) (*segment.Segment, error) {
	b := segment.NewBuilder()
	var times uint32 // weight of a term of the current text
	term := func(term []byte) { b.Add(b.Number(term), times) }
	word := func(w *keyword.Word) {
		if w.Owner != b.Owner() {
			w.Owner, w.Numbers = b.Owner(), w.Numbers[:0]
			for _, term := range w.Terms {
				w.Numbers = append(w.Numbers, b.Number([]byte(term)))
			}
		}
		for _, id := range w.Numbers {
			b.Add(id, times)
		}
	}
	var err error
	keyword.With(func(r *keyword.Reader) {
		for i := range passages {
			if err = ctx.Err(); err != nil {
				return
			}
			length := uint32(0)
			read := func(text string, n uint32) {
				if times = n; n > 0 {
					length += n * uint32(ix.readText(r, text, languages[i], word, term))
				}
			}
			read(passages[i].Title, ix.title)
			read(passages[i].Text, 1)
			b.End(length, uint8(languages[i]), passages[i].Metadata)
		}
	})
	if err != nil {
		return nil, err
	}
	return b.Segment(func(doc int) string { return passages[doc].ID })
}

// readText reads a text of a passage and returns its length.
func (ix *Index) readText(r *keyword.Reader, text string, l keyword.Language, word func(*keyword.Word), term func([]byte)) (length int) {
	if _, ok := ix.analyzer.(named); ok {
		return r.Read(text, l, word, term)
	}
	for t := range ix.analyzer.Terms(text) {
		if t.Text != "" {
			term([]byte(t.Text))
			length++
		}
	}
	return length
}

// parallel calls f for the numbers below n, several at a time. It returns the first
// error by number, or ctx.Err() if not all were called.
func parallel(ctx context.Context, n int, f func(i int) error) error {
	errs := make([]error, n+1)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for i := range next {
				errs[i] = f(i)
			}
		})
	}
	for i := range n {
		if errs[n] = ctx.Err(); errs[n] != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
