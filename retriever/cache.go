package retriever

import (
	"container/list"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/goselfrag/goselfrag/account"
)

// CacheOptions bounds a [Cache]. The zero value is ready to use.
type CacheOptions struct {
	// Size is the greatest number of results that are kept; 0 means 1000. The one that
	// was not used for the longest time makes room.
	Size int
	// Age is how long a result is given again after it was found; 0 means one minute.
	Age time.Duration
}

// Cache is a Retriever that remembers the results of another one, of queries that are
// equal in everything: text, K and filter, by [FormatFilter]. A result with an error
// or with something missing is not remembered. It is safe for concurrent use; equal
// queries at the same time each ask the retriever, so that none depends on the context
// of another.
type Cache struct {
	inner Retriever
	o     CacheOptions

	mu      sync.Mutex
	purges  int                        // how often Purge was called
	entries map[cacheKey]*list.Element // of *cached
	order   *list.List                 // used last in front
}

// cacheKey has a field for each field of Query.
type cacheKey struct {
	text   string
	k      int
	filter string
}

type cached struct {
	key   cacheKey
	found time.Time
	res   Result
}

// NewCache returns a cache of the results of r. The error wraps ErrCompose: r is nil,
// or a bound is negative.
func NewCache(r Retriever, o CacheOptions) (*Cache, error) {
	if o.Size == 0 {
		o.Size = 1000
	}
	if o.Age == 0 {
		o.Age = time.Minute
	}
	switch {
	case isNil(r):
		return nil, fmt.Errorf("%w: NewCache: the retriever is nil", ErrCompose)
	case o.Size < 0:
		return nil, fmt.Errorf("%w: NewCache: Size is %d: want at least 1, or 0 for 1000", ErrCompose, o.Size)
	case o.Age < 0:
		return nil, fmt.Errorf("%w: NewCache: Age is %v: want more than 0, or 0 for a minute", ErrCompose, o.Age)
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
	key := cacheKey{q.Text, q.K, FormatFilter(q.Filter)}
	res, purges, ok := c.get(key)
	if ok {
		account.Begin(ctx, "cached")
		return res, nil
	}
	found := time.Now() // what changes at the retriever from now on may be missed
	res, err := c.inner.Retrieve(ctx, q)
	if err == nil && len(res.Missing) == 0 {
		c.put(&cached{key, found, cloneResult(res)}, purges)
	}
	return res, err
}

// Purge forgets all results. Call it after the passages changed: a search that is
// under way then is not remembered either.
func (c *Cache) Purge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.purges++
	clear(c.entries)
	c.order.Init()
}

// Len returns the number of results that are kept.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

func (c *Cache) get(key cacheKey) (res Result, purges int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		return res, c.purges, false
	}
	entry := e.Value.(*cached)
	if time.Since(entry.found) >= c.o.Age {
		c.drop(e)
		return res, c.purges, false
	}
	c.order.MoveToFront(e)
	return cloneResult(entry.res), c.purges, true
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

// cloneResult copies all that a caller may change.
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
