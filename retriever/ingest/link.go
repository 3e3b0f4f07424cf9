package ingest

import "strings"

// maxLink is the greatest length in bytes of what may be a link's destination with
// its title, or a tag: longer ones are text, but for destinations with neither title
// nor white space, which may be images in themselves. It keeps the search for their ends from
// taking time that grows with the square of the length of the text.
const maxLink = 4096

// maxLabel is the greatest length in bytes of the label of a link (CommonMark: 999
// characters).
const maxLabel = 999

// closeBracket takes the closing bracket at i and returns the offset to go on from.
func (in *inline) closeBracket(i int, refs map[string]bool) int {
	if len(in.links) == 0 {
		return i + 1
	}
	open := in.links[len(in.links)-1]
	in.links = in.links[:len(in.links)-1]
	spent := len(in.links) < in.spent
	in.spent = min(in.spent, len(in.links))
	if spent && !open.image {
		return i + 1
	}
	end := in.linkEnd(open.at, i, refs)
	if end == 0 {
		return i + 1
	}
	if open.image {
		in.drop(open.at-1, end)
		return end
	}
	if strings.HasPrefix(in.s[open.at:], "[^") {
		in.drop(open.at, end) // the mark of a footnote
		return end
	}
	in.drop(open.at, open.at+1)
	in.drop(i, end)
	in.spent = len(in.links)
	return end
}

// linkEnd returns where the link ends whose text stands between the brackets at
// open and closed, 0 if that is no link.
func (in *inline) linkEnd(open, closed int, refs map[string]bool) int {
	if end := in.destinationEnd(closed + 1); end > 0 {
		return end
	}
	if len(refs) == 0 {
		return 0
	}
	text := in.s[open+1 : closed]
	if next := in.s[closed+1:]; strings.HasPrefix(next, "[") {
		if n := strings.IndexByte(next[:min(len(next), maxLabel)], ']'); n > 1 {
			if refs[normalLabel(next[1:n])] {
				return closed + 1 + n + 1
			}
		} else if n == 1 && len(text) <= maxLabel && refs[normalLabel(text)] {
			return closed + 3
		}
	}
	if len(text) <= maxLabel && refs[normalLabel(text)] {
		return closed + 1
	}
	return 0
}

func normalLabel(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// matchParens returns, for the offset of each opening parenthesis, that of the
// closing one, if there is no white space between the two.
func matchParens(s string) map[int]int {
	match := map[int]int{}
	var open []int
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ':
			open = open[:0]
		case c == '\\':
			i++
		case c == '(':
			open = append(open, i)
		case c == ')' && len(open) > 0:
			match[open[len(open)-1]] = i
			open = open[:len(open)-1]
		}
	}
	return match
}

// destinationEnd returns where the destination and title in parentheses at offset
// at end, 0 if there are none.
func (in *inline) destinationEnd(at int) int {
	if end, ok := in.match[at]; ok {
		if strings.HasPrefix(in.s[at:], "(<") && in.s[end-1] != '>' {
			return 0
		}
		return end + 1
	}
	if at >= len(in.s) || in.s[at] != '(' {
		return 0
	}
	at = skipSpace(in.s, at+1)
	s := in.s[:min(len(in.s), at+maxLink)]
	if at < len(s) && s[at] == '<' {
		n := strings.IndexAny(s[at:], ">\n")
		if n < 0 || s[at+n] == '\n' {
			return 0
		}
		at += n + 1
	} else {
		if at > in.stop {
			n := strings.IndexAny(in.s[at:], " \t\n)")
			if n < 0 {
				n = len(in.s) - at
			}
			in.stop = at + n
		}
		if in.stop >= len(s) || s[in.stop] == ')' && strings.Contains(s[at:in.stop], "(") {
			return 0
		}
		at = in.stop
	}
	if after := skipSpace(s, at); after > at && after < len(s) && strings.ContainsRune(`"'(`, rune(s[after])) {
		at = titleEnd(s, after)
	}
	at = skipSpace(s, at)
	if at < len(s) && s[at] == ')' {
		return at + 1
	}
	return 0
}

func skipSpace(s string, at int) int { return len(s) - len(strings.TrimLeft(s[at:], " \t\n")) }

// titleEnd returns where the title of a link at offset at ends.
func titleEnd(s string, at int) int {
	quote := s[at]
	if quote == '(' {
		quote = ')'
	}
	for at++; at < len(s); at++ {
		switch s[at] {
		case '\\':
			at++
		case quote:
			return at + 1
		}
	}
	return len(s)
}

// angle takes what begins with "<" at i, a link that is its own text, a comment, a
// tag or text, and returns the offset to go on from.
func (in *inline) angle(i int) int {
	s := in.s
	if strings.HasPrefix(s[i:], "<!--") && !in.noEnd {
		if n := strings.Index(s[i+4:], "-->"); n >= 0 {
			in.drop(i, i+4+n+3)
			return i + 4 + n + 3
		}
		in.noEnd = true
	}
	window := s[i:min(len(s), i+maxLink)]
	if n := strings.IndexAny(window[1:], "<> \n") + 1; n > 0 && window[n] == '>' && isAddress(window[1:n]) {
		in.drop(i, i+1)
		in.drop(i+n, i+n+1)
		return i + n + 1
	}
	if n := tagEnd(window); n > 0 {
		in.drop(i, i+n)
		return i + n
	}
	return i + 1
}

// isAddress reports whether s is an absolute URI or an e-mail address.
func isAddress(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	if ok && len(scheme) >= 2 && len(scheme) <= 32 && !strings.ContainsFunc(scheme, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("+-.", r)
	}) {
		return true
	}
	name, host, ok := strings.Cut(s, "@")
	return ok && name != "" && host != "" && !strings.ContainsAny(s, "<>\"'/=\\")
}

// tagEnd returns the length of the tag that s begins with, 0 if it begins with none.
func tagEnd(s string) int {
	i := 1
	if strings.HasPrefix(s, "</") {
		i = 2
	}
	if i >= len(s) || !isAlphanumeric(rune(s[i])) || s[i] <= '9' {
		return 0
	}
	for i < len(s) && (isAlphanumeric(rune(s[i])) || s[i] == '-') {
		i++
	}
	if i == len(s) || !strings.ContainsRune(" \t\n/>", rune(s[i])) {
		return 0
	}
	for ; i < len(s); i++ {
		switch s[i] {
		case '>':
			return i + 1
		case '<':
			return 0
		case '"', '\'':
			n := strings.IndexByte(s[i+1:], s[i])
			if n < 0 {
				return 0
			}
			i += n + 1
		}
	}
	return 0
}
