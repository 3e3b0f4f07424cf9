package feature

import (
	"strings"
	"unicode/utf8"
)

// parting cuts a prompt into a text to work on, from byte a up to byte b, and the
// task before and after it.
type parting struct {
	a, b int
	kind partingKind
}

type partingKind int

const (
	atColon partingKind = iota
	atArrow
	atFirstLine
	atLastLine
	atFirstSentence
	atLastSentence
	atQuote
	atFence
	between // a colon or the first line, and the last line or sentence
	atComma
	atSpace
	partingKinds
)

var partingNames = [partingKinds]string{"colon", "arrow", "first line", "last line", "first sentence", "last sentence", "quote", "fence", "between", "comma", "space"}

// maxTask is the greatest length of a task in bytes.
const maxTask = 600

// cuts holds the places where a prompt may be parted, in bytes.
type cuts struct {
	prompt   string
	from, to int   // the prompt without blanks around it
	colons   []int // the places after colons
	ends     []int // of sentences
	breaks   []int // before line breaks
	commas   []int // the places after commas
	dashes   []int // the places before dashes and arrows
	space    int   // the first one between letters of Chinese or Japanese, 0 if there is none
	partings []parting
}

// partings returns the ways to part a prompt into a task and a text. Their number
// is small for a prompt of any length.
func partings(prompt string, units []unit) []parting {
	c := cuts{prompt: prompt, to: len(strings.TrimRight(prompt, blanks))}
	c.from = len(prompt) - len(strings.TrimLeft(prompt, blanks))
	c.find(units)
	n := len(prompt)
	for k, at := range c.colons {
		if k < 3 || k == len(c.colons)-1 {
			c.add(at, n, atColon)
		}
	}
	c.addDashes()
	c.addLines()
	c.addSentences()
	if k := len(c.commas) - 1; k > 0 {
		c.add(0, c.commas[k], atComma)
	}
	if a, b := quoted(prompt); b > 0 {
		c.add(a, b, atQuote)
	}
	c.addFences()
	if c.space > 0 {
		c.add(c.space, n, atSpace)
	}
	return c.partings
}

// find finds the places.
func (c *cuts) find(units []unit) {
	for k, u := range units {
		switch u.kind {
		case colonUnit:
			if opensText(c.prompt[u.at:]) {
				c.colons = append(c.colons, u.end)
			}
		case questionUnit, endUnit:
			if k+1 < len(units) && units[k+1].kind == quoteUnit && units[k+1].at == u.end {
				c.ends = append(c.ends, units[k+1].end)
			} else if !abbreviates(units[:k+1], c.prompt) {
				c.ends = append(c.ends, u.end)
			}
		case breakUnit:
			c.breaks = append(c.breaks, u.at)
		case commaUnit:
			c.commas = append(c.commas, u.end)
		case signUnit:
			if size, _ := dashAt(c.prompt[u.at:]); size > 0 && k > 0 {
				c.dashes = append(c.dashes, u.at)
			}
		}
		if c.space == 0 && u.script == scriptEast && k+1 < len(units) && units[k+1].at > u.end && units[k+1].kind != breakUnit {
			c.space = u.end
		}
	}
}

// opensText reports whether a colon at the start of a text is not part of a time,
// an address or a name.
func opensText(text string) bool {
	_, w := utf8.DecodeRuneInString(text)
	return w > 1 || len(text) == 1 || !strings.ContainsRune("0123456789/:", rune(text[1]))
}

// abbreviates reports whether the full stop that ends units follows a short word
// with a capital.
func abbreviates(units []unit, prompt string) bool {
	k := len(units) - 1
	if k == 0 || prompt[units[k].at] != '.' {
		return false
	}
	w := units[k-1]
	size := w.end - w.at
	return w.kind == wordUnit && w.capital && w.end == units[k].at && (size <= 2 || size == 3 && k < 2)
}

// dashAt returns the length of the arrow or dash at the start of a text, 0 if there is none, and
// whether it is an arrow.
func dashAt(text string) (size int, arrow bool) {
	for _, sign := range [...]string{"->", "=>", "→"} {
		if strings.HasPrefix(text, sign) {
			return len(sign), true
		}
	}
	for _, sign := range [...]string{"- ", "-- ", "– ", "—"} {
		if strings.HasPrefix(text, sign) {
			return len(sign), false
		}
	}
	return 0, false
}

