package ingest

import (
	"cmp"
	"regexp"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/saintfish/chardet"
	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	utf16 "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"
)

// guess is how many bytes of a file are used to detect its encoding.
const guess = 64 << 10

// charsetOf is the encoding of a file.
type charsetOf struct {
	name string // "" if it is UTF-8
	enc  encoding.Encoding
	mark int // the length of the byte order mark
}

var wide = []struct {
	mark string
	cs   charsetOf
}{
	{byteOrderMark, charsetOf{mark: len(byteOrderMark)}},
	{"\xff\xfe\x00\x00", charsetOf{"UTF-32LE", utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM), 4}},
	{"\x00\x00\xfe\xff", charsetOf{"UTF-32BE", utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), 4}},
	{"\xff\xfe", charsetOf{"UTF-16LE", utf16.UTF16(utf16.LittleEndian, utf16.IgnoreBOM), 2}},
	{"\xfe\xff", charsetOf{"UTF-16BE", utf16.UTF16(utf16.BigEndian, utf16.IgnoreBOM), 2}},
}

// detect returns the encoding of a file; src is its beginning, or all of it. The error is
// ErrBinary or ErrNotUTF8.
func detect(src, format string, all bool) (charsetOf, error) {
	for _, w := range wide {
		if strings.HasPrefix(src, w.mark) {
			return w.cs, nil
		}
	}
	head := src[:min(len(src), guess)]
	if cs, ok := detectWide(head); ok {
		return cs, nil
	}
	whole := src
	if !all {
		whole = whole[:len(whole)-partial(whole)]
	}
	switch nuls := strings.Count(head, "\x00"); {
	case utf8.ValidString(whole):
		if nuls >= 4 && nuls*10 > len(head) {
			return charsetOf{}, ErrBinary
		}
		if strings.Contains(head, "\x1b$B") || strings.Contains(head, "\x1b$@") || strings.Contains(head, "\x1b(J") {
			return named("iso-2022-jp")
		}
		return charsetOf{}, nil
	case nuls > 0:
		return charsetOf{}, ErrBinary
	}
	if format == "html" {
		if cs, ok := declared(head); ok {
			return cs, nil
		}
	}
	if damaged(whole) {
		return charsetOf{}, ErrNotUTF8
	}
	return detectBytes(whole, format)
}

func named(name string) (charsetOf, error) {
	enc, err := htmlindex.Get(name)
	if err != nil || enc == encoding.Replacement {
		return charsetOf{}, ErrNotUTF8
	}
	if name, err = htmlindex.Name(enc); err != nil {
		return charsetOf{}, ErrNotUTF8
	}
	return charsetOf{name: name, enc: enc}, nil
}

