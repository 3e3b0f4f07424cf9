// Package helptext lays out help texts for a terminal of 80 columns.
package helptext

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Width is the greatest length of a line, in code points.
const Width = 80

// Item writes a name, two columns from the left, and the text about it, which begins at
// column indent and is broken between words. A name that is too long for its room has a
// line of its own. Without a name all lines of the text begin at indent. A word that is
// longer than a line is not broken. The text must not be blank.
func Item(w io.Writer, indent int, name, text string) {
	room := strings.Repeat(" ", indent)
	line, bare := room, true
	if name != "" {
		line = "  " + name
		if n := utf8.RuneCountInString(line); n+2 <= indent {
			line += room[n:]
		} else {
			fmt.Fprintln(w, line)
			line = room
		}
	}
	for _, word := range strings.Fields(text) {
		if !bare && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > Width {
			fmt.Fprintln(w, line)
			line, bare = room, true
		}
		if !bare {
			line += " "
		}
		line, bare = line+word, false
	}
	if !bare {
		fmt.Fprintln(w, line)
	}
}
