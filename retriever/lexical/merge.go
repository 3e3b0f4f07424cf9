package lexical

import (
	"context"
	"math/bits"
	"slices"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical/internal/segment"
)

const (
	// atOnce is the greatest number of passages that a change merges itself. More
	// are merged in the background.
	atOnce = 4096
	// mostParts is the number of parts above which a change waits for the running
	// merge.
	mostParts = 8 * fan
)

// level returns the size class of a part: each is fan times the one before.
func level(p *part) int { return bits.Len(uint(p.Live()/64)) / 3 }

// plan returns the range of parts that should become one, or an empty one. Only
// neighbors are merged, so that passages stay in order: the smallest at the end
// once there are fan of a level or below, and a part by itself if a quarter of it
// is dead.
func plan(parts []*part) (from, to int) {
	highest := 0
	for _, p := range parts {
		highest = max(highest, level(p))
	}
	for l := range highest + 1 {
		from := len(parts)
		for from > 0 && level(parts[from-1]) <= l {
			from--
		}
		if len(parts)-from >= fan {
			return from, len(parts)
		}
	}
	for i, p := range parts {
		if 4*len(p.dead) > p.Docs() {
			return i, i + 1
		}
	}
	return 0, 0
}

// mergeParts merges parts or starts to. Parts in files stay until they are saved. The
// caller holds writing.
func (ix *Index) mergeParts() {
	for {
		parts := ix.now.Load().parts
		for ix.merging != nil && len(parts) > mostParts {
			ix.merged.Wait()
			parts = ix.now.Load().parts
		}
		first := len(parts)
		for first > 0 && parts[first-1].file == nil && !slices.ContainsFunc(ix.merging, parts[first-1].same) {
			first--
		}
		from, to := plan(parts[first:])
		from, to = from+first, to+first
		if from == to {
			return
		}
		sum := 0
		for _, p := range parts[from:to] {
			sum += p.Live()
		}
		if sum <= atOnce {
			p, err := mergeParts(context.Background(), parts[from:to])
			if err != nil {
				return // only if the segment would be too large
			}
			ix.exchange(parts[from:to], p)
			continue
		}
		if ix.merging == nil {
			ix.merging = parts[from:to:to]
			go ix.mergeLater(ix.merging)
		}
		return
	}
}

// same reports whether p and q are of one segment.
func (p *part) same(q *part) bool { return p.Segment == q.Segment }

// mergeLater merges parts while the index is used.
func (ix *Index) mergeLater(parts []*part) {
	p, err := mergeParts(context.Background(), parts)
	ix.writing.Lock()
	defer ix.writing.Unlock()
	ix.merging = nil
	ix.merged.Broadcast()
	if err != nil || ix.now.Load() == nil {
		return
	}
	ix.exchange(parts, p)
	ix.mergeParts()
}

func sourcesOf(parts []*part) []segment.Source {
	sources := make([]segment.Source, len(parts))
	for i, p := range parts {
		sources[i] = segment.Source{Segment: p.Segment, Live: p.alive}
	}
	return sources
}

// mergeParts returns one part in memory with the live passages of several.
func mergeParts(ctx context.Context, parts []*part) (*part, error) {
	s, err := segment.Merge(ctx, sourcesOf(parts))
	if err != nil {
		return nil, err
	}
	var kept []retriever.Passage
	for _, p := range parts {
		for doc, q := range p.kept {
			if p.alive.Has(uint32(doc)) {
				kept = append(kept, q)
			}
		}
	}
	return newPart(s, kept), nil
}

// exchange replaces parts by the part made of them, without the passages that were
// deleted meanwhile, and reports whether any is left. The caller holds writing.
func (ix *Index) exchange(old []*part, p *part) bool {
	before := ix.now.Load()
	if before == nil {
		return false
	}
	now := before.clone()
	now.parts = nil
	at := -1
	for _, q := range before.parts {
		if !slices.ContainsFunc(old, q.same) {
			now.parts = append(now.parts, q)
		} else if at < 0 {
			at = len(now.parts)
			now.parts = append(now.parts, nil)
		}
	}
	if at < 0 {
		return false
	}
	var gone []uint32
	next := uint32(0) // document of p
	for _, o := range old {
		i := slices.IndexFunc(before.parts, o.same)
		for doc := range uint32(o.Docs()) {
			if !o.alive.Has(doc) {
				continue
			}
			if i < 0 || !before.parts[i].alive.Has(doc) {
				gone = append(gone, next)
			}
			next++
		}
	}
	if len(gone) > 0 {
		p = p.without(gone)
	}
	now.parts[at] = p
	ix.store(now)
	return true
}
