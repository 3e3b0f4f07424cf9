package generator

import (
	"regexp"
	"strings"
)

var (
	thinks = regexp.MustCompile(`^(?i:\s*<(think|thinking)>)`)
	// A chat template can write the opening mark itself. Then the closing one is
	// alone on a line.
	thought = regexp.MustCompile(`(?im)^[ \t]*</(?:think|thinking)>[ \t]*\r?$`)
)

// Said returns the text without the thinking before it. Some models write that as
// <think> … </think> if their server does not remove it. If the thinking does not
// end, the result is empty. Such marks in the middle of a line are part of the
// text.
func (c Completion) Said() string {
	text := c.Text()
	end := thought.FindStringIndex(text)
	if m := thinks.FindStringSubmatch(text); m != nil {
		end = regexp.MustCompile(`(?i:</` + m[1] + `>)`).FindStringIndex(text)
		if end == nil {
			return ""
		}
	}
	if end == nil {
		return text
	}
	return strings.TrimLeft(text[end[1]:], " \t\r\n")
}
