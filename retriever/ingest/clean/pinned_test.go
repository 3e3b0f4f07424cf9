package clean

import (
	"fmt"
	"testing"

	"github.com/goselfrag/goselfrag/internal/analysis/analysistest"
	"github.com/goselfrag/goselfrag/retriever"
)

func TestPinned(t *testing.T) {
	analysistest.Pinned(t, "shingles", func(text string) string {
		return fmt.Sprintf("%x", shingles(retriever.Passage{Title: "A title", Text: text}))
	})
}
