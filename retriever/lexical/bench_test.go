package lexical

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
)

func BenchmarkRetrieve(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			// Word i is in every (i+1)-th passage: a few common ones, many rare.
			ps := make([]retriever.Passage, n)
			for i := range ps {
				var text []string
				for w := range 200 {
					if i%(w+1) == 0 {
						text = append(text, fmt.Sprintf("w%dx", w))
					}
				}
				ps[i] = retriever.Passage{ID: fmt.Sprint(i), Text: strings.Join(text, " ")}
			}
			ix, err := New(context.Background(), ps, Options{})
			if err != nil {
				b.Fatal(err)
			}
			q := retriever.Query{Text: "w10x w20x w50x w100x w199x", K: 5}
			for b.Loop() {
				if _, err := ix.Retrieve(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