// partial returns how many bytes at the end of s begin an incomplete character.
func partial(s string) int {
	for n := 1; n < utf8.UTFMax && n <= len(s); n++ {
		if c := s[len(s)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRuneInString(s[len(s)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

// detectWide detects UTF-16 and UTF-32 without a byte order mark, by the zeros in them.
func detectWide(head string) (charsetOf, bool) {
	if len(head) < 4 || strings.IndexByte(head, 0) < 0 {
		return charsetOf{}, false
	}
	head = head[:len(head)&^3]
	var zeros [4]int
	for i := range len(head) {
		if head[i] == 0 {
			zeros[i%4]++
		}
	}
	n := len(head) / 4
	many := func(k int) bool { return zeros[k]*10 >= 9*n }
	cs := func(i int) (charsetOf, bool) {
		c := wide[i].cs
		c.mark = 0
		return c, true
	}
	switch {
	case many(2) && many(3) && zeros[0] == 0:
		return cs(1)
	case many(0) && many(1) && zeros[3] == 0:
		return cs(2)
	}
	// Of text in other scripts only spaces and line ends have zeros.
	if n := strings.Count(head, "\x00"); (n < 4 || n*20 < len(head)) && utf8.ValidString(head[:len(head)-partial(head)]) {
		return charsetOf{}, false
	}
	for _, i := range []int{3, 4} {
		low, high := zeros[0]+zeros[2], zeros[1]+zeros[3]
		if i == 4 {
			low, high = high, low
		}
		if low > 0 || high == 0 {
			continue
		}
		text, _ := wide[i].cs.enc.NewDecoder().String(head)
		bad := strings.IndexFunc(text, func(r rune) bool {
			return r == utf8.RuneError || unicode.IsControl(r) && !unicode.IsSpace(r) || !unicode.IsGraphic(r) && !unicode.In(r, unicode.C)
		})
		if bad < 0 || bad > len(text)-2*utf8.UTFMax { // a pair cut in two
			return cs(i)
		}
	}
	return charsetOf{}, false
}

var xmlEncoding = regexp.MustCompile(`^\s*<\?xml[^>]*\sencoding\s*=\s*["']([A-Za-z0-9._:-]+)["']`)

// western are the names of windows-1252.
var western = regexp.MustCompile(`(?i)charset\s*=\s*["']?\s*(?:windows-1252|cp1252|x-cp1252|iso[-_]?8859-?1\b|latin-?1\b|l1\b|us-ascii|ascii)`)

// declared returns the encoding that a page says it has.
func declared(head string) (charsetOf, bool) {
	if m := xmlEncoding.FindStringSubmatch(head); m != nil {
		if cs, err := named(m[1]); err == nil && cs.name != "utf-8" && !strings.HasPrefix(cs.name, "utf-16") {
			return cs, true
		}
	}
	// It does not report whether windows-1252 was named or is its default.
	_, name, _ := charset.DetermineEncoding([]byte(head[:min(len(head), 1024)]), "")
	if name == "utf-8" || name == "windows-1252" && !western.MatchString(head[:min(len(head), 1024)]) {
		return charsetOf{}, false
	}
	cs, err := named(name)
	return cs, err == nil
}

// damaged reports whether s is UTF-8 except for some bytes.
func damaged(s string) bool {
	good, bad := 0, 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			bad++
		} else {
			good++
		}
		i += size
	}
	return good > 2*bad
}

// detectBytes detects an encoding by how often known languages use its characters.
func detectBytes(s, format string) (charsetOf, error) {
	first := strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
	s = s[max(first-guess/2, 0):]
	s = s[:min(len(s), guess)]
	// In Latin script bytes above 127 occur alone or in pairs, mostly next to letters.
	letters, high, odd, longest, run := 0, 0, 0, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			if !atLetter(s, i) && strings.IndexByte("\x80\x85\x91\x92\x93\x94\x95\x96\x97\xa0\xa3\xa7\xa9\xab\xae\xb0\xbb", c) < 0 {
				odd++
			}
			high++
			run++
			longest = max(longest, run)
			continue
		case isAlphanumeric(rune(c)):
			letters++
		}
		run = 0
	}
	if 2*odd > high && longest <= 4 {
		return charsetOf{}, ErrNotUTF8
	}
	latin := high*3 < letters+high && longest <= 4
	d := chardet.NewTextDetector()
	if format == "html" {
		d = chardet.NewHtmlDetector()
	}
	results, err := d.DetectAll([]byte(s))
	if err != nil && !latin {
		return charsetOf{}, ErrNotUTF8
	}
	slices.SortStableFunc(results, func(a, b chardet.Result) int { // they come from goroutines
		return cmp.Or(b.Confidence-a.Confidence, strings.Compare(a.Charset, b.Charset))
	})
	var candidates []charsetOf
	for _, r := range results {
		name := strings.ToLower(r.Charset)
		if name == "gb-18030" {
			name = "gb18030"
		}
		cs, err := named(name)
		if err != nil || strings.HasPrefix(name, "utf-") || latin != latinNames[cs.name] || latin && r.Confidence < 20 {
			continue
		}
		if !latin {
			return cs, nil
		}
		candidates = append(candidates, cs)
	}
	if !latin {
		return charsetOf{}, ErrNotUTF8
	}
	// For Latin script an encoding that makes letters of the bytes in words is better
	// than one that makes signs of them.
	for _, name := range []string{"windows-1252", "windows-1250", "iso-8859-2"} {
		cs, err := named(name)
		if err != nil {
			return cs, err
		}
		candidates = append(candidates, cs)
	}
	return slices.MinFunc(candidates, func(a, b charsetOf) int { return a.signs(s) - b.signs(s) }), nil
}

// signs counts the signs that an encoding of single bytes makes of bytes at letters.
func (cs charsetOf) signs(s string) int {
	m, ok := cs.enc.(*charmap.Charmap)
	if !ok {
		return len(s)
	}
	n := 0
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf && i > 0 && (s[i-1]|0x20 >= 'a' && s[i-1]|0x20 <= 'z') && !unicode.IsLetter(m.DecodeByte(s[i])) && (i+1 == len(s) || atLetter(s[i+1:min(len(s), i+2)], 0)) {
			n++
		}
	}
	return n
}

