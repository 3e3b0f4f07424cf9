package retriever

import (
	"container/list"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// CacheOptions bounds a [Cache]. The zero value is ready to use.
type CacheOptions struct {
	// Size is the greatest number of results that are kept; 0 means 1000. The least
	// recently used result is dropped first.
	Size int
	// Age is how long a result is reused after it was found; 0 means one minute.
	Age time.Duration
}

// Cache is a Retriever that caches the results of another one. Queries are equal if
// their text, K and filter (by filter.Format) are equal and they are asked in equal
// scopes. A result with an error or with something missing is not cached. A result
// from a [Changing] retriever is not reused after a change. It is safe for
// concurrent use. Equal queries at the same time each ask the retriever, so that
// none depends on the context of another.
type Cache struct {
	inner Retriever
	o     CacheOptions

	mu      sync.Mutex
	purges  int                        // number of calls of Purge
	entries map[cacheKey]*list.Element // of *cached
	order   *list.List                 // most recently used first
}

// cacheKey has a field for each field of Query.
type cacheKey struct {
	text   string
	k      int
	filter string
}

type cached struct {
	key     cacheKey
	found   time.Time
	res     Result
	depends []dependency
}

// NewCache returns a cache of the results of r. The error wraps ErrOption: r is nil,
// or a bound is negative.
func NewCache(r Retriever, o CacheOptions) (*Cache, error) {
	if o.Size == 0 {
		o.Size = 1000
	}
	if o.Age == 0 {
		o.Age = time.Minute
	}
	switch {
	case isnil.Value(r):
		return nil, fmt.Errorf("%w: NewCache: the retriever is nil", ErrOption)
	case o.Size < 0:
		return nil, fmt.Errorf("%w: NewCache: Size is %d: want at least 1, or 0 for 1000", ErrOption, o.Size)
	case o.Age < 0:
		return nil, fmt.Errorf("%w: NewCache: Age is %v: want more than 0, or 0 for a minute", ErrOption, o.Age)
	}
	return &Cache{inner: r, o: o, entries: make(map[cacheKey]*list.Element), order: list.New()}, nil
}

// Retrieve implements Retriever.
func (c *Cache) Retrieve(ctx context.Context, q Query) (Result, error) {
	if err := q.Check(); err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	key := cacheKey{q.Text, q.K, filter.Format(q.Filter)}
	for _, f := range Confined(ctx) { // of a scope, independent of q
		key.filter += "\x00" + filter.Format(f)
	}
	res, depends, purges, ok := c.get(key)
	if ok {
		for _, d := range depends {
			DependOn(ctx, d.on, d.generation)
		}
		_, step := observe.Start(ctx, observe.Part, "cached")
		step.End(nil)
		return res, nil
	}
	found := time.Now() // later changes of the retriever may be missing from the result
	ctx, seen := collectDepends(ctx)
	res, err := Ask(ctx, c.inner, q)
	if err == nil && len(res.Missing) == 0 {
		c.put(&cached{key, found, cloneResult(res), seen.all()}, purges)
	}
	return res, err
}

// MostCost implements budget.Declarer.
func (c *Cache) MostCost(int) (budget.Cost, bool) { return budget.MostCost(c.inner, 1) }

// Purge drops all results. Call it after the passages change. The result of a
// search that is running then is not cached either.
func (c *Cache) Purge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.purges++
	c.entries, c.order = make(map[cacheKey]*list.Element), list.New() // in constant time
}

// Len returns the number of cached results.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

func (c *Cache) get(key cacheKey) (res Result, depends []dependency, purges int, ok bool) {
	entry, purges := c.entry(key)
	if entry == nil || !current(entry.depends) {
		return res, nil, purges, false
	}
	return cloneResult(entry.res), entry.depends, purges, true // entries do not change
}

func (c *Cache) entry(key cacheKey) (entry *cached, purges int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		return nil, c.purges
	}
	entry = e.Value.(*cached)
	if time.Since(entry.found) >= c.o.Age {
		c.drop(e)
		return nil, c.purges
	}
	c.order.MoveToFront(e)
	return entry, c.purges
}

func (c *Cache) put(entry *cached, purges int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if purges != c.purges {
		return
	}
	if e := c.entries[entry.key]; e != nil {
		c.drop(e)
	}
	c.entries[entry.key] = c.order.PushFront(entry)
	for len(c.entries) > c.o.Size {
		c.drop(c.order.Back())
	}
}

func (c *Cache) drop(e *list.Element) {
	delete(c.entries, e.Value.(*cached).key)
	c.order.Remove(e)
}

// cloneResult copies everything that a caller may change.
func cloneResult(res Result) Result {
	res.Hits, res.Missing, res.Queries = slices.Clone(res.Hits), slices.Clone(res.Missing), slices.Clone(res.Queries)
	for i := range res.Hits {
		res.Hits[i].Parts = cloneParts(res.Hits[i].Parts)
	}
	return res
}

func cloneParts(parts []Contribution) []Contribution {
	parts = slices.Clone(parts)
	for i := range parts {
		parts[i].Parts = cloneParts(parts[i].Parts)
	}
	return parts
}
