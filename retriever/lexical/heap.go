package lexical

// candidate is a passage with its score.
type candidate struct {
	score float64
	part  int
	doc   uint32
}

// before reports whether c ranks before d: by score, then by the order in which the
// passages were added.
func (c candidate) before(d candidate) bool {
	switch {
	case c.score != d.score:
		return c.score > d.score
	case c.part != d.part:
		return c.part < d.part
	}
	return c.doc < d.doc
}

// best holds the k best candidates: a heap with the worst at its root.
type best struct {
	k    int
	heap []candidate
}

// least returns the score that a candidate must exceed: a later one with an equal
// score ranks after all. It is below 0 as long as there is room.
func (b *best) least() float64 {
	if len(b.heap) < b.k {
		return -1
	}
	return b.heap[0].score
}

// offer adds a candidate if it is among the best.
func (b *best) offer(c candidate) {
	if len(b.heap) < b.k {
		b.heap = append(b.heap, c)
		lift(b.heap)
	} else if c.before(b.heap[0]) {
		b.heap[0] = c
		sink(b.heap)
	}
}

// removeWorst removes and returns the worst candidate.
func (b *best) removeWorst() candidate {
	c := b.heap[0]
	last := len(b.heap) - 1
	b.heap[0] = b.heap[last]
	b.heap = b.heap[:last]
	sink(b.heap)
	return c
}

// sink moves the root of a heap down to its place.
func sink(h []candidate) {
	for i := 0; ; {
		worst := 2*i + 1
		if worst >= len(h) {
			return
		}
		if r := worst + 1; r < len(h) && h[worst].before(h[r]) {
			worst = r
		}
		if !h[i].before(h[worst]) {
			return
		}
		h[i], h[worst] = h[worst], h[i]
		i = worst
	}
}

// lift moves the last element of a heap up to its place.
func lift(h []candidate) {
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[parent].before(h[i]) {
			return
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}
