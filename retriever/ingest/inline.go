package ingest

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// inline writes the text of lines without its markup.
type inline struct {
	s     string // the lines joined by line ends
	drops []span // what is not text
	raw   []span // what is code, in order
	stars map[byte][]delimiter
	links []bracket   // the brackets not closed yet
	spent int         // how many of links hold a link already: they begin no other
	match map[int]int // see matchParens
	stop  int         // the offset of the next white space or closing parenthesis, if not passed yet
	noEnd bool        // no comment ends from here on
}

// delimiter is a run of n asterisks, underscores or tildes that may begin emphasis.
type delimiter struct{ at, n int }

// bracket is an opening bracket; it begins an image if a "!" stands before it.
type bracket struct {
	at    int
	image bool
}

func (m *markdown) inline(lines []span) {
	w := m.w
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(w.src[l.start:l.end])
	}
	in := inline{s: b.String()}
	if strings.ContainsAny(in.s, "\\`*_~[<") {
		in.scan(m.refs)
	}
	slices.SortStableFunc(in.drops, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	done, line, base := 0, 0, 0 // base: where the line begins in s
	// write writes s[done:to], a part of one line.
	write := func(to int, code bool) {
		from := lines[line].start - base
		if code {
			w.prose(from+done, from+to)
		} else {
			w.escaped(from+done, from+to, true)
		}
		done = to
	}
	writeTo := func(to int, code bool) {
		for done < to {
			end := base + lines[line].end - lines[line].start
			if to <= end {
				write(to, code)
				return
			}
			write(end, code)
			w.space(lines[line].end, lines[line].end)
			done, base = end+1, end+1
			line++
		}
	}
	text := func(to int) {
		for len(in.raw) > 0 && in.raw[0].start < to {
			writeTo(in.raw[0].start, false)
			writeTo(min(in.raw[0].end, to), true)
			if in.raw[0].end > to {
				break
			}
			in.raw = in.raw[1:]
		}
		writeTo(to, false)
	}
	for _, d := range in.drops {
		if d.start > done {
			text(d.start)
		}
		for done < d.end {
			end := base + lines[line].end - lines[line].start
			if d.end <= end {
				done = d.end
				break
			}
			w.space(lines[line].end, lines[line].end)
			done, base = end+1, end+1
			line++
		}
		for len(in.raw) > 0 && in.raw[0].end <= done {
			in.raw = in.raw[1:]
		}
	}
	text(len(in.s))
}

func (in *inline) drop(start, end int) { in.drops = append(in.drops, span{start, end}) }

// scan finds the markup in s.
func (in *inline) scan(refs map[string]bool) {
	s := in.s
	closing := closingRuns(s)
	in.match = matchParens(s)
	in.stars = map[byte][]delimiter{}
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case '\\':
			if i+1 < len(s) && s[i+1] == '\n' {
				in.drop(i, i+1)
			}
			i += 2
		case '`':
			n := runLength(s, i)
			end := closing[i]
			if end == 0 {
				i += n
				break
			}
			from, to := i+n, end
			in.drop(i, from)
			in.drop(to, to+n)
			if code := s[from:to]; strings.HasPrefix(code, " ") && strings.HasSuffix(code, " ") && strings.Trim(code, " ") != "" {
				in.drop(from, from+1)
				in.drop(to-1, to)
			}
			in.raw = append(in.raw, span{from, to})
			i = to + n
		case '*', '_', '~':
			n := runLength(s, i)
			in.emphasis(i, n)
			i += n
		case '!':
			i++
			if i < len(s) && s[i] == '[' {
				in.links = append(in.links, bracket{i, true})
				i++
			}
		case '[':
			in.links = append(in.links, bracket{i, false})
			i++
		case ']':
			i = in.closeBracket(i, refs)
		case '<':
			i = in.angle(i)
		default:
			i++
		}
	}
}

func runLength(s string, i int) int { return len(s[i:]) - len(strings.TrimLeft(s[i:], s[i:i+1])) }

// closingRuns returns, for the offset of each run of backquotes, that of the next
// run of the same length.
func closingRuns(s string) map[int]int {
	closing, last := map[int]int{}, map[int]int{}
	for i := 0; i < len(s); {
		if s[i] != '`' {
			i++
			continue
		}
		n := runLength(s, i)
		if before, ok := last[n]; ok {
			closing[before] = i
		}
		last[n] = i
		i += n
	}
	return closing
}

// emphasis takes a run of n delimiters at i. A run closes the last open one of its
// kind; how kinds nest is not looked at.
func (in *inline) emphasis(i, n int) {
	before, _ := utf8.DecodeLastRuneInString(in.s[:i])
	after, _ := utf8.DecodeRuneInString(in.s[i+n:])
	edge := func(r rune, at bool) bool { return at || unicode.IsSpace(r) }
	punct := func(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }
	spaceBefore, spaceAfter := edge(before, i == 0), edge(after, i+n == len(in.s))
	left := !spaceAfter && (!punct(after) || spaceBefore || punct(before))
	right := !spaceBefore && (!punct(before) || spaceAfter || punct(after))
	opens, closes := left, right
	c := in.s[i]
	switch c {
	case '_': // not within words
		opens = left && (!right || punct(before))
		closes = right && (!left || punct(after))
	case '~':
		if n > 2 {
			return
		}
	}
	if closes {
		open := in.stars[c]
		for n > 0 && len(open) > 0 {
			o := &open[len(open)-1]
			if c == '~' && o.n != n {
				break
			}
			k := min(n, o.n)
			in.drop(o.at+o.n-k, o.at+o.n)
			in.drop(i, i+k)
			o.n -= k
			i += k
			n -= k
			if o.n == 0 {
				open = open[:len(open)-1]
			}
		}
		in.stars[c] = open
	}
	if opens && n > 0 {
		in.stars[c] = append(in.stars[c], delimiter{i, n})
	}
}
