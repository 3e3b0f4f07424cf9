package pdf

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// line is a line of prose or a row of a table.
type line struct {
	piece
	row  bool    // it has cells
	edge float32 // where the lines around it end at the right
}

// writer makes paragraphs of lines.
type writer struct {
	body   []byte
	starts []int // of the pages that have begun
	number int   // of the page at hand
	last   line  // of the paragraph at hand
	lines  int   // in it so far

	compounds map[string]bool // words with a hyphen, in lower case
}

func newWriter(pages []page) *writer {
	w := &writer{compounds: map[string]bool{}}
	for _, p := range pages {
		for _, x := range p.pieces {
			if strings.IndexByte(x.text, '-') < 0 {
				continue
			}
			for word := range strings.FieldsSeq(x.text) {
				word = strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) })
				if strings.IndexByte(word, '-') > 0 {
					w.compounds[strings.ToLower(word)] = true
				}
			}
		}
	}
	return w
}

// page writes a page.
func (w *writer) page(p page) {
	w.number++
	lines := linesOf(arrange(p.pieces))
	justified(lines)
	edges(lines)
	usual := leadingOf(lines)
	for i, l := range lines {
		var how join
		if i == 0 {
			how = w.continues(l)
		} else if below(lines[i-1], l) {
			how = w.within(l, usual)
		} else {
			how = w.continues(l)
		}
		w.write(l, how)
	}
}

// end ends the document.
func (w *writer) end() {
	for len(w.starts) < w.number {
		w.starts = append(w.starts, len(w.body))
	}
}

// join says how a line follows the one before.
type join uint8

const (
	newParagraph join = iota
	sameParagraph
)

func (w *writer) write(l line, how join) {
	switch {
	case len(w.body) == 0:
	case how == newParagraph:
		w.body = append(trimHyphen(w.body), "\n\n"...)
	default:
		w.glue(l.text)
	}
	w.end() // of the pages before
	w.body = append(w.body, l.text...)
	if w.last = l; how == newParagraph {
		w.lines = 0
	}
	w.lines++
}

// trimHyphen writes the hyphen at the end of a paragraph as such.
func trimHyphen(body []byte) []byte {
	if last, size := utf8.DecodeLastRune(body); last == softHyphen {
		return append(body[:len(body)-size], '-')
	}
	return body
}

// glue prepares the end of the body for the next line of its paragraph.
func (w *writer) glue(next string) {
	last, size := utf8.DecodeLastRune(w.body)
	first, _ := utf8.DecodeRuneInString(next)
	switch {
	case last == softHyphen || last == '-' || last == '‐':
		before := w.body[:len(w.body)-size]
		r, _ := utf8.DecodeLastRune(before)
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			w.body = append(trimHyphen(w.body), ' ')
			return
		}
		stem := string(before[strings.LastIndexAny(string(before[max(0, len(before)-100):]), " \t\n")+1+max(0, len(before)-100):])
		rest, _, _ := strings.Cut(next, " ")
		rest = strings.TrimFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) })
		stem = strings.TrimLeftFunc(stem, func(r rune) bool { return !unicode.IsLetter(r) })
		w.body = before
		if !unicode.IsLower(first) || !unicode.IsLetter(r) || w.compounds[strings.ToLower(stem+"-"+rest)] {
			w.body = append(w.body, '-')
		}
	case isUnspaced(last) && isUnspaced(first):
	default:
		w.body = append(w.body, ' ')
	}
}

// linesOf joins pieces that are on the same line.
func linesOf(pieces []piece) []line {
	var out []line
	for _, p := range pieces {
		if k := len(out) - 1; k >= 0 && out[k].turns == p.turns && sameRow(out[k].piece, p) && p.at.left > out[k].at.right-p.size {
			l := &out[k]
			between := "\t"
			switch {
			case p.at.left-l.at.right < wideGap*p.size && !l.row, listMark(l.text + " "):
				between = " "
			default:
				l.row = true
			}
			if len(p.text) > len(l.text) { // such as after the mark of a list item
				l.size, l.base, l.rough = p.size, p.base, p.rough
			}
			l.text = strings.TrimSuffix(l.text, string(softHyphen)) + between + p.text
			l.at = l.at.union(p.at)
			continue
		}
		out = append(out, line{piece: p})
	}
	return out
}

// justified marks lines of prose whose words were drawn far apart, to end where others do,
// as no rows of tables.
func justified(lines []line) {
	const around = 60
	for i := range lines {
		l := &lines[i]
		if !l.row || strings.IndexByte(l.text, ' ') >= 0 {
			continue
		}
		for k := max(0, i-around); k < min(len(lines), i+around); k++ {
			x := lines[k].at
			if !lines[k].row && x.left-l.at.left < 3 && l.at.left-x.left < 3 && x.right-l.at.right < 3 && l.at.right-x.right < 3 {
				l.row, l.text = false, strings.ReplaceAll(l.text, "\t", " ")
				break
			}
		}
	}
}

// below reports whether b is under a, in the same column.
func below(a, b line) bool {
	return a.turns == b.turns && b.base < a.base && b.at.left < a.at.right && b.at.right > a.at.left
}

