package ingest

import (
	"context"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/util"
)

// maxPart is how many bytes of Markdown are parsed at a time: goldmark takes up to some
// 200 bytes of memory for each. A shorter document is one part.
const maxPart = 128 << 10

// maxLabels is how many link definitions and footnotes of other parts are known.
const maxLabels = 10_000

// part is a piece of a document that can be parsed by itself.
type part struct {
	start, end int
	kind       partKind
	before     string // the head of the table that continues in it
}

type partKind uint8

const (
	partMarkdown partKind = iota
	partCode              // what is in a fenced block that is as long as a part
	partHTML              // such a block of HTML, as a comment
)

// labels are those that are defined anywhere in a document of several parts.
type labels struct{ links, notes map[string]bool }

var (
	definition = regexp.MustCompile(`^ {0,3}\[([^\[\]]{1,200})\]:[ \t]*\S`)
	openFence  = regexp.MustCompile("^ {0,3}(`{3,}[^`]*|~{3,}.*)$")
	openHTML   = regexp.MustCompile(`(?i)^ {0,3}<(!--|\?|!\[CDATA\[|![a-z]|(?:script|pre|style|textarea)(?:[ \t>]|$))`)
	listItem   = regexp.MustCompile(`^(?:[-*+]|[0-9]{1,9}[.)])[ \t]`)
	tableRule  = regexp.MustCompile(`^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$`)
)

// partsOf cuts Markdown from offset at on into parts of about size bytes. It cuts before
// lines that begin a block outside of all others, if there are any.
func partsOf(ctx context.Context, src string, at, size int) ([]part, labels) {
	known := labels{map[string]bool{}, map[string]bool{}}
	if len(src)-at <= size {
		return []part{{start: at, end: len(src)}}, known
	}
	c := partCutter{src: src, start: at, size: size}
	c.cut(ctx, at, known)
	return c.parts, known
}

// partCutter cuts Markdown.
type partCutter struct {
	src    string
	parts  []part
	size   int
	start  int    // of the part at hand
	good   int    // the last place in it to cut at, 0 if none
	before string // as in part
	table  string // the head of the table that we are in
}

// flush ends the part at hand.
func (c *partCutter) flush(end int) {
	if end > c.start {
		c.parts = append(c.parts, part{start: c.start, end: end, before: c.before})
	}
	c.start, c.good, c.before = end, 0, ""
}

func (c *partCutter) cut(ctx context.Context, at int, known labels) {
	blank, listed := true, false // whether the line before is, and whether we are in a list
	last := ""
	for at < len(c.src) && ctx.Err() == nil {
		end := len(c.src)
		if n := strings.IndexByte(c.src[at:], '\n'); n >= 0 {
			end = at + n + 1
		}
		line := strings.TrimRight(c.src[at:end], " \t\r\n")
		// Neither is longer than what is looked at.
		head := line[:cutRune(line, 1000)]
		if block, kind := c.long(at, end, head); block > 0 {
			if block-at > c.size/2 {
				c.flush(at)
				inside := TextRange{at, block}
				if kind == partCode {
					inside = c.inside(at, end, block)
				}
				c.parts = append(c.parts, part{start: inside.Start, end: inside.End, kind: kind})
				c.start = block
			}
			at, blank, last, c.table = block, true, "", ""
			c.good = at
			if at-c.start > c.size/2 {
				c.flush(at)
			}
			continue
		}
		switch {
		case head == "":
			c.table = ""
		case head[0] == '#' || blank && !listItem.MatchString(head) && !strings.ContainsRune(" \t>", rune(head[0])):
			c.good, listed = at, false
		case listItem.MatchString(head):
			// A number other than 1 begins no list within a paragraph.
			if blank || listed || head[0] < '0' {
				c.good, listed = at, true
			}
		case strings.IndexByte(head, '|') >= 0 && tableRule.MatchString(head) && strings.IndexByte(last, '|') >= 0 && len(line) <= 1000:
			c.table = last + "\n" + line + "\n"
		}
		if m := definition.FindStringSubmatch(head); m != nil && len(known.links)+len(known.notes) < maxLabels {
			if label, ok := strings.CutPrefix(m[1], "^"); ok {
				known.notes[strings.Clone(util.ToLinkReference([]byte(label)))] = true
			} else {
				known.links[strings.Clone(util.ToLinkReference([]byte(m[1])))] = true
			}
		}
		if c.good > c.start && end-c.start > c.size/2 {
			if c.good-c.start > c.size/4 {
				c.flush(c.good)
			}
		}
		if end-c.start > c.size && at > c.start { // there is no good place
			table := c.table
			c.flush(at)
			if table != "" && head != "" && !strings.HasSuffix(table, line+"\n") {
				c.before = table
			}
		}
		c.full(end)
		blank, last = head == "", head
		at = end
	}
	c.flush(len(c.src))
}

