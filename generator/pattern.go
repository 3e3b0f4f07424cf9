package generator

import (
	"strings"
	"unicode/utf8"
)

// blanks says whether white space may precede a rune of a pattern.
type blanks uint8

func (b blanks) allow(seen bool) bool {
	return b == optionalBlanks || seen == (b == someBlanks)
}

// pattern is a reserved string in the folded view.
type pattern []patternRune

type patternRune struct {
	r      rune
	before blanks
}

// newPattern compiles a literal. White space and invisible runes at its ends are
// left out; the shorter pattern matches wherever the literal does.
func newPattern(literal string) pattern {
	var p pattern
	for i := 0; ; {
		f, ok := nextFolded(literal, i)
		if !ok {
			return p
		}
		i = f.end
		before := noBlanks
		switch {
		case len(p) == 0, strings.ContainsRune(openers+joiners, p[len(p)-1].r), strings.ContainsRune(closers+joiners, f.r):
			before = optionalBlanks
		case f.blank:
			before = someBlanks
		}
		p = append(p, patternRune{f.r, before})
	}
}

// match reports whether w starts with p, which is not empty, and returns the last
// rune.
func (p pattern) match(w *foldWindow) (last foldedRune, ok bool) {
	for k, want := range p {
		last, ok = w.at(k)
		if !ok || last.r != want.r || !want.before.allow(last.blank) {
			return last, false
		}
	}
	return last, true
}

// index holds reserved strings by their first rune.
type index struct{ table[starts] }

// starts holds the reserved strings that begin with one rune, without that rune.
type starts struct {
	whole bool             // the rune by itself is reserved
	then  table[[]pattern] // the others, by their second rune
}

// table is a map with rune keys, nearly all of them ASCII.
type table[V any] struct {
	ascii [utf8.RuneSelf]*V
	more  map[rune]*V
}

// get returns the value of r, nil if there is none.
func (t *table[V]) get(r rune) *V {
	if r < utf8.RuneSelf {
		return t.ascii[r]
	}
	return t.more[r]
}

// make returns the value of r, a new zero value if there was none.
func (t *table[V]) make(r rune) *V {
	v := t.get(r)
	switch {
	case v != nil:
	case r < utf8.RuneSelf:
		v = new(V)
		t.ascii[r] = v
	default:
		if t.more == nil {
			t.more = make(map[rune]*V)
		}
		v = new(V)
		t.more[r] = v
	}
	return v
}

func (x *index) add(p pattern) {
	list := x.make(p[0].r)
	if len(p) == 1 {
		list.whole = true
		return
	}
	rest := list.then.make(p[1].r)
	*rest = append(*rest, p[1:])
}

// at appends to found the strings that begin with first, the rune before w.
func (x *index) at(first foldedRune, w *foldWindow, found []occurrence) []occurrence {
	list := x.get(first.r)
	if list == nil {
		return found
	}
	if list.whole {
		found = append(found, occurrence{first, first})
	}
	second, ok := w.at(0)
	if !ok {
		return found
	}
	if rests := list.then.get(second.r); rests != nil {
		for _, rest := range *rests {
			if last, ok := rest.match(w); ok {
				found = append(found, occurrence{first, last})
			}
		}
	}
	return found
}

const (
	noBlanks blanks = iota
	optionalBlanks
	someBlanks
)
