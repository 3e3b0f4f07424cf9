package segment

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

type posting struct{ doc, count, length uint32 }

// draw makes a segment of one term, and returns its postings.
func draw(t *rapid.T) (*Segment, []posting) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	docs := rapid.SampledFrom([]int{1, 2, 100, 128, 129, 600, 2000}).Draw(t, "documents")
	every := rapid.SampledFrom([]int{1, 2, 30}).Draw(t, "one in")
	counts := rapid.SampledFrom([]uint32{1, 4, 40, 1 << 20}).Draw(t, "counts up to")
	lengths := rapid.SampledFrom([]uint32{1, 50, 300, 1 << 20}).Draw(t, "lengths up to")
	b := NewBuilder()
	var list []posting
	for doc := range docs {
		p := posting{uint32(doc), 1 + r.Uint32N(counts), r.Uint32N(lengths)}
		if r.IntN(every) == 0 {
			b.Add(b.Number([]byte("term")), p.count)
			list = append(list, p)
		}
		b.End(p.length, 0, nil)
	}
	s, err := b.Segment(func(doc int) string { return fmt.Sprint(doc) })
	if err != nil {
		t.Fatal(err)
	}
	return s, list
}

// For every posting, some maximum of its block has at least its count and at most
// its length, and a cursor finds each posting from every position.
func TestPostings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, want := draw(t)
		l, err := s.Find("term")
		if err != nil || int(l.N) != len(want) {
			t.Fatalf("%d postings, %v: want %d", l.N, err, len(want))
		}
		for i, p := range want {
			maxima, n := l.Maxima(i / perPostings)
			bounded := false
			for _, m := range maxima[:n] {
				bounded = bounded || m.Count >= p.count && m.Length <= p.length
			}
			if !bounded {
				t.Fatalf("%+v is outside %v", p, maxima[:n])
			}
			if s.Length(p.doc) != p.length {
				t.Fatalf("document %d has the length %d: want %d", p.doc, s.Length(p.doc), p.length)
			}
		}
		// In steps, some small and some large.
		var c Cursor
		c.Reset(l)
		step := uint32(rapid.SampledFrom([]int{1, 7, 200}).Draw(t, "step"))
		next := 0
		for doc := uint32(0); doc < uint32(s.Docs()); doc += step {
			for next < len(want) && want[next].doc < doc {
				next++
			}
			got, ok := c.Seek(doc)
			if ok != (next < len(want)) || ok && (got != want[next].doc || c.Count() != want[next].count) {
				t.Fatalf("seek %d: %d, %v", doc, got, ok)
			}
		}
		// In chunks.
		c.Reset(l)
		next = 0
		for from := uint32(0); from < uint32(s.Docs()); from += 333 {
			docs, place := c.Chunk(from, from+333)
			for len(docs) > 0 {
				for i, doc := range docs {
					if p := want[next]; doc != p.doc || c.CountAt(place+i) != p.count || doc >= from+333 {
						t.Fatalf("chunks: document %d, count %d: want %+v", doc, c.CountAt(place+i), p)
					}
					next++
				}
				docs, place = c.Chunk(docs[len(docs)-1]+1, from+333)
			}
		}
		if next != len(want) {
			t.Fatalf("chunks: %d postings of %d", next, len(want))
		}
	})
}

// Terms are found at every position, and others are not.
func TestDictionary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terms := rapid.SliceOfNDistinct(rapid.StringMatching(`[ab]{1,9}`), 0, 200, rapid.ID).Draw(t, "terms")
		b := NewBuilder()
		have := map[string]bool{}
		for _, term := range terms {
			b.Add(b.Number([]byte(term)), 1)
			have[term] = true
		}
		b.End(1, 0, nil)
		s, err := b.Segment(func(int) string { return "x" })
		if err != nil {
			t.Fatal(err)
		}
		for _, term := range append(terms, rapid.SliceOfN(rapid.StringMatching(`[abc]{0,9}`), 20, 20).Draw(t, "others")...) {
			if l, err := s.Find(term); err != nil || (l.N == 1) != have[term] {
				t.Fatalf("%q: %d postings, %v", term, l.N, err)
			}
		}
	})
}
