package pdf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// edgeRows is how many rows at the top and at the bottom of a page can be repeated ones.
const edgeRows = 3

// edgePiecesMost is the most pieces of these rows that are compared.
const edgePiecesMost = 30

// repeated is a line that occurs at the same place of several pages.
type repeated struct {
	text   string // with # for numbers
	bottom bool   // at the bottom of the page
	seen   []seen
}

type seen struct {
	page, piece int
	y           float32 // from the edge
	numbers     string
	size        float32
}

// dropRepeated removes headers, footers and page numbers from pages, and returns notes
// about them.
func dropRepeated(pages []page) []ingest.Note {
	if len(pages) < 2 {
		return nil
	}
	var list []*repeated
	by := map[string][]*repeated{}
	for i, p := range pages {
		for _, s := range edgePieces(i, p) {
			text, numbers := masked(p.pieces[s.piece].text)
			s.numbers = numbers
			key := fmt.Sprint(s.y < 0, text)
			bottom := s.y < 0
			s.y = max(s.y, -s.y)
			k := slices.IndexFunc(by[key], func(r *repeated) bool {
				last := r.seen[len(r.seen)-1]
				return last.y-s.y < 3 && s.y-last.y < 3
			})
			if k < 0 {
				r := &repeated{text: text, bottom: bottom}
				k = len(by[key])
				by[key] = append(by[key], r)
				list = append(list, r)
			}
			by[key][k].seen = append(by[key][k].seen, s)
		}
	}
	size := bodySize(pages)
	drop := map[[2]int]*repeated{}
	for _, r := range list {
		if r.isRepeated(len(pages)) && r.seen[0].size <= 1.2*size {
			for _, s := range r.seen {
				drop[[2]int{s.page, s.piece}] = r
			}
		}
	}
	return remove(pages, drop)
}

// remove removes whole rows of pieces to drop from pages, unless that would empty all
// pages with one of them.
func remove(pages []page, drop map[[2]int]*repeated) []ingest.Note {
	left := map[*repeated]bool{}
	gone := make([]map[int]bool, len(pages))
	for i, p := range pages {
		gone[i] = map[int]bool{}
		for _, bottom := range []bool{false, true} {
			for _, k := range frame(p, bottom, func(k int) *repeated { return drop[[2]int{i, k}] }) {
				gone[i][k] = true
			}
		}
		for k := range gone[i] {
			if r := drop[[2]int{i, k}]; r != nil && len(gone[i]) < len(p.pieces) {
				left[r] = true
			}
		}
	}
	var notes []ingest.Note
	for i := range pages {
		var kept []piece
		for k, p := range pages[i].pieces {
			r := drop[[2]int{i, k}]
			if !gone[i][k] || r != nil && !left[r] || r == nil && len(gone[i]) == len(pages[i].pieces) {
				kept = append(kept, p)
				continue
			}
			what := "beside the number of the page"
			switch {
			case r != nil && r.bottom:
				what = "at the bottom: " + shorten(r.text)
			case r != nil:
				what = "at the top: " + shorten(r.text)
			}
			n := slices.IndexFunc(notes, func(x ingest.Note) bool { return x.Text == what })
			if n < 0 {
				n = len(notes)
				notes = append(notes, ingest.Note{Kind: ingest.NoteRepeated, Text: what})
			}
			notes[n].Count++
		}
		pages[i].pieces = kept
	}
	return notes
}

// frame returns the pieces of the rows at the top or the bottom of a page that are dropped.
// A row is dropped if all its pieces are to be dropped or one is the number of the page,
// and if its distance to the next row is greater than the usual one between lines. So
// the repeated first row of a table stays with the other rows.
func frame(p page, bottom bool, drop func(int) *repeated) []int {
	rows := rowsOf(p, bottom)
	var out, waiting []int
	for n, row := range rows {
		all, number := true, false
		for _, k := range row {
			r := drop(k)
			all = all && r != nil
			number = number || r != nil && r.text == "#"
		}
		if n >= edgeRows || !all && !number {
			break
		}
		waiting = append(waiting, row...)
		if n+1 < len(rows) {
			a, b := p.pieces[row[0]], p.pieces[rows[n+1][0]]
			if max(a.base-b.base, b.base-a.base) < 1.3*p.leading {
				continue
			}
		}
		out, waiting = append(out, waiting...), nil
	}
	return out
}

