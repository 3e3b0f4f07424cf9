package token

import "unicode/utf8"

// Token is a word, or a run of letters of a script without spaces.
type Token struct {
	Start, End int
	Script     Script // of its first letter; Other if it has none
	Run        bool   // of a script without spaces
	Number     bool   // it begins with a digit
	Opens      bool   // it is the first in its sentence or line
	Capital    bool   // its first letter is a capital
	Capitals   bool   // all its letters are capitals, and it has two or more
}

// Scanner finds the tokens of a text. Make it with [Scan].
type Scanner struct {
	text  string
	pos   int
	opens bool
}

// Scan returns a scanner of text.
func Scan(text string) Scanner { return Scanner{text: text, opens: true} }

// at returns the info of the character at offset i, and its length in bytes.
func at(s string, i int) (info, int) {
	if c := s[i]; c < utf8.RuneSelf {
		return ascii[c], 1
	}
	r, size := utf8.DecodeRuneInString(s[i:])
	return infoOf(r), size
}

// Next finds the next token, or reports false if there is none.
func (s *Scanner) Next(t *Token) bool {
	text := s.text
	before := separator // the class of the previous character
	for s.pos < len(text) {
		in, size := at(text, s.pos)
		switch c := in.class(); c {
		case letter, digit, raised:
			s.word(t, s.pos, s.pos)
			return true
		case gram:
			s.run(t)
			return true
		case alone:
			*t = Token{Start: s.pos, End: s.pos + size, Number: true, Opens: s.opens}
			s.pos, s.opens = t.End, false
			return true
		case dot:
			// ".NET" and ".gitignore" begin with their full stop.
			if before == separator && text[s.pos] == '.' && next(text, s.pos+size)&classMask == info(letter) {
				s.word(t, s.pos, s.pos+size)
				return true
			}
			fallthrough
		default:
			s.opens = s.opens || in&ends != 0
			s.pos += size
			before = c
		}
	}
	return false
}

// next returns the info of the first character from offset i on that is not
// ignored.
func next(s string, i int) info {
	for i < len(s) {
		in, size := at(s, i)
		if in.class() != ignored {
			return in
		}
		i += size
	}
	return info(separator)
}

// longRaised is the number of letters after which a raised digit is not part of a
// word: it is in "CO₂" and "km²", but refers to a footnote in "Einstein²".
const longRaised = 3

// word finds the end of the word that begins at start, whose first letter is at i.
func (s *Scanner) word(t *Token, start, i int) {
	text := s.text
	first, _ := at(text, i)
	*t = Token{Start: start, Script: first.script(), Number: first.class() != letter, Opens: s.opens, Capital: first&upper != 0}
	last, lasts := separator, 0 // the class of the last letter or digit, and how many were in a row
	uppers, letters := 0, 0
scan:
	for i < len(text) {
		in, size := at(text, i)
		c := in.class()
		switch c {
		case letter:
			if letters++; in&upper != 0 {
				uppers++
			}
			if letters == 1 {
				t.Script = in.script()
			}
			if last == c {
				lasts++
			} else {
				lasts = 1
			}
			last = c
		case digit:
			last = c
		case raised:
			if last == digit || last == letter && lasts > longRaised {
				break scan
			}
			last = raised
		case mark, ignored:
		case plus, hash:
			i += symbol(text[i:], last == letter)
			break scan
		default:
			for c == underscore && i+size < len(text) && text[i+size] == '_' {
				size++
			}
			if !joins(c, last, next(text, i+size)) {
				break scan
			}
			if c != apostrophe {
				lasts = 0
			}
		}
		i += size
	}
	t.End = i
	t.Capitals = uppers == letters && letters > 1
	s.pos, s.opens = i, false
}

// joins reports whether a character of class c belongs to a word between its last
// letter or digit and the next character.
func joins(c, last class, after info) bool {
	next := after.class()
	switch c {
	case apostrophe, ampersand:
		return last == letter && next == letter
	case hyphen, dot, underscore:
		return next == letter || next == digit
	case comma:
		return last == digit && next == digit
	}
	return false
}

// symbol returns the length of the signs at the start of s that end a name: ++ or #
// after a letter, or a + before the end of a word.
func symbol(s string, letters bool) int {
	if !letters {
		return 0
	}
	n := 0
	for n < len(s) && n < 2 {
		if in, size := at(s, n); in.class() == plus {
			n += size
		} else if n == 0 && in.class() == hash {
			n += size
			break
		} else {
			break
		}
	}
	after := separator
	if n < len(s) {
		in, _ := at(s, n)
		after = in.class()
	}
	switch {
	case after == letter, after == plus, after == hash:
		return 0
	case after == digit && (n == 1):
		return 0
	}
	return n
}

// run finds the end of the run of letters that begins at s.pos.
func (s *Scanner) run(t *Token) {
	in, _ := at(s.text, s.pos)
	*t = Token{Start: s.pos, Script: in.script(), Run: true, Opens: s.opens}
	i := s.pos
	for i < len(s.text) {
		in, size := at(s.text, i)
		if c := in.class(); c != mark && c != ignored && (c != gram || in.script() != t.Script) {
			break
		}
		i += size
	}
	t.End = i
	s.pos, s.opens = i, false
}
