package analysis

import (
	"fmt"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/analysis/analysistest"
)

func TestPinned(t *testing.T) {
	analysistest.Pinned(t, "words", func(text string) string {
		var b strings.Builder
		for _, s := range Words(text) {
			fmt.Fprintf(&b, "%d:%d %+q ", s.Start, s.End, s.Of(text))
		}
		return b.String()
	})
	analysistest.Pinned(t, "pieces", func(text string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "%d ", Count(text))
		for s := range Pieces(text) {
			fmt.Fprintf(&b, "%d:%d %+q ", s.Start, s.End, s.Of(text))
		}
		return b.String()
	})
	analysistest.Pinned(t, "joined", func(text string) string {
		var list []int
		for i := range len(text) + 1 {
			if Joined(text, i) {
				list = append(list, i)
			}
		}
		return fmt.Sprint(list)
	})
	analysistest.Pinned(t, "tokens", func(text string) string {
		var b strings.Builder
		for text != "" {
			n := TokenLen(text)
			fmt.Fprintf(&b, "%+q ", text[:n])
			text = text[n:]
		}
		return b.String()
	})
	analysistest.Pinned(t, "rank", func(text string) string {
		var b strings.Builder
		for _, w := range RankWords(text) {
			fmt.Fprintf(&b, "%+q %v", w.Form, w.Stop)
			w.Terms(func(kind int, term string) { fmt.Fprintf(&b, " %d %+q", kind, term) })
			fmt.Fprintf(&b, " root %+q; ", w.Root())
		}
		return b.String()
	})
	analysistest.Pinned(t, "lower-words", func(text string) string { return fmt.Sprintf("%+q", LowerWords(text)) })
	analysistest.Pinned(t, "folded", func(text string) string { return fmt.Sprintf("%+q %v", Fold(text), LetterShare(text)) })
}
