package retriever

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/ctxerr"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
)

// Router chooses the parts of a composed retriever to ask.
type Router interface {
	// Route returns the names of the parts for a query, in any order. No names, if
	// there is no part for it, is not an error. It is safe for concurrent use and
	// returns promptly when ctx is done.
	Route(ctx context.Context, q Query) ([]string, error)
}

// RouteRule sends queries to a part.
type RouteRule struct {
	// Part is the name of the part.
	Part string
	// When reports whether the rule applies to a query; nil applies to all.
	When func(Query) bool
}

// RouteRules is a [Router] that returns the parts of all rules that apply, each
// part once. The zero value routes nothing.
type RouteRules struct {
	List []RouteRule
	// First stops at the first rule that applies.
	First bool
}

// MostCost implements budget.Declarer: rules call no model.
func (r RouteRules) MostCost(int) (budget.Cost, bool) { return budget.Cost{}, true }

// Route implements Router.
func (r RouteRules) Route(ctx context.Context, q Query) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var names []string
	for _, rule := range r.List {
		if (rule.When == nil || rule.When(q)) && !slices.Contains(names, rule.Part) {
			names = append(names, rule.Part)
			if r.First {
				break
			}
		}
	}
	return names, nil
}

// ErrNoRoute is wrapped by errors about a query without a part.
var ErrNoRoute = errors.New("retriever: no route")

// ErrRouter is wrapped by errors about a router that failed, or that named an
// unknown part.
var ErrRouter = errors.New("retriever: router failed")

// RouteOptions changes how a query is routed. The zero value is ready to use.
type RouteOptions struct {
	// Fallback is the name of the part to ask if the router names none. Without it
	// such a query is an error that wraps [ErrNoRoute].
	Fallback string
	// EmptyWithoutRoute makes a query without a route find nothing, with a note in
	// Result.Missing, instead of being an error. It excludes Fallback.
	EmptyWithoutRoute bool
	// Fuse says how the lists of several parts are merged and, by AllowMissing,
	// what happens if some fail. With AllowMissing a router that fails leads to
	// Fallback, if there is one, and is named in Result.Missing.
	Fuse FuseOptions
}

// Route returns a Retriever that asks only the parts that router chooses for a
// query. Their lists are merged as by [Fuse], in the order of parts. That includes
// the list of a single part, so that scores always are [RRF] and Hit.Parts always
// names the part. Filters reach every part that is asked.
//
// The error of Route wraps ErrOption: the parts or [RouteOptions].Fuse are invalid
// for Fuse, the router is nil, or the fallback is no part. Parts that [RouteRules]
// name are checked, too.
func Route(router Router, parts []Part, o RouteOptions) (Retriever, error) {
	if _, err := Fuse(parts, o.Fuse); err != nil {
		return nil, err
	}
	r := &routed{router, slices.Clone(parts), o}
	if isnil.Value(router) {
		return nil, fmt.Errorf("%w: Route: the router is nil", ErrOption)
	}
	if o.Fallback != "" && !r.has(o.Fallback) {
		return nil, fmt.Errorf("%w: Route: the fallback %q is no part", ErrOption, o.Fallback)
	}
	if o.Fallback != "" && o.EmptyWithoutRoute {
		return nil, fmt.Errorf("%w: Route: Fallback and EmptyWithoutRoute are both set: want one of them", ErrOption)
	}
	if rules, ok := router.(RouteRules); ok {
		for i, rule := range rules.List {
			if !r.has(rule.Part) {
				return nil, fmt.Errorf("%w: Route: rule %d of %d is for %q, which is no part", ErrOption, i+1, len(rules.List), rule.Part)
			}
		}
	}
	return r, nil
}

type routed struct {
	router Router
	parts  []Part
	o      RouteOptions
}

func (r *routed) has(name string) bool {
	return slices.ContainsFunc(r.parts, func(p Part) bool { return p.Name == name })
}

// Retrieve implements Retriever.
func (r *routed) Retrieve(ctx context.Context, q Query) (Result, error) {
	if err := q.Check(); err != nil {
		return Result{}, err
	}
	var missing []Missing
	names, err := r.route(ctx, q)
	switch {
	case err != nil && r.o.Fuse.AllowMissing && r.o.Fallback != "" && ctx.Err() == nil:
		missing = append(missing, Missing{Part: "router", Reason: err.Error()})
		names = []string{r.o.Fallback}
	case err != nil:
		return Result{}, err
	case len(names) == 0 && r.o.Fallback != "":
		names = []string{r.o.Fallback}
	case len(names) == 0 && r.o.EmptyWithoutRoute:
		return Result{Scores: RRF, Missing: []Missing{{Part: "router", Reason: ErrNoRoute.Error()}}}, nil
	case len(names) == 0:
		return Result{}, fmt.Errorf("%w: the router chose none of %d parts for the query: add a rule or set RouteOptions.Fallback", ErrNoRoute, len(r.parts))
	}
	var chosen []Part
	for _, p := range r.parts {
		if slices.Contains(names, p.Name) {
			chosen = append(chosen, p)
		}
	}
	f, err := Fuse(chosen, r.o.Fuse)
	if err != nil {
		return Result{}, err
	}
	res, err := f.Retrieve(ctx, q)
	res.Missing = append(missing, res.Missing...)
	return res, err
}

// choose asks the router.
func (r *routed) choose(ctx context.Context, q Query) (names []string, err error) {
	ctx, step := observe.Start(ctx, observe.Part, "route")
	defer step.EndWith(&err)()
	names, err = r.router.Route(ctx, q)
	step.Note(names...)
	return names, err
}

// MostCost implements budget.Declarer.
func (r *routed) MostCost(int) (budget.Cost, bool) {
	parts, ok := mostOfParts(r.parts)
	router, known := budget.MostCost(r.router, 1)
	return parts.Add(router), ok && known
}

// route asks the router and checks its answer.
func (r *routed) route(ctx context.Context, q Query) ([]string, error) {
	names, err := r.choose(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRouter, ctxerr.Wrap(ctx, err))
	}
	for _, n := range names {
		if !r.has(n) {
			return nil, fmt.Errorf("%w: it named %q, which is no part", ErrRouter, n)
		}
	}
	return names, nil
}
