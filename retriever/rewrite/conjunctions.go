package rewrite

import (
	"context"
	"regexp"
	"strings"
)

// Conjunctions is a [Source] without a model: the pieces of an English question between
// "and", "or", "but", "as well as", semicolons and question marks. A piece of fewer than
// three words is not cut off: in "salt and pepper" nothing is parted. Pronouns are left as
// they are, so that a piece can lack what it is about: use it with [Fusion] or
// [Decompose], which search for the question, too.
type Conjunctions struct{}

var conjunction = regexp.MustCompile(`(?i)(?:,?\s+|;\s*|\?\s+)(?:and|or|but|as well as)\s+|;\s*|\?\s+`)

// Queries implements Source.
func (Conjunctions) Queries(ctx context.Context, question string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var pieces []string
	start := 0
	for _, at := range conjunction.FindAllStringIndex(question, -1) {
		if long(question[start:at[0]]) && long(question[at[1]:]) {
			pieces = append(pieces, question[start:at[0]])
			start = at[1]
		}
	}
	if start == 0 {
		return nil, nil
	}
	return append(pieces, question[start:]), nil
}

// long reports whether a piece has three words, and looks no further.
func long(piece string) bool {
	words := 0
	for range strings.FieldsSeq(piece) {
		if words++; words == 3 {
			return true
		}
	}
	return false
}
