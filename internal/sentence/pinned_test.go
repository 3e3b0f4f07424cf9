package sentence

import (
	"fmt"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/analysis/analysistest"
)

func TestPinned(t *testing.T) {
	analysistest.Pinned(t, "sentences", func(text string) string {
		var b strings.Builder
		for _, s := range Split(text) {
			fmt.Fprintf(&b, "%d:%d %+q ", s.Start, s.End, s.Of(text))
		}
		return b.String()
	})
}