// add adds a parting unless it exists, or has no text or no task.
func (c *cuts) add(a, b int, kind partingKind) {
	if len(c.prompt)-(b-a) > maxTask || a <= c.from && b >= c.to {
		return
	}
	start := c.prompt[a:min(b, a+maxTask)]
	a += len(start) - len(strings.TrimLeft(start, blanks))
	end := c.prompt[max(a, b-maxTask):b]
	b -= len(end) - len(strings.TrimRight(end, blanks))
	if a >= b || len(c.prompt)-(b-a) > maxTask || a <= c.from && b >= c.to {
		return
	}
	for _, p := range c.partings {
		if p.a == a && p.b == b {
			return
		}
	}
	c.partings = append(c.partings, parting{a, b, kind})
}

const blanks = " \t\r\n\u00a0\u3000"

// last returns the last of the places that has something after it, and its number,
// 0 if there is none.
func (c *cuts) last(places []int) (at, k int) {
	for k := len(places) - 1; k >= 0; k-- {
		if places[k] < c.to {
			return places[k], k
		}
	}
	return 0, 0
}

// addDashes parts at the first and the last arrow or dash: the text is after an
// arrow, on either side of a dash.
func (c *cuts) addDashes() {
	for k, at := range c.dashes {
		if k > 0 && k < len(c.dashes)-1 {
			continue
		}
		size, _ := dashAt(c.prompt[at:])
		c.add(at+size, len(c.prompt), atArrow)
		c.add(0, at, atLastSentence)
	}
}

// addLines parts at the first and the last line break, and at blank lines.
func (c *cuts) addLines() {
	if len(c.breaks) == 0 {
		return
	}
	n, first := len(c.prompt), c.breaks[0]
	last, _ := c.last(c.breaks)
	c.add(first, n, atFirstLine)
	c.add(0, last, atLastLine)
	if len(c.colons) > 0 && c.colons[0] < last {
		c.add(c.colons[0], last, between)
	}
	if first < last {
		c.add(first, last, between)
	}
	if blank := strings.Index(c.prompt[:min(n, scanned)], "\n\n"); blank > first {
		c.add(blank, n, atFirstLine)
	}
	if blank := strings.LastIndex(c.prompt[max(0, n-scanned):], "\n\n"); blank >= 0 {
		c.add(0, max(0, n-scanned)+blank, atLastLine)
	}
}

// addSentences parts after the first two sentences and before the last two.
func (c *cuts) addSentences() {
	line, _ := c.last(c.breaks)
	if last, k := c.last(c.ends); last > line {
		c.add(0, last, atLastSentence)
		if len(c.colons) > 0 && c.colons[0] < last {
			c.add(c.colons[0], last, between)
		}
		if k > 0 {
			c.add(0, c.ends[k-1], atLastSentence)
		}
	}
	for _, at := range c.ends[:min(2, len(c.ends))] {
		c.add(at, len(c.prompt), atFirstSentence)
	}
}

// addFences takes the part between lines of marks as the text.
func (c *cuts) addFences() {
	n := len(c.prompt)
	from := max(0, n-scanned)
	for _, fence := range [...]string{"```", `"""`, "'''", "---", "###", "***"} {
		a := strings.Index(c.prompt[:min(n, scanned)], fence)
		b := from + strings.LastIndex(c.prompt[from:], fence)
		if a >= 0 && b >= a+len(fence) {
			c.add(a+len(fence), b, atFence)
		}
	}
}

// quotes holds the marks that open a quotation, and those that close it.
var quotes = map[rune]string{'"': `"`, '“': "”\"", '„': "“”\"", '«': "»", '「': "」", '『': "』", '‘': "’", '＂': "＂"}

// quoted returns the range of the longest quotation of a prompt, without its marks;
// b is 0 if there is none.
func quoted(prompt string) (a, b int) {
	for i := 0; i < len(prompt); {
		r, w := utf8.DecodeRuneInString(prompt[i:])
		i += w
		closing, opens := quotes[r]
		if !opens {
			continue
		}
		end := strings.IndexAny(prompt[i:], closing)
		if end < 0 && len(prompt) > 2*scanned {
			return a, b // looking for the end of each would take too long
		} else if end < 0 {
			continue
		}
		if end > b-a {
			a, b = i, i+end
		}
		i += end
		_, w = utf8.DecodeRuneInString(prompt[i:])
		i += w
	}
	return a, b
}
