package lexicaltest

import (
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/retriever/lexical"
)

func TestOurs(t *testing.T) {
	// Not auto: a word alone may seem to be of another language than its text.
	for _, name := range []string{"cjk", "standard", "en", "de", "fr", "tr", "vi", "el", "ar", "hi"} {
		t.Run(name, func(t *testing.T) {
			a, err := lexical.NewAnalyzer(name)
			if err != nil {
				t.Fatal(err)
			}
			TestAnalyzer(t, a)
		})
	}
}

// analyzer makes an Analyzer from a function.
type analyzer func(text string) iter.Seq[lexical.Term]

func (a analyzer) Terms(text string) iter.Seq[lexical.Term] { return a(text) }

// fields yields the text between spaces, changed.
func fields(change func(*lexical.Term)) analyzer {
	return func(text string) iter.Seq[lexical.Term] {
		return func(yield func(lexical.Term) bool) {
			at := 0
			for _, f := range strings.Fields(text) {
				start := at + strings.Index(text[at:], f)
				at = start + len(f)
				t := lexical.Term{Text: f, Start: start, End: at}
				change(&t)
				if !yield(t) {
					return
				}
			}
		}
	}
}

// The suite finds each fault.
func TestFaults(t *testing.T) {
	calls := 0
	for check, bad := range map[string]analyzer{
		"order":      fields(func(t *lexical.Term) { t.Start = -t.Start }),
		"places":     fields(func(t *lexical.Term) { t.End++ }),
		"repeatable": fields(func(t *lexical.Term) { calls++; t.Text += strings.Repeat("x", calls) }),
		"unicode":    fields(func(*lexical.Term) {}),
		"found":      fields(func(t *lexical.Term) { t.Text += strings.Repeat("x", t.Start) }),
	} {
		for _, c := range checks(bad) {
			if c.Name == check && c.Run(context.Background()) == nil {
				t.Errorf("%s: no fault was found", check)
			}
		}
	}
}

// A custom analyzer replaces a built-in one.
func TestCustom(t *testing.T) {
	a := fields(func(t *lexical.Term) { t.Text = strings.ToUpper(t.Text) })
	ix, err := lexical.New(t.Context(), nil, lexical.Options{Custom: a})
	if err != nil || ix == nil {
		t.Fatal(err)
	}
	if _, err := lexical.New(t.Context(), nil, lexical.Options{Custom: a, Analyzer: "en"}); err == nil {
		t.Error("two analyzers: no error")
	}
}
