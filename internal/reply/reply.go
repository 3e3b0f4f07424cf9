// Package reply finds what a model says in a reply that it begins with thinking.
package reply

import (
	"regexp"
	"strings"
)

var (
	opens = regexp.MustCompile(`^(?i:\s*<(think|thinking)>)`)
	// A chat template can write the opening mark itself: then the closing one stands
	// alone on a line.
	closesLine = regexp.MustCompile(`(?im)^[ \t]*</(?:think|thinking)>[ \t]*\r?$`)
)

// Said returns a reply without the thinking before it, as models write it whose server
// does not take it out: <think> … </think>. Thinking that does not end says nothing: the
// result is empty. Such marks in the middle of a line are part of what is said.
func Said(text string) string {
	if m := opens.FindStringSubmatch(text); m != nil {
		closing := regexp.MustCompile(`(?i:</` + m[1] + `>)`)
		at := closing.FindStringIndex(text)
		if at == nil {
			return ""
		}
		return strings.TrimLeft(text[at[1]:], " \t\r\n")
	}
	if at := closesLine.FindStringIndex(text); at != nil {
		return strings.TrimLeft(text[at[1]:], " \t\r\n")
	}
	return text
}
