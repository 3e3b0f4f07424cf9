package rerank

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// For every answer of a server, every passage has exactly one score, or there is an
// error.
func FuzzPlace(f *testing.F) {
	for _, s := range []string{`[]`, `[{"index":1,"score":2},{"index":0,"relevance_score":1}]`, `[{"index":0,"score":1},{"index":0,"score":1}]`, `[{"index":-1},{"score":null}]`} {
		f.Add([]byte(s), 2)
	}
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		var list []scored
		if json.Unmarshal(data, &list) != nil || n < 0 || n > 100 {
			return
		}
		scores, err := inPassageOrder(list, n)
		if err != nil {
			return
		}
		if len(scores) != n || len(list) != n {
			t.Fatalf("%d scores of %d results for %d passages", len(scores), len(list), n)
		}
		for i, s := range list {
			want, at := s.Score, i
			if s.Score == nil {
				want = s.Logit
			}
			if s.Relevance != nil {
				want = s.Relevance
			}
			if s.Index != nil {
				at = *s.Index
			}
			if scores[at] != *want {
				t.Fatalf("passage %d has %v: want %v", at, scores[at], *want)
			}
		}
	})
}

// For every reply of a model, an order names existing passages, each once. After
// any text without an order, an order is read as written.
func FuzzOrder(f *testing.F) {
	for _, s := range []string{"", "2 > 1", "[3]>[1]", "1, 2", "<2> 99999999999999999999 > 1", "1 > 2\n2 > 1 > 1", "**1** > *2*"} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, text string, n int) {
		if n < 2 || n > 50 {
			return
		}
		places, _ := parseOrder(text, n)
		for i, p := range places {
			if p < 0 || p >= n || slices.Contains(places[:i], p) {
				t.Fatalf("%q gives %v of %d", text, places, n)
			}
		}
		if strings.Contains(text, ">") {
			return
		}
		var numbers []string
		for i := range n {
			numbers = append(numbers, fmt.Sprintf("[%d]", n-i))
		}
		places, last := parseOrder(text+"\n"+strings.Join(numbers, " > "), n)
		if len(places) != n || places[0] != n-1 || places[n-1] != 0 || !last {
			t.Fatalf("behind %q: %v, %v", text, places, last)
		}
	})
}
