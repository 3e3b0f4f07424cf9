package segment

import (
	"context"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// matched holds the documents of a segment that match a filter.
type matched struct {
	text  string // of the filter
	set   Set
	exact bool
}

// mostMatched is the number of filters whose sets a segment keeps, with one bit per
// document each.
const mostMatched = 16

// Matching returns the documents whose metadata match a filter, which passed
// filter.Check. If exact is false a document of the set may not match: the filter
// tests a field that is not indexed. The set must not be changed. The error wraps
// blockfile.ErrCorrupt.
func (s *Segment) Matching(ctx context.Context, f filter.Expr) (set Set, exact bool, err error) {
	text := filter.Format(f)
	old := s.sets.Load()
	var list []matched
	if old != nil {
		list = *old
	}
	for _, m := range list {
		if m.text == text {
			return m.set, m.exact, nil
		}
	}
	fields, err := s.fields()
	if err != nil {
		return nil, false, err
	}
	m := &matcher{ctx: ctx, docs: s.docs, fields: fields, exact: true}
	if set, err = m.eval(f, filter.True); err != nil {
		return nil, false, err
	}
	if len(list) == mostMatched {
		list = list[1:]
	}
	list = append(list[:len(list):len(list)], matched{text, set, m.exact})
	s.sets.CompareAndSwap(old, &list) // if another was kept meanwhile, this one is not
	return set, m.exact, nil
}

// matcher computes the documents for which filters are true or false.
type matcher struct {
	ctx    context.Context
	docs   uint32
	fields map[string]func() (*field, error)
	exact  bool // so far
}

func (m *matcher) none() Set { return make(Set, (m.docs+63)/64) }

func (m *matcher) all() Set { return Full(int(m.docs)) }

// field returns a field, nil if no document has it.
func (m *matcher) field(name string) (*field, error) {
	if read := m.fields[name]; read != nil {
		return read()
	}
	return nil, nil
}

// eval returns the documents for which a filter is True, or False if that is want.
// If m.exact is false there may be too many.
func (m *matcher) eval(f filter.Expr, want filter.Truth) (Set, error) {
	switch f := f.(type) {
	case filter.And:
		return m.join(f, want, want == filter.True)
	case filter.Or:
		return m.join(f, want, want == filter.False)
	case filter.Not:
		return m.eval(f.Filter, -want)
	case filter.Compare:
		if f.Op == filter.Eq && want == filter.True {
			return m.equal(f.Field, f, f.Value)
		}
		return m.leaf(f.Field, f, want)
	case filter.In:
		if want == filter.True {
			return m.equal(f.Field, f, f.Values...)
		}
		return m.leaf(f.Field, f, want)
	case filter.Range:
		return m.leaf(f.Field, f, want)
	case filter.Prefix:
		return m.leaf(f.Field, f, want)
	case filter.Exists:
		return m.leaf(f.Field, f, want)
	}
	m.exact = false
	return m.all(), nil
}

// join returns the documents for which all filters have the wanted truth, or any of
// them.
func (m *matcher) join(list []filter.Expr, want filter.Truth, all bool) (Set, error) {
	out := m.none()
	if all {
		out = m.all()
	}
	for _, f := range list {
		if err := m.ctx.Err(); err != nil {
			return nil, err
		}
		set, err := m.eval(f, want)
		if err != nil {
			return nil, err
		}
		for i, w := range set {
			if all {
				out[i] &= w
			} else {
				out[i] |= w
			}
		}
	}
	return out, nil
}

// equal returns the documents for which f is true: those with a field equal to one
// of some values, or with a list that holds one.
func (m *matcher) equal(name string, f filter.Expr, values ...filter.Value) (Set, error) {
	field, err := m.field(name)
	if err != nil {
		return nil, err
	}
	if field == nil || field.many {
		return m.leaf(name, f, filter.True)
	}
	out := m.none()
	for _, v := range values {
		for _, i := range field.equal[equalKey(v)] {
			if err := field.values[i].each(m.docs, out.Add); err != nil {
				return nil, err
			}
		}
	}
	for _, i := range field.lists {
		if err := m.try(out, name, &field.values[i], f, filter.True); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// leaf returns the documents for which a filter of one field has the wanted truth.
// It evaluates the filter on each value.
func (m *matcher) leaf(name string, f filter.Expr, want filter.Truth) (Set, error) {
	field, err := m.field(name)
	if err != nil {
		return nil, err
	}
	if field != nil && field.many {
		m.exact = false
		return m.all(), nil
	}
	out := m.none()
	if filter.Eval(f, nil) == want { // of documents without the field
		out = m.all()
		if field != nil {
			for i := range field.values {
				if err := field.values[i].each(m.docs, out.Remove); err != nil {
					return nil, err
				}
			}
		}
	}
	if field == nil {
		return out, nil
	}
	for i := range field.values {
		if err := m.try(out, name, &field.values[i], f, want); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// try adds the documents of a value if the filter has the wanted truth for it.
func (m *matcher) try(out Set, name string, v *value, f filter.Expr, want filter.Truth) error {
	if filter.Eval(f, filter.Metadata{name: v.Value}) != want {
		return nil
	}
	return v.each(m.docs, out.Add)
}
