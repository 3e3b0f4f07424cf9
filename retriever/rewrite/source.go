package rewrite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
)

// Expander makes other texts from a question.
type Expander interface {
	// Queries returns texts to search for, the best first, or none. Callers drop
	// blank and repeated texts and those that equal the question; texts are
	// compared without regard to case, white space and composition of characters.
	// It is not called for a blank question. It is safe for concurrent use and,
	// when ctx is done, returns promptly with an error that wraps ctx.Err(). The
	// same question gives the same texts. An Expander that has passages applies
	// retriever.Confined.
	Queries(ctx context.Context, question string) ([]string, error)
}

// ErrOption is wrapped by errors about an invalid part or option.
var ErrOption = errors.New("rewrite: bad option")

// textsOf asks s for other texts of a question, and returns the usable ones, at
// most limit. A blank question has none.
func textsOf(ctx context.Context, s Expander, question string, limit int) (texts []string, err error) {
	if blank(question) {
		return nil, ctx.Err()
	}
	ctx, step := observe.Start(ctx, observe.Rewriting, "rewrite")
	defer step.EndWith(&err)()
	texts, err = s.Queries(ctx, question)
	if err != nil {
		return nil, ctxerr.Wrap(ctx, err)
	}
	texts = clean(texts, question, limit)
	step.Note(texts...)
	return texts, nil
}

// clean returns the first limit texts in Unicode's composed form (NFC), like
// passages after cleaning, with white space trimmed and folded. It drops blank ones
// and those that equal, after fold, the question or an earlier text.
func clean(texts []string, question string, limit int) []string {
	seen := map[string]bool{fold(question): true}
	var list []string
	for _, t := range texts {
		if len(list) == limit {
			break
		}
		t = norm.NFC.String(strings.Join(strings.Fields(strings.ToValidUTF8(t, "\ufffd")), " "))
		if f := fold(t); !seen[f] && !blank(t) {
			seen[f] = true
			list = append(list, t)
		}
	}
	return list
}

// fold returns the same text for texts that differ at most in case, in white space
// and in composition of characters. Texts with other differences can find other
// passages.
func fold(s string) string {
	return strings.ToLower(norm.NFC.String(strings.Join(strings.Fields(s), " ")))
}

// blank reports whether a text has nothing visible.
func blank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) })
}

// orStandard returns n, or standard for 0, and an error if it is not from 1 to most.
func orStandard(what string, n, standard, most int) (int, error) {
	if n == 0 {
		return standard, nil
	}
	if n < 1 || n > most {
		return 0, fmt.Errorf("%w: %s is %d: want 1 to %d, or 0 for %d", ErrOption, what, n, most, standard)
	}
	return n, nil
}

// checkParts returns an error if a retriever or an expander is nil.
func checkParts(technique string, r retriever.Retriever, s Expander) error {
	if isnil.Value(r) {
		return fmt.Errorf("%w: %s: the retriever is nil", ErrOption, technique)
	}
	if isnil.Value(s) {
		return fmt.Errorf("%w: %s: the source is nil", ErrOption, technique)
	}
	return nil
}
