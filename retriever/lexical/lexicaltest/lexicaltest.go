// Package lexicaltest checks that an analyzer keeps the contract of [lexical.Analyzer].
package lexicaltest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/goselfrag/goselfrag/internal/contracttest"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// TestAnalyzer checks that a keeps the contract, with one subtest per rule.
func TestAnalyzer(t *testing.T, a lexical.Analyzer) {
	t.Helper()
	contracttest.Test(t, checks(a))
}

func checks(a lexical.Analyzer) []contracttest.Check {
	var list []contracttest.Check
	for _, c := range []struct {
		name string
		run  func(lexical.Analyzer) error
	}{
		{"order", order}, {"places", places}, {"repeatable", repeatable}, {"unicode", forms}, {"found", found}, {"long", long}, {"concurrent", concurrent}, {"stopped", stopped},
	} {
		list = append(list, contracttest.Check{Name: c.name, Run: func(context.Context) error { return c.run(a) }})
	}
	return list
}

// texts are of many scripts; some are damaged.
var texts = []string{
	"", " \n", "The old bridge was built in 1932.", "It's max_tokens, C++ and node.js: 3.5 km, 1,000 £", "Die Brücke über die Straße — „alt“",
	"nai\u0308ve cafe\u0301", "Мост был построен", "η γέφυρα", "الجسر القديم ١٩٣٢", "पुल का निर्माण", "東京は日本の首都です。Go言語", "다리는 1932년에", "สะพานนี้สร้างในปี ๑๙๓๒",
	"soft\u00adhyphen zero\u200bwidth \ufeffmark", "ﬁnal ＦＵＬＬ ㎏ ½ x²", "👩‍👩‍👧 ok", "bad \xff byte a\xffb \xe2\x82", "\x00nul", "\u0301 a",
}

func termsOf(a lexical.Analyzer, text string) []lexical.Term { return slices.Collect(a.Terms(text)) }

// order: terms come in the order of their start, and none is empty.
func order(a lexical.Analyzer) error {
	for _, text := range texts {
		last := 0
		for _, t := range termsOf(a, text) {
			if t.Text == "" {
				return fmt.Errorf("%q: the term at %d is empty", text, t.Start)
			}
			if t.Start < last {
				return fmt.Errorf("%q: the term %q at %d comes behind one at %d", text, t.Text, t.Start, last)
			}
			last = t.Start
		}
	}
	return nil
}

// places: each term names some bytes of the text, from the start of a character to an end.
func places(a lexical.Analyzer) error {
	for _, text := range texts {
		for _, t := range termsOf(a, text) {
			if t.Start < 0 || t.End <= t.Start || t.End > len(text) {
				return fmt.Errorf("%q: the term %q is at %d to %d of %d bytes", text, t.Text, t.Start, t.End, len(text))
			}
			if !utf8.RuneStart(text[t.Start]) || t.End < len(text) && utf8.ValidString(text) && !utf8.RuneStart(text[t.End]) {
				return fmt.Errorf("%q: the term %q at %d to %d cuts a character", text, t.Text, t.Start, t.End)
			}
		}
	}
	return nil
}

// repeatable: equal texts give equal terms.
func repeatable(a lexical.Analyzer) error {
	for _, text := range texts {
		if first, again := termsOf(a, text), termsOf(a, strings.Clone(text)); !slices.Equal(first, again) {
			return fmt.Errorf("%q: %v, then %v", text, first, again)
		}
	}
	return nil
}

// forms: how Unicode writes a character makes no difference.
func forms(a lexical.Analyzer) error {
	words := func(text string) (list []string) {
		for t := range a.Terms(text) {
			list = append(list, t.Text)
		}
		return list
	}
	for _, text := range texts {
		if composed, apart := words(norm.NFC.String(text)), words(norm.NFD.String(text)); !slices.Equal(composed, apart) {
			return fmt.Errorf("%q: %q composed, %q decomposed", text, composed, apart)
		}
	}
	return nil
}

// found: the bytes that a term comes from have the term.
func found(a lexical.Analyzer) error {
	for _, text := range texts {
		for _, t := range termsOf(a, text) {
			if t.Start == 0 && t.End == len(text) {
				continue
			}
			word := text[t.Start:t.End]
			if alone := termsOf(a, word); len(alone) > 0 && !slices.ContainsFunc(alone, func(u lexical.Term) bool { return u.Text == t.Text }) {
				return fmt.Errorf("%q: %q has the term %q, but alone it has %v", text, word, t.Text, alone)
			}
		}
	}
	return nil
}

// long: it takes no quadratic time for a long text or word.
func long(a lexical.Analyzer) error {
	for _, part := range []string{"y", "word ", "a_", "aB", "é", "東", "ก", "\u0301", ".", "'a", "\xff"} {
		for range a.Terms(strings.Repeat(part, 100_000)) {
		}
	}
	return nil
}

// concurrent: it may be used from several goroutines at once.
func concurrent(a lexical.Analyzer) error {
	want := termsOf(a, strings.Join(texts, "\n"))
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			if got := termsOf(a, strings.Join(texts, "\n")); !slices.Equal(got, want) {
				errs[i] = fmt.Errorf("beside others it gives %v, want %v", got, want)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// stopped: the caller may stop early.
func stopped(a lexical.Analyzer) error {
	for _, text := range texts {
		for range a.Terms(text) {
			break
		}
	}
	return nil
}
