package rewrite

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var (
	bullet = regexp.MustCompile(`^[-*+•‣–—]\s+`)
	// A number with its mark. After an ASCII mark there is white space, or a letter
	// of a script without spaces.
	numbered = regexp.MustCompile(`^[(（]?([0-9]{1,3})(?:[.):](?:\s+|$)|[、．）：]\s*|[.):]([^\x00-\x7F]))`)
)

// around holds the marks that can enclose a whole line.
var around = [...][2]string{{`"`, `"`}, {"“", "”"}, {"「", "」"}, {"**", "**"}, {"`", "`"}}

// lines returns the lines of a reply without list marks and quotes. Numbers are
// list marks if they rise from 1: in "2. Bundesliga" alone the number is part of
// the text.
func lines(reply string) []string {
	var list []string
	var without []string // the same without numbers
	last, rising := 0, true
	for line := range strings.Lines(reply) {
		line = stripMarks(line)
		list = append(list, line)
		if n, rest := unnumbered(line); n >= 0 {
			rising = rising && (last > 0 && n > last || last == 0 && n == 1)
			last, line = n, rest
		}
		without = append(without, line)
	}
	if rising {
		return without
	}
	return list
}

// unnumbered returns the number at the start of a line and the line without it, or
// -1.
func unnumbered(line string) (n int, rest string) {
	m := numbered.FindStringSubmatchIndex(line)
	if m == nil {
		return -1, line
	}
	n, _ = strconv.Atoi(line[m[2]:m[3]])
	end := m[1]
	if m[4] >= 0 {
		end = m[4]
	}
	return n, stripMarks(line[end:])
}

// stripMarks returns a line without a bullet and quotes.
func stripMarks(line string) string {
	line = strings.TrimSpace(line)
	line = unwrap(line)
	return unwrap(bullet.ReplaceAllString(line, ""))
}

func unwrap(line string) string {
	for _, pair := range around {
		inner, ok := strings.CutPrefix(line, pair[0])
		if inner, closed := strings.CutSuffix(inner, pair[1]); ok && closed && !strings.Contains(inner, pair[0]) && !strings.Contains(inner, pair[1]) {
			line = strings.TrimSpace(inner)
		}
	}
	return line
}

// isNoQuery reports whether a line is no text to search for: an introduction such as
// "Here are four queries:", the fence of a block, a rule.
func isNoQuery(line string) bool {
	return strings.HasSuffix(line, ":") || strings.HasSuffix(line, "：") || strings.HasPrefix(line, "```") ||
		!strings.ContainsFunc(line, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) })
}
