package clean

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/retriever"
)

const (
	bands = 20
	rows  = 5 // values in a band

	// bucketSize is how many passages a bucket holds. Passages of a template share values
	// with each other; further ones go to a bucket that shares one band more.
	bucketSize = 16
	maxDepth   = 5 // bands that a bucket shares at most
)

// finder finds added passages that are similar to another. For each it compares at most
// bands*maxDepth*bucketSize passages.
type finder struct {
	passages []retriever.Passage
	hashes   [bands * rows]struct{ a, b uint64 }
	buckets  map[uint64]bucket // by the values that its passages share
	chain    []entry
	added    []candidate
}

// candidate is a passage that was added.
type candidate struct {
	index int
	set   []uint64 // its shingles, nil until it was looked at
	by    int      // the index of the passage that was last compared with it
}

// bucket is the last entry of one and how many there are.
type bucket struct{ last, n int32 }

// entry is a place in added of a passage in a bucket, and the entry before it, or -1.
type entry struct{ candidate, before int32 }

func newFinder(passages []retriever.Passage) *finder {
	f := &finder{passages: passages, buckets: map[uint64]bucket{}}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range f.hashes {
		f.hashes[i].a, f.hashes[i].b = rng.Uint64()|1, rng.Uint64()
	}
	return f
}

// findOrAdd returns the index of the first passage that it finds whose similarity with
// passage i is at least least, and the similarity; if there is none, it adds passage i
// and returns -1. The error is ctx.Err().
func (f *finder) findOrAdd(ctx context.Context, i int, least float64) (int, float64, error) {
	set := shingles(f.passages[i])
	values := f.values(set)
	found, similarity := -1, 0.0
	var open [bands]uint64 // the buckets that have room for it, 0 if none
	for b := range bands {
		key := uint64(b + 1)
		for depth := range maxDepth {
			key = mix(key ^ values[(b+depth)%bands])
			last, ok := f.buckets[key]
			if !ok {
				last.last = -1
			}
			for at := last.last; at >= 0; at = f.chain[at].before {
				c := &f.added[f.chain[at].candidate]
				if c.by == i || found >= 0 && c.index > found {
					continue
				}
				if err := ctx.Err(); err != nil {
					return 0, 0, err
				}
				c.by = i
				if c.set == nil {
					c.set = shingles(f.passages[c.index])
				}
				if s := jaccard(set, c.set); s >= least {
					found, similarity = c.index, s
				}
			}
			if last.n < bucketSize {
				open[b] = key
				break
			}
		}
	}
	if found >= 0 {
		return found, similarity, nil
	}
	for _, key := range open {
		if key == 0 {
			continue
		}
		b, ok := f.buckets[key]
		if !ok {
			b.last = -1
		}
		f.buckets[key] = bucket{int32(len(f.chain)), b.n + 1}
		f.chain = append(f.chain, entry{int32(len(f.added)), b.last})
	}
	f.added = append(f.added, candidate{index: i, by: i})
	return -1, 0, nil
}

// values returns a hash of each band of the signature of a set.
func (f *finder) values(set []uint64) (values [bands]uint64) {
	var least [bands * rows]uint32
	for i, h := range f.hashes {
		least[i] = ^uint32(0)
		for _, x := range set {
			least[i] = min(least[i], uint32((h.a*x+h.b)>>32))
		}
	}
	for b := range values {
		for _, v := range least[b*rows : (b+1)*rows] {
			values[b] = mix(values[b] ^ uint64(v))
		}
	}
	return values
}

// shingles returns the hashes of three successive words each of a passage, sorted,
// each once; of fewer than three words, one hash.
func shingles(p retriever.Passage) []uint64 {
	var words []uint64
	for w := range analysis.PlainPieces(p.Title + "\n" + p.Text) {
		words = append(words, hash(w))
	}
	n := min(len(words), 3)
	var out []uint64
	for i := range len(words) - n + 1 {
		var h uint64
		for _, w := range words[i : i+n] {
			h = mix(h ^ w)
		}
		out = append(out, h)
	}
	slices.Sort(out)
	return slices.Clip(slices.Compact(out))
}

// hash is FNV-1a.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// jaccard returns the similarity of two sorted sets.
func jaccard(a, b []uint64) float64 {
	both, i, j := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			both, i, j = both+1, i+1, j+1
		}
	}
	return float64(both) / float64(max(len(a)+len(b)-both, 1))
}