// edges says of each line where the lines around it end.
func edges(lines []line) {
	const around = 12
	for i := range lines {
		l := &lines[i]
		l.edge = l.at.right
		for step := -1; step <= 1; step += 2 {
			for k := i + step; k >= 0 && k < len(lines) && k >= i-around && k <= i+around; k += step {
				a, b := lines[k-step], lines[k]
				if step < 0 {
					a, b = b, a
				}
				if !below(a, b) {
					break
				}
				if x := lines[k]; !x.row && x.at.left-l.at.left < 2*l.size && l.at.left-x.at.left < 2*l.size {
					l.edge = max(l.edge, x.at.right)
				}
			}
		}
	}
}

// alike reports whether the sizes of two lines can be those of one paragraph.
func alike(a, b piece) bool {
	most := float32(1.2)
	if a.rough || b.rough {
		most = 1.8
	}
	return a.size < most*b.size && b.size < most*a.size
}

// leading is the distance of the lines of a paragraph.
type leading struct {
	points float32
	sizes  float32 // in sizes of their font
}

// leadingOf returns the leading of lines, 0 if it is not known.
func leadingOf(lines []line) leading {
	var points, sizes []float32
	for i := 1; i < len(lines); i++ {
		a, b := lines[i-1], lines[i]
		if d := a.base - b.base; below(a, b) && alike(a.piece, b.piece) && d > 0.8*b.size {
			points = append(points, d)
			sizes = append(sizes, d/max(a.size, b.size))
		}
	}
	if len(points) == 0 {
		return leading{}
	}
	slices.Sort(points)
	slices.Sort(sizes)
	return leading{points[len(points)/4], sizes[len(sizes)/4]}
}

// within says whether l continues the paragraph. The last line of that is above l.
func (w *writer) within(l line, usual leading) join {
	p := w.last
	indent := l.at.left - p.at.left
	most := 1.25 * usual.sizes * min(p.size, l.size)
	if p.rough || l.rough {
		most = 1.25 * usual.points
	}
	switch {
	case l.row || p.row, !alike(p.piece, l.piece), listMark(l.text):
		return newParagraph
	case p.base-l.base > most:
		return newParagraph
	case endsIn(w.body, softHyphen):
		return sameParagraph
	case indent > 0.8*l.size && w.lines > 1:
		return newParagraph
	case p.isShort(l) && !listMark(p.text) && !p.isOpen(l):
		return newParagraph
	}
	return sameParagraph
}

// isOpen reports whether a sentence continues in the next line. It is needed because some
// programs break lines by the number of characters, not by width.
func (l line) isOpen(next line) bool {
	last, _ := utf8.DecodeLastRuneInString(l.text)
	first, _ := utf8.DecodeRuneInString(next.text)
	if utf8.RuneCountInString(l.text) < 20 || !unicode.IsLetter(last) && last != ',' {
		return false
	}
	return unicode.IsLower(first) || unicode.IsDigit(first) && unicode.IsLower(last) || unicode.In(first, joined...) && unicode.In(last, joined...)
}

// isShort reports whether the next line's first word would have fitted after l.
func (l line) isShort(next line) bool {
	first, _, _ := strings.Cut(next.text, " ")
	n, all := utf8.RuneCountInString(first), utf8.RuneCountInString(next.text)
	r, _ := utf8.DecodeRuneInString(next.text)
	if isUnspaced(r) {
		n = min(n, 2) // a mark must not begin a line
	}
	width := (next.at.right - next.at.left) * float32(n) / float32(max(all, 1))
	return l.at.right+width+0.4*l.size < max(l.edge, next.edge)
}

// continues says whether a line on another page or in another column continues the
// paragraph.
func (w *writer) continues(l line) join {
	p := w.last
	if len(w.body) == 0 || l.row || p.row || l.turns != p.turns || !alike(l.piece, p.piece) || listMark(l.text) {
		return newParagraph
	}
	last, _ := utf8.DecodeLastRune(w.body)
	first, _ := utf8.DecodeRuneInString(l.text)
	full := p.at.right > p.edge-1.5*p.size && wordsIn(p.text) >= 3
	switch {
	case last == softHyphen:
		return sameParagraph
	case strings.ContainsRune(`.!?:;。！？：；…"”’»)）」』`, last):
		return newParagraph
	case unicode.IsLower(first), isUnspaced(first) && isUnspaced(last) && full:
		return sameParagraph
	case full && w.lines > 1:
		return sameParagraph
	}
	return newParagraph
}

func endsIn(body []byte, r rune) bool {
	last, _ := utf8.DecodeLastRune(body)
	return last == r
}

// listMark reports whether a line begins an item of a list.
func listMark(s string) bool {
	mark, _, ok := strings.Cut(s, " ")
	if !ok || mark == "" {
		return false
	}
	if strings.Contains("-*•‣◦–—·●○■□☐☑✓▪", mark) {
		return true
	}
	inner := strings.TrimRight(strings.TrimLeft(mark, "(["), ".)]")
	if inner == mark || inner == "" || len(inner) > 3 {
		return false
	}
	return strings.Trim(inner, "0123456789") == "" || len(inner) == 1 && strings.ContainsAny(mark, ")]")
}
