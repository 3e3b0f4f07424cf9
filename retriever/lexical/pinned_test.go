package lexical

import (
	"fmt"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/analysis/analysistest"
)

func TestPinned(t *testing.T) {
	for _, name := range []string{"auto", "cjk", "standard", "en", "de"} {
		a, err := NewAnalyzer(name)
		if err != nil {
			t.Fatal(err)
		}
		analysistest.Pinned(t, "keywords-"+name, func(text string) string {
			var b strings.Builder
			for term := range a.Terms(text) {
				fmt.Fprintf(&b, "%+q ", term.Text)
			}
			return b.String()
		})
	}
}
