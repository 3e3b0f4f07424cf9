package retriever

import (
	"context"
	"sync"
)

// Changing is a Retriever whose passages change and that says when: package store has one. A
// [Cache] gives no result again that was found before a change, whatever retrievers are
// between the two.
type Changing interface {
	Retriever
	// Generation returns another number after each change than before it. It does not wait.
	Generation() uint64
}

// DependOn tells the caches that wait for a search under ctx that it saw r in a generation.
// A Changing retriever calls it in each search, with what Generation would have returned
// for the passages that the search sees.
func DependOn(ctx context.Context, r Changing, generation uint64) {
	for d, _ := ctx.Value(dependsKey{}).(*depends); d != nil; d = d.outer {
		d.add(dependency{r, generation})
	}
}

type dependsKey struct{}

// depends collects what a result depends on.
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

// all returns what was collected.
func (d *depends) all() []dependency {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.list[:len(d.list):len(d.list)]
}

// collectDepends returns a context under which DependOn is heard.
func collectDepends(ctx context.Context) (context.Context, *depends) {
	d := &depends{}
	d.outer, _ = ctx.Value(dependsKey{}).(*depends)
	return context.WithValue(ctx, dependsKey{}, d), d
}

// current reports whether nothing in list has changed.
func current(list []dependency) bool {
	for _, d := range list {
		if d.on.Generation() != d.generation {
			return false
		}
	}
	return true
}
