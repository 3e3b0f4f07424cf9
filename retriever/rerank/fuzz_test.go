package rerank

import (
	"encoding/json"
	"testing"
)

// Whatever a server answers, every passage has its one score, or there is an error.
func FuzzPlace(f *testing.F) {
	for _, s := range []string{`[]`, `[{"index":1,"score":2},{"index":0,"relevance_score":1}]`, `[{"index":0,"score":1},{"index":0,"score":1}]`, `[{"index":-1},{"score":null}]`} {
		f.Add([]byte(s), 2)
	}
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		var list []scored
		if json.Unmarshal(data, &list) != nil || n < 0 || n > 100 {
			return
		}
		scores, err := place(list, n)
		if err != nil {
			return
		}
		if len(scores) != n || len(list) != n {
			t.Fatalf("%d scores of %d results for %d passages", len(scores), len(list), n)
		}
		for _, s := range list {
			want := s.Score
			if s.Relevance != nil {
				want = s.Relevance
			}
			if scores[*s.Index] != *want {
				t.Fatalf("passage %d has %v: want %v", *s.Index, scores[*s.Index], *want)
			}
		}
	})
}
