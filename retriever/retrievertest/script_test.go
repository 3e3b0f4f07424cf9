package retrievertest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	. "github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func ids(res retriever.Result) string {
	var list []string
	for _, h := range res.Hits {
		list = append(list, fmt.Sprintf("%s=%v", h.Passage.ID, h.Score))
	}
	return strings.Join(list, " ")
}

func TestScriptFirstRuleAnswers(t *testing.T) {
	boom := errors.New("boom")
	three := Passages("a", "b", "c")
	three[0].Metadata = filter.Metadata{"public": filter.Bool(false)}
	three[1].Metadata = filter.Metadata{"public": filter.Bool(true)}
	three[2].Metadata = filter.Metadata{"public": filter.Bool(true)}
	twice := append(Hits(three...), Hits(three...)...)
	public := filter.Compare{Field: "public", Op: filter.Eq, Value: filter.Bool(true)}
	s := &Script{Scores: retriever.Cosine, Rules: []Rule{
		{When: Asks("fail"), Times: 1, Err: boom},
		{When: Asks("fail"), Hits: Hits(three[2])},
		{When: Asks("raw"), Hits: twice, Raw: true},
		{When: Asks("none")},
		{When: func(q retriever.Query) bool { return q.K < 10 }, Hits: twice},
	}}
	for _, tt := range []struct {
		name, want string
		q          retriever.Query
		err        error
	}{
		{"error once", "", retriever.Query{Text: "to fail", K: 1}, boom},
		{"then a hit", "p3=1", retriever.Query{Text: "to fail", K: 1}, nil},
		{"each id once", "p1=3 p2=2 p3=1", retriever.Query{K: 5}, nil},
		{"at most K", "p1=3 p2=2", retriever.Query{K: 2}, nil},
		{"filter before K", "p2=2 p3=1", retriever.Query{K: 2, Filter: public}, nil},
		{"raw", "p1=3 p2=2 p3=1 p1=3 p2=2 p3=1", retriever.Query{Text: "raw", K: 1, Filter: public}, nil},
		{"none", "", retriever.Query{Text: "none", K: 1}, nil},
		{"bad query", "", retriever.Query{Text: "none"}, retriever.ErrQuery},
	} {
		// One after the other: a rule counts.
		res, err := s.Retrieve(t.Context(), tt.q)
		if ids(res) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: %q, %v; want %q, %v", tt.name, ids(res), err, tt.want, tt.err)
		}
		if err == nil && res.Scores != retriever.Cosine {
			t.Errorf("%s: scores %q", tt.name, res.Scores)
		}
	}
	_, err := s.Retrieve(t.Context(), retriever.Query{Text: "else", K: 10, Filter: public})
	var un *UnscriptedError
	if !errors.As(err, &un) || un.Query.Text != "else" || !strings.Contains(err.Error(), `"else" with K 10 and filter public = true;`) {
		t.Errorf("unscripted: %v", err)
	}
	got := s.Queries()
	if len(got) != 9 || got[0].Text != "to fail" || got[8].K != 10 || got[7].K != 0 {
		t.Errorf("queries %v", got)
	}
	got[0].Text = "changed"
	if s.Queries()[0].Text != "to fail" {
		t.Error("Queries gives its own memory away")
	}
}

func TestScriptOwnsItsHits(t *testing.T) {
	s := &Script{Rules: []Rule{{Raw: true, Hits: Hits(Passages("a")...)}}}
	res, _ := s.Retrieve(t.Context(), retriever.Query{K: 1})
	res.Hits[0].Score = 9
	if again, _ := s.Retrieve(t.Context(), retriever.Query{K: 1}); ids(again) != "p1=1" || again.Scores != retriever.RankOnly {
		t.Errorf("%+v", again)
	}
}

func TestScriptConcurrent(t *testing.T) {
	s := &Script{Rules: []Rule{{When: Asks("a"), Hits: Hits(Passages("x")...)}, {}}}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			q := [...]string{"a", "b"}[i%2]
			res, err := s.Retrieve(t.Context(), retriever.Query{Text: q, K: 1})
			if err != nil || (len(res.Hits) == 1) != (q == "a") {
				t.Errorf("%q: %v, %v", q, res, err)
			}
		})
	}
	wg.Wait()
	if n := len(s.Queries()); n != 16 {
		t.Errorf("%d queries recorded", n)
	}
}

// TestScriptWaits runs on the clock of a bubble, so that a delay takes no time.
func TestScriptWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Script{Rules: []Rule{{When: Asks("slow"), Delay: time.Hour, Hits: Hits(Passages("x")...)}, {Stall: true}}}
		ask := func(timeout time.Duration, text string) (retriever.Result, error) {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			return s.Retrieve(ctx, retriever.Query{Text: text, K: 1})
		}
		if res, err := ask(2*time.Hour, "slow"); err != nil || len(res.Hits) != 1 {
			t.Errorf("slow: %v, %v", res, err)
		}
		if _, err := ask(time.Minute, "slow"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("too slow: %v", err)
		}
		if _, err := ask(time.Minute, "stuck"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stuck: %v", err)
		}
	})
}

func TestOverlap(t *testing.T) {
	list := []retriever.Passage{
		{ID: "c", Text: "Blue whales sing, and whales dive."},
		{ID: "b", Title: "Whales", Text: "They sing."},
		{ID: "a", Text: "Grüne Äpfel"},
		{ID: "a", Text: "whales sing blue"},
	}
	r := Overlap(list...)
	for query, want := range map[string]string{
		"do blue whales SING?": "c=3 b=2",
		"whales whales":        "b=1 c=1",
		"ÄPFEL":                "a=1",
		"":                     "",
		"sharks":               "",
	} {
		res, err := r.Retrieve(t.Context(), retriever.Query{Text: query, K: 5})
		if ids(res) != want || err != nil {
			t.Errorf("%q finds %q, %v; want %q", query, ids(res), err, want)
		}
	}
	slices.Reverse(list)
	if res, _ := r.Retrieve(t.Context(), retriever.Query{Text: "whales", K: 1}); ids(res) != "b=1" {
		t.Errorf("after a change to the caller's list: %q", ids(res))
	}
}
