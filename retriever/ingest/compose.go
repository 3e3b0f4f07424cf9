package ingest

import "golang.org/x/text/unicode/norm"

// compose brings the text of a section into normalisation form C. What was one
// character of the original or became one keeps its place in the original.
func (s *section) compose() {
	if norm.NFC.IsNormalString(s.text) {
		return
	}
	// The ends of blocks, in order, so that they can be moved on the way.
	ends := make([]*int, 0, 2*len(s.blocks))
	for i := range s.blocks {
		ends = append(ends, &s.blocks[i].start, &s.blocks[i].end)
	}
	next := section{path: s.path, blocks: s.blocks}
	text := make([]byte, 0, len(s.text))
	var it norm.Iter
	for it.InitString(norm.NFC, s.text); !it.Done(); {
		from := it.Pos()
		piece := it.Next()
		src, end := s.source(from, it.Pos())
		for len(ends) > 0 && *ends[0] < it.Pos() {
			*ends[0] = len(text) + min(*ends[0]-from, len(piece))
			ends = ends[1:]
		}
		next.stretch(len(piece), src, end)
		text = append(text, piece...)
	}
	for _, e := range ends {
		*e = len(text)
	}
	next.text = string(text)
	*s = next
}