// full cuts what is far too long in the middle of a line.
func (c *partCutter) full(end int) {
	for end-c.start > 2*c.size {
		s := c.src[c.start:end]
		n := cutRune(s, c.size)
		if k := strings.LastIndexAny(s[:n], " \t"); k > c.size/2 {
			n = k
		}
		// An image in a link is long, but it is one thing and parsed as such.
		if k := strings.LastIndex(s[:n], "(data:"); k >= 0 {
			if size := uriLength(s[k+1:]); k+1+size > n {
				n = min(k+1+size+1, len(s))
			}
		}
		c.flush(c.start + n)
	}
}

// uriLength returns how many bytes at the beginning of s can be those of an URI.
func uriLength(s string) int {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(rune(c)) && strings.IndexByte("+/=;,:%.-_~!$&'*@?#", c) < 0 {
			return i
		}
	}
	return len(s)
}

// long returns the end of the fenced code or HTML that begins in the line from at to end and
// that a blank line does not end; 0 if there is none.
func (c *partCutter) long(at, end int, line string) (block int, kind partKind) {
	if m := openFence.FindStringSubmatch(line); m != nil {
		mark := m[1][:len(m[1])-len(strings.TrimLeft(m[1], m[1][:1]))]
		for k := end; k < len(c.src); {
			next := len(c.src)
			if n := strings.IndexByte(c.src[k:], '\n'); n >= 0 {
				next = k + n + 1
			}
			s := strings.TrimRight(c.src[k:next], " \t\r\n")
			if in := strings.TrimLeft(s, " "); len(s)-len(in) < 4 && strings.HasPrefix(in, mark) && strings.Trim(in, mark[:1]) == "" {
				return next, partCode
			}
			k = next
		}
		return len(c.src), partCode
	}
	m := openHTML.FindStringSubmatch(line)
	if m == nil {
		return 0, 0
	}
	ends := ">"
	switch kind := strings.ToLower(strings.TrimRight(m[1], " \t>")); {
	case kind == "!--":
		ends = "-->"
	case kind == "?":
		ends = "?>"
	case strings.HasPrefix(kind, "![cdata["):
		ends = "]]>"
	case kind[0] != '!':
		ends = "</" + kind + ">"
	}
	n := indexFold(c.src[at:], ends)
	if n < 0 {
		return len(c.src), partHTML
	}
	block = at + n + len(ends)
	if k := strings.IndexByte(c.src[block:], '\n'); k >= 0 {
		return block + k + 1, partHTML
	}
	return len(c.src), partHTML
}

// inside returns the lines of a fenced block without the fences.
func (c *partCutter) inside(at, first, end int) TextRange {
	body := strings.TrimRight(c.src[first:end], " \t\r\n")
	if k := strings.LastIndexByte(body, '\n'); k >= 0 {
		mark := strings.TrimLeft(c.src[at:first], " ")[:1]
		if strings.Trim(strings.TrimSpace(body[k+1:]), mark) == "" {
			return TextRange{first, first + k + 1}
		}
	}
	return TextRange{first, end}
}
