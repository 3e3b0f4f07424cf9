package ingest

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Note says what was changed in a document, or left out of it, when its passages were
// made.
type Note struct {
	Path string // as in [FileError]
	Line int    // of the first place, from 1; 0 if it is not known
	Kind NoteKind
	Text string // what it was
	// Count is how many there were, at least 1.
	Count int
}

// NoteKind says what a [Note] is about.
type NoteKind string

// The kinds of notes.
const (
	// NoteEncoding: the file was converted; Text names its encoding.
	NoteEncoding NoteKind = "encoding"
	// NoteHidden: text that is invisible on the page was left out; Text says what
	// hides it.
	NoteHidden NoteKind = "hidden"
	// NoteMark: the mark of a footnote was left out.
	NoteMark NoteKind = "mark"
	// NoteTitle: a title was cut to 300 characters.
	NoteTitle NoteKind = "title"
	// NoteHeading: a heading is a paragraph of the text.
	NoteHeading NoteKind = "heading"
	// NoteFrontMatter: front matter that cannot be read is text.
	NoteFrontMatter NoteKind = "front matter"
	// NoteField: a field or a column was left out, or has another name.
	NoteField NoteKind = "field"
	// NoteStructure: marks of structure are text, since there were too many.
	NoteStructure NoteKind = "structure"
	// NoteRepeated: lines at the top or the bottom of several pages, such as their
	// numbers, were left out; Text is the line, with # for the numbers in it.
	NoteRepeated NoteKind = "repeated"
	// NoteImage: pages have no text; Text names them.
	NoteImage NoteKind = "image"
	// NoteID: a passage has another id, since the one it had was taken.
	NoteID NoteKind = "id"
)

// String returns the path, the line, the kind, the text and the count.
func (n Note) String() string {
	at := n.Path
	if n.Line > 0 {
		at = fmt.Sprintf("%s:%d", n.Path, n.Line)
	}
	return fmt.Sprintf("%s: %s: %s (%d)", at, n.Kind, n.Text, n.Count)
}

// maxNotes is how many different notes there are about one document.
const maxNotes = 100

// notes gathers those about one document.
type notes struct{ list []Note }

// add counts one more of a note.
func (n *notes) add(kind NoteKind, text string, line int) {
	i := slices.IndexFunc(n.list, func(x Note) bool { return x.Kind == kind && x.Text == text })
	if i < 0 && len(n.list) >= maxNotes {
		text = "others"
		i = slices.IndexFunc(n.list, func(x Note) bool { return x.Kind == kind && x.Text == text })
	}
	if i < 0 {
		i = len(n.list)
		n.list = append(n.list, Note{Line: line, Kind: kind, Text: text})
	}
	n.list[i].Count++
}

// shorten cuts a title to longestTitle characters.
func (n *notes) shorten(s string) string {
	if !tooLong(s) {
		return s
	}
	n.add(NoteTitle, "cut to 300 characters", 0)
	return shortenTo(s, longestTitle)
}

// join joins the parts of a title. If they are too long, the longest are cut.
func (n *notes) join(parts []string) string {
	const between = " > "
	title := strings.Join(parts, between)
	if !tooLong(title) {
		return title
	}
	n.add(NoteTitle, "cut to 300 characters", 0)
	sizes := make([]int, len(parts))
	for i, p := range parts {
		sizes[i] = utf8.RuneCountInString(p)
	}
	sorted := slices.Sorted(slices.Values(sizes))
	// Each part may have as much as the shorter ones leave it.
	room, each := longestTitle-len(between)*(len(parts)-1), 0
	for i, size := range sorted {
		if each = room / (len(sorted) - i); size > each {
			break
		}
		room -= size
	}
	short := make([]string, len(parts))
	for i, p := range parts {
		short[i] = shortenTo(p, max(each, 1))
	}
	return strings.Join(short, between)
}

// shortenTo cuts s to n characters at a space, if there is one in the second half, and
// puts an ellipsis there.
func shortenTo(s string, n int) string {
	at := 0
	for range n - 1 {
		if at >= len(s) {
			return s
		}
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	if utf8.RuneCountInString(s[at:]) <= 1 {
		return s
	}
	if r, _ := utf8.DecodeRuneInString(s[at:]); !unicode.IsSpace(r) {
		if k := strings.LastIndexFunc(s[:at], unicode.IsSpace); k > at/2 {
			at = k
		}
	}
	return strings.TrimRightFunc(s[:at], unicode.IsSpace) + "…"
}
