package selfrag_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/selfrag"
)

// owned returns passages of two tenants, mixed. Everything about a passage of
// tenant "other" holds the word SECRET.
func owned() []retriever.Hit {
	list := hits("mine1", "SECRET1", "mine2", "SECRET2")
	for i := range list {
		p := &list[i].Passage
		owner := "me"
		if strings.HasPrefix(p.ID, "SECRET") {
			owner = "other"
			p.Source.URI = "SECRET.txt"
		}
		p.Metadata = filter.Metadata{"tenant": filter.String(owner)}
	}
	return list
}

// No text of another tenant gets through, even if the retriever ignores the filter.
func TestTenantFilter(t *testing.T) {
	expr := filter.Compare{Field: "tenant", Op: filter.Eq, Value: filter.String("me")}
	for name, options := range map[string][]selfrag.Option{
		"short": {selfrag.WithTrace(selfrag.TraceFull)},
		"long":  {selfrag.WithLongForm(2, 3), selfrag.WithTrace(selfrag.TraceFull)},
		"fixed": {selfrag.WithLongForm(2, 3), selfrag.WithFixedPassages(true), always},
	} {
		t.Run(name, func(t *testing.T) {
			m := counting(&generatortest.Random{Seed: 36, MaxSegments: 5})
			e := newEngine(t, m, exactly(owned()...), append(options, selfrag.WithFilter(expr))...)
			leak := func(where string, v any) {
				t.Helper()
				b, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(b), "SECRET") || strings.Contains(fmt.Sprintf("%+v", v), "SECRET") {
					t.Errorf("%s holds another tenant's data: %s", where, b)
				}
			}
			var answer *selfrag.Answer
			for ev, err := range e.Stream(t.Context(), "q") {
				if err != nil {
					t.Fatal(err)
				}
				leak("event "+string(ev.Kind), ev)
				answer = ev.Answer
			}
			leak("answer", answer)
			leak("text", answer.String())
			for _, r := range m.requests {
				leak("request", r)
			}
			if d := answer.Trace.Expansions[0].Dropped; d != (selfrag.Dropped{Filtered: 2}) {
				t.Errorf("dropped %+v, want the two passages of the other tenant", d)
			}
			if strings.Count(fmt.Sprint(answer.Trace.Expansions[0].Passages), "mine") == 0 {
				t.Error("the tenant's own passages are missing, too")
			}
		})
	}
}

// Not even a passage that breaks the retriever's contract is named.
func TestTenantFilterComesFirst(t *testing.T) {
	expr := filter.Compare{Field: "tenant", Op: filter.Eq, Value: filter.String("me")}
	list := owned()
	list[1].Score = math.NaN()
	e := newEngine(t, script(on(said("Yes."))), exactly(list...), always)
	if _, err := e.Answer(t.Context(), "q", selfrag.WithFilter(expr)); err != nil {
		t.Errorf("error %v about a passage that the filter hides", err)
	}
	if _, err := e.Answer(t.Context(), "q"); !errors.Is(err, selfrag.ErrRetriever) {
		t.Errorf("error %v without a filter", err)
	}
}

// The retriever receives the filter, so that it can filter before it takes the
// first k.
func TestFilterReachesRetriever(t *testing.T) {
	expr := filter.Exists{Field: "tenant"}
	var got []retriever.Query
	inner := exactly(owned()...)
	index := recording{inner, &got}
	a := run(t, script(on(said("Yes."))), index, always, selfrag.WithFilter(expr), selfrag.WithK(2))
	if len(got) != 1 || got[0].Filter != filter.Expr(expr) || got[0].K != 2 {
		t.Errorf("queries %+v", got)
	}
	if a.Trace.Settings.Filter != filter.Format(expr) {
		t.Errorf("the trace says the filter is %q", a.Trace.Settings.Filter)
	}
}

// recording records the queries of a retriever.
type recording struct {
	retriever.Retriever
	queries *[]retriever.Query
}

func (r recording) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	*r.queries = append(*r.queries, q)
	return r.Retriever.Retrieve(ctx, q)
}