// atLetter reports whether one of the three bytes before or after i is a letter.
func atLetter(s string, i int) bool {
	for k := max(0, i-3); k < min(len(s), i+4); k++ {
		if c := s[k] | 0x20; c >= 'a' && c <= 'z' {
			return true
		}
	}
	return false
}

// latinNames are the encodings of Latin script that are told apart.
var latinNames = names("windows-1250 windows-1252 windows-1254 iso-8859-2 iso-8859-15")

// offsets maps the characters of a converted text to their places in the original.
type offsets struct {
	text  string
	sizes []uint8 // how many bytes each character had
	marks []offsetMark
}

// offsetMark is the place of a character in the text, in the original, and in sizes.
type offsetMark struct{ at, src, index int }

const offsetEvery = 256

// decode converts src to UTF-8. Invalid bytes become U+FFFD; bad is the number of these.
func (cs charsetOf) decode(src string) (text string, o *offsets, bad int) {
	o = &offsets{sizes: make([]uint8, 0, len(src)/max(1, cs.width()))}
	var out strings.Builder
	out.Grow(len(src) + len(src)/8)
	at, before := cs.mark, cs.mark
	add := func(r rune, end int) {
		size := end - before
		if len(o.sizes)%offsetEvery == 0 || size > 255 {
			o.marks = append(o.marks, offsetMark{out.Len(), before, len(o.sizes)})
		}
		if size > 255 { // escapes before a character
			o.marks[len(o.marks)-1].src = end - 1
			size = 1
		}
		o.sizes = append(o.sizes, uint8(size))
		if r == utf8.RuneError {
			bad++
		}
		out.WriteRune(r)
		before = end
	}
	if m, ok := cs.enc.(*charmap.Charmap); ok {
		for ; at < len(src); at++ {
			add(m.DecodeByte(src[at]), at+1)
		}
	} else {
		d := cs.enc.NewDecoder()
		var in, dst [64]byte
		for n := 1; at < len(src); {
			k := copy(in[:n], src[at:])
			wrote, read, err := d.Transform(dst[:], in[:k], at+k == len(src))
			switch {
			case read == 0 && err == transform.ErrShortSrc && k < len(in) && at+k < len(src):
				n++
				continue
			case read == 0:
				read, wrote = 1, copy(dst[:], "\ufffd")
			}
			n = 1
			at += read
			for piece := dst[:wrote]; len(piece) > 0; {
				r, size := utf8.DecodeRune(piece)
				piece = piece[size:]
				add(r, at)
			}
		}
	}
	o.text = out.String()
	return o.text, o, bad
}

// width is the least number of bytes that a character takes.
func (cs charsetOf) width() int {
	switch {
	case strings.HasPrefix(cs.name, "UTF-32"):
		return 4
	case strings.HasPrefix(cs.name, "UTF-16"):
		return 2
	}
	return 1
}

// source returns the offset in the original of byte i of the text.
func (o *offsets) source(i int) int {
	k := sort.Search(len(o.marks), func(k int) bool { return o.marks[k].at > i }) - 1
	if k < 0 {
		return 0
	}
	m := o.marks[k]
	for m.at < i && m.index < len(o.sizes) {
		_, size := utf8.DecodeRuneInString(o.text[m.at:])
		m.at += size
		m.src += int(o.sizes[m.index])
		m.index++
	}
	return m.src
}
