package retriever

import (
	"context"
	"sync"
)

// Changing is a Retriever whose passages change and that reports changes; package
// store has one. A [Cache] reuses no result from before a change, whatever
// retrievers are between the two.
type Changing interface {
	Retriever
	// Generation returns a number that is new after each change. It does not wait.
	Generation() uint64
}

// DependOn records, in the caches that wait for a search under ctx, that the search
// saw r in a generation. A Changing retriever calls it in each search, with the
// value of Generation for the passages that the search sees.
func DependOn(ctx context.Context, r Changing, generation uint64) {
	for d, _ := ctx.Value(dependsKey{}).(*depends); d != nil; d = d.outer {
		d.add(dependency{r, generation})
	}
}

type dependsKey struct{}

// depends collects the generations that a result depends on.
type depends struct {
	outer *depends // of another cache
	mu    sync.Mutex
	list  []dependency
}

type dependency struct {
	on         Changing
	generation uint64
}

func (d *depends) add(one dependency) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, have := range d.list {
		if have == one {
			return
		}
	}
	d.list = append(d.list, one)
}

// all returns the collected dependencies.
func (d *depends) all() []dependency {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.list[:len(d.list):len(d.list)]
}

// collectDepends returns a context under which DependOn records into the result.
func collectDepends(ctx context.Context) (context.Context, *depends) {
	d := &depends{}
	d.outer, _ = ctx.Value(dependsKey{}).(*depends)
	return context.WithValue(ctx, dependsKey{}, d), d
}

// current reports whether no element of list has changed.
func current(list []dependency) bool {
	for _, d := range list {
		if d.on.Generation() != d.generation {
			return false
		}
	}
	return true
}
