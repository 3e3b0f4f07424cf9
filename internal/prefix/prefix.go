// Package prefix finds what texts begin with.
package prefix

import "unicode/utf8"

// Common returns the longest text that all texts begin with and that ends between two
// characters of each; empty without texts.
func Common(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	common := texts[0]
	for _, t := range texts[1:] {
		n := 0
		for n < min(len(common), len(t)) && common[n] == t[n] {
			n++
		}
		for !(boundary(common, n) && boundary(t, n)) {
			n--
		}
		common = common[:n]
	}
	return common
}

// boundary reports whether a character of s begins, or s ends, at byte n.
func boundary(s string, n int) bool { return n == len(s) || utf8.RuneStart(s[n]) }