// rowsOf returns the rows of upright pieces from the top, or from the bottom, as indexes.
// Those in the middle of a page are left out.
func rowsOf(p page, bottom bool) [][]int {
	var upright []int
	for i, x := range p.pieces {
		if x.turns == 0 {
			upright = append(upright, i)
		}
	}
	slices.SortStableFunc(upright, func(a, b int) int {
		return int(4*p.pieces[b].at.bottom) - int(4*p.pieces[a].at.bottom)
	})
	if bottom {
		slices.Reverse(upright)
	}
	var rows [][]int
	for k, i := range upright {
		if k > 0 && sameRow(p.pieces[i], p.pieces[upright[k-1]]) {
			rows[len(rows)-1] = append(rows[len(rows)-1], i)
			continue
		}
		if len(rows) > edgeRows || k >= edgePiecesMost {
			break
		}
		rows = append(rows, []int{i})
	}
	return rows
}

func shorten(s string) string {
	const longest = 60
	if utf8.RuneCountInString(s) <= longest {
		return s
	}
	return string([]rune(s)[:longest]) + "…"
}

// edgePieces returns the pieces in the first and the last rows of a page, with their distance
// from its top, or from its bottom as a negative number.
func edgePieces(number int, p page) []seen {
	var out []seen
	for _, bottom := range []bool{false, true} {
		for n, row := range rowsOf(p, bottom) {
			if n >= edgeRows {
				break
			}
			for _, i := range row {
				x := p.pieces[i]
				s := seen{page: number, piece: i, y: max(p.box.top-x.at.bottom, 0), size: x.size}
				if bottom {
					s.y = min(p.box.bottom-x.at.bottom, -1e-3)
				}
				out = append(out, s)
			}
		}
	}
	return out
}

// masked returns a text with # for each number, and the first number. A text that is
// a roman number is one.
func masked(s string) (text, number string) {
	if n := roman(s); n > 0 {
		return "#", strconv.Itoa(n)
	}
	var b strings.Builder
	digits, first := false, ""
	for i, r := range s {
		if unicode.IsDigit(r) {
			if !digits {
				b.WriteByte('#')
				if first == "" {
					first, _, _ = strings.Cut(s[i:], " ")
					first = first[:len(first)-len(strings.TrimLeftFunc(first, unicode.IsDigit))]
				}
			}
			digits = true
			continue
		}
		digits = false
		b.WriteRune(r)
	}
	return b.String(), first
}

// roman returns the value of a roman number in lower case below 90, 0 if s is none.
func roman(s string) int {
	total := 0
	for rest := s; rest != ""; {
		found := false
		for _, d := range []struct {
			text  string
			value int
		}{{"xl", 40}, {"l", 50}, {"ix", 9}, {"x", 10}, {"iv", 4}, {"v", 5}, {"i", 1}} {
			if after, ok := strings.CutPrefix(rest, d.text); ok {
				total += d.value
				rest, found = after, true
				break
			}
		}
		if !found {
			return 0
		}
	}
	if len(s) > 8 {
		return 0
	}
	return total
}

// isRepeated reports whether the line is on enough pages, successive or every second one, to
// be no part of the text. Its numbers must be all the same or count pages.
func (r *repeated) isRepeated(pages int) bool {
	need := 3
	if pages <= 3 {
		need = 2
	}
	run, longest, counted := 1, 1, 1
	for i := 1; i < len(r.seen); i++ {
		a, b := r.seen[i-1], r.seen[i]
		if b.page == a.page {
			continue
		}
		if b.page-a.page > 2 || !follows(a, b) {
			run = 0
		} else {
			counted++
		}
		run++
		longest = max(longest, run)
	}
	return longest >= need && 3*counted >= 2*len(r.seen)
}

// follows reports whether the numbers of two lines are the same, or count pages.
func follows(a, b seen) bool {
	if a.numbers == b.numbers {
		return true
	}
	x, err1 := strconv.Atoi(a.numbers)
	y, err2 := strconv.Atoi(b.numbers)
	return err1 == nil && err2 == nil && y > x && y-x <= b.page-a.page // pages of pictures may have none
}

// bodySize returns the size of most of the text.
func bodySize(pages []page) float32 {
	var chars [200]int
	for _, p := range pages {
		for _, x := range p.pieces {
			chars[min(int(2*x.size), len(chars)-1)] += len(x.text)
		}
	}
	best := 0
	for i, n := range chars {
		if n > chars[best] {
			best = i
		}
	}
	return float32(best+1) / 2
}
