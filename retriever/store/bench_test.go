package store

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
)

// BenchmarkPut measures puts of 100 new passages of 100 words.
func BenchmarkPut(b *testing.B) {
	for name, noSync := range map[string]bool{"synced": false, "not synced": true} {
		b.Run(name, func(b *testing.B) {
			s, err := open(b.Context(), b.TempDir(), Options{Embedding: Embedding{Name: "x", Embedder: clustered{384}}}, &disk{noSync: noSync}, standard)
			no(b, err)
			defer s.Close()
			r := rand.New(rand.NewPCG(1, 1))
			n := 0
			for b.Loop() {
				var list []retriever.Passage
				for range 100 {
					var words []string
					for range 100 {
						words = append(words, fmt.Sprintf("w%dx", r.IntN(1+r.IntN(50_000))))
					}
					n++
					list = append(list, passage(fmt.Sprint("p", n), strings.Join(words, " ")))
				}
				no(b, s.Put(b.Context(), list...))
			}
		})
	}
}
