package retriever_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

func TestListKeepsOrderFilterAndK(t *testing.T) {
	lang := func(id, l string) retriever.Passage {
		return retriever.Passage{ID: id, Text: id, Metadata: filter.Metadata{"lang": filter.String(l)}}
	}
	list := retriever.List(lang("a", "en"), lang("b", "de"), lang("a", "en"), lang("c", "en"), lang("d", "en"))
	for _, c := range []struct {
		k      int
		filter string
		want   string
	}{
		{9, "", "a b c d"},
		{2, "", "a b"},
		{2, `lang = "en"`, "a c"},
		{9, `lang = "fr"`, ""},
	} {
		q := retriever.Query{Text: "anything", K: c.k}
		if c.filter != "" {
			f, err := filter.Parse(c.filter)
			if err != nil {
				t.Fatal(err)
			}
			q.Filter = f
		}
		res, err := list.Retrieve(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for i, h := range res.Hits {
			ids = append(ids, h.Passage.ID)
			if i > 0 && h.Score >= res.Hits[i-1].Score {
				t.Errorf("scores do not fall: %+v", res.Hits)
			}
		}
		if got := strings.Join(ids, " "); got != c.want || res.Scores != retriever.RankOnly {
			t.Errorf("k %d, filter %q: %q, scores %q; want %q", c.k, c.filter, got, res.Scores, c.want)
		}
	}
	if _, err := list.Retrieve(t.Context(), retriever.Query{}); !errors.Is(err, retriever.ErrQuery) {
		t.Errorf("K 0: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := list.Retrieve(ctx, retriever.Query{K: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
