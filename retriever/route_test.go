package retriever_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
)

func has(word string) func(retriever.Query) bool {
	return func(q retriever.Query) bool { return strings.Contains(q.Text, word) }
}

func TestRoute(t *testing.T) {
	parts := []retriever.Part{part("wiki", listed("w1 w2"), 0), part("law", listed("l1 l2"), 0), part("rest", listed("r1"), 0)}
	rules := []retriever.RouteRule{{Part: "law", When: has("court")}, {Part: "wiki", When: has("river")}}
	for _, c := range []struct {
		name, text string
		router     retriever.Router
		o          retriever.RouteOptions
		want       string
		err        error
	}{
		{"one", "a court", retriever.RouteRules{List: rules}, retriever.RouteOptions{}, "l1 l2", nil},
		{"two, in the order of parts", "a court on a river", retriever.RouteRules{List: rules}, retriever.RouteOptions{}, "w1 l1 w2 l2", nil},
		{"first", "a court on a river", retriever.RouteRules{List: rules, First: true}, retriever.RouteOptions{}, "l1 l2", nil},
		{"none", "a tree", retriever.RouteRules{List: rules}, retriever.RouteOptions{}, "", retriever.ErrNoRoute},
		{"zero rules", "a tree", retriever.RouteRules{}, retriever.RouteOptions{}, "", retriever.ErrNoRoute},
		{"fallback", "a tree", retriever.RouteRules{List: rules}, retriever.RouteOptions{Fallback: "rest"}, "r1", nil},
		{"empty by choice", "a tree", retriever.RouteRules{List: rules}, retriever.RouteOptions{EmptyWithoutRoute: true}, "", nil},
		{"nil When holds", "a tree", retriever.RouteRules{List: []retriever.RouteRule{{Part: "rest"}}}, retriever.RouteOptions{}, "r1", nil},
		{"unknown part", "x", names{"sea"}, retriever.RouteOptions{}, "", retriever.ErrRouter},
		{"repeated part", "x", names{"law", "law"}, retriever.RouteOptions{}, "l1 l2", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := must[retriever.Retriever](t)(retriever.Route(c.router, parts, c.o))
			res, err := r.Retrieve(t.Context(), retriever.Query{Text: c.text, K: 9})
			if !errors.Is(err, c.err) || idsOf(res) != c.want {
				t.Fatalf("%q, %v: want %q, %v", idsOf(res), err, c.want, c.err)
			}
			if c.o.EmptyWithoutRoute != (len(res.Missing) == 1) {
				t.Errorf("missing: %v", res.Missing)
			}
			if err == nil && res.Scores != retriever.RRF {
				t.Errorf("scores are %q", res.Scores)
			}
		})
	}
}

// names is a router that always returns the same names.
type names []string

func (n names) Route(context.Context, retriever.Query) ([]string, error) { return n, nil }

type failingRouter struct{ err error }

func (f failingRouter) Route(context.Context, retriever.Query) ([]string, error) { return nil, f.err }

func TestRouterFails(t *testing.T) {
	boom := errors.New("boom")
	parts := []retriever.Part{part("a", listed("a1"), 0), part("b", failing(boom), 0)}
	allow := retriever.FuseOptions{AllowMissing: true}

	r := must[retriever.Retriever](t)(retriever.Route(failingRouter{boom}, parts, retriever.RouteOptions{Fallback: "a"}))
	if _, err := r.Retrieve(t.Context(), retriever.Query{K: 1}); !errors.Is(err, boom) || !errors.Is(err, retriever.ErrRouter) {
		t.Errorf("strict: %v", err)
	}
	r = must[retriever.Retriever](t)(retriever.Route(failingRouter{boom}, parts, retriever.RouteOptions{Fallback: "a", Fuse: allow}))
	res, err := r.Retrieve(t.Context(), retriever.Query{K: 1})
	if err != nil || idsOf(res) != "a1" || len(res.Missing) != 1 || res.Missing[0].Part != "router" {
		t.Errorf("lenient: %+v, %v", res, err)
	}
	r = must[retriever.Retriever](t)(retriever.Route(names{"b", "a"}, parts, retriever.RouteOptions{Fuse: allow}))
	res, err = r.Retrieve(t.Context(), retriever.Query{K: 1})
	if err != nil || idsOf(res) != "a1" || len(res.Missing) != 1 || res.Missing[0].Part != "b" {
		t.Errorf("a part fails: %+v, %v", res, err)
	}
}
