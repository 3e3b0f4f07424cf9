package ingest

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// compose brings the text of a section into normalization form C. Every character that was
// one or becomes one keeps its place in the original.
func (s *section) compose() {
	if norm.NFC.IsNormalString(s.text) {
		return
	}
	// The ends of blocks of code, in order, so that they can be moved on the way.
	ends := make([]*int, 0, 2*len(s.code))
	for i := range s.code {
		ends = append(ends, &s.code[i].Start, &s.code[i].End)
	}
	next := section{path: s.path, code: s.code, one: s.one}
	var text strings.Builder
	text.Grow(len(s.text))
	add := func(from int, piece string) {
		if piece == "" {
			return
		}
		to := from + len(piece)
		for r := range s.runs.between(from, to) {
			a, b := max(from, r.at), min(to, r.at+r.n)
			n, src, end := b-a, r.src, r.end
			if r.end-r.src == r.n {
				src, end = r.src+a-r.at, r.src+b-r.at
			}
			next.runs.add(n, src, end)
		}
		text.WriteString(piece)
	}
	var it norm.Iter
	same := 0 // where what is the same began
	for it.InitString(norm.NFC, s.text); !it.Done(); {
		from := it.Pos()
		piece := it.Next()
		to := it.Pos()
		for len(ends) > 0 && *ends[0] < to {
			*ends[0] = text.Len() + from - same + min(*ends[0]-from, len(piece))
			ends = ends[1:]
		}
		if string(piece) == s.text[from:to] {
			continue
		}
		add(same, s.text[same:from])
		src, end := s.source(from, to)
		next.runs.add(len(piece), src, end)
		text.Write(piece)
		same = to
	}
	for _, e := range ends {
		*e = text.Len() + *e - same
	}
	add(same, s.text[same:])
	next.text = text.String()
	*s = next
}
