package hashed

import (
	"fmt"
	"hash/fnv"
	"testing"

	"github.com/goselfrag/goselfrag/internal/analysis/analysistest"
)

func TestPinned(t *testing.T) {
	for _, seed := range []uint64{0, 42} {
		analysistest.Pinned(t, fmt.Sprint("hashed-", seed), func(text string) string {
			f := featuresOf(text, seed)
			sum := fnv.New64a()
			for _, h := range f.hashes {
				fmt.Fprintln(sum, h)
			}
			return fmt.Sprintf("%d words, %d hashes, %x", f.words, len(f.hashes), sum.Sum64())
		})
	}
}
