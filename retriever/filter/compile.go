package filter

import "strings"

// Compile returns a function that matches as Match does, but does the work that
// depends only on f once. Use a [Scan] for many passages. The error is that of
// [Check]. The function may be called from several goroutines at once.
func Compile(f Expr) (func(Metadata) bool, error) {
	root, err := compile(f)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return func(Metadata) bool { return true }, nil
	}
	return func(m Metadata) bool {
		r := run{steps: unbounded}
		return root.eval(m, &r) == True
	}, nil
}

// compile returns the compiled form of f, nil for nil.
func compile(f Expr) (*node, error) {
	if err := Check(f); err != nil || f == nil {
		return nil, err
	}
	root := build(f)
	root.finish()
	return &root, nil
}

// operation says what a node does.
type operation uint8

const (
	opAnd operation = iota
	opOr
	opMember // the field equals one of several values
	opEqual  // the field equals the value
	opOrder  // the field is less or greater than the value
	opWithin
	opExists
	opPrefix
)

// node is a compiled filter. It does not change once finish has returned.
//
// Equalities of one field in an Or, and inequalities of one in an And, become one
// set, so the length of such a list costs nothing.
type node struct {
	op       operation
	negate   bool // the result is the Not of the node
	order    Op   // of opOrder
	kind     Kind // of the values that the field can be compared with
	weight   int  // cost of an evaluation, without children and lists
	field    string
	value    Value // of opEqual and opOrder, the low end of opWithin, the text of opPrefix
	high     Value
	children []node
	values   []Value // of opMember, until finish
	set      *set
}

// build compiles a filter that passed Check, except for what finish does.
func build(f Expr) node {
	switch f := f.(type) {
	case And:
		return chain(opAnd, f)
	case Or:
		return chain(opOr, f)
	case Not:
		n := build(f.Filter)
		n.negate = !n.negate
		return n
	case Compare:
		if f.Op == Eq || f.Op == Ne { // for a list: no element is equal, not: some element differs
			return node{op: opMember, negate: f.Op == Ne, field: f.Field, values: []Value{f.Value}}
		}
		return node{op: opOrder, order: f.Op, field: f.Field, value: f.Value, kind: f.Value.kind}
	case In:
		return node{op: opMember, field: f.Field, values: f.Values}
	case Range:
		n := node{op: opWithin, field: f.Field, value: f.Low, high: f.High, kind: f.Low.kind}
		if n.kind == KindInvalid {
			n.kind = f.High.kind
		}
		return n
	case Exists:
		return node{op: opExists, field: f.Field}
	case Prefix:
		return node{op: opPrefix, field: f.Field, value: Value{kind: KindString, str: f.Prefix}, kind: KindString}
	}
	panic("filter: a filter that passed its check is none")
}

// chain compiles an And or an Or.
func chain(op operation, list []Expr) node {
	n := node{op: op, children: make([]node, 0, len(list))}
	sets := make(map[string]int) // the index in n.children of the set of a field
	add := func(c node) {
		if c.op == opMember && c.negate == (op == opAnd) {
			if at, ok := sets[c.field]; ok {
				old := &n.children[at]
				old.values = append(old.values[:len(old.values):len(old.values)], c.values...)
				return
			}
			sets[c.field] = len(n.children)
		}
		n.children = append(n.children, c)
	}
	for _, f := range list {
		c := build(f)
		if c.op != op || c.negate {
			add(c)
			continue
		}
		for _, inner := range c.children {
			add(inner)
		}
	}
	if len(n.children) == 1 {
		return n.children[0]
	}
	return n
}

// finish makes the sets and computes the costs of evaluations.
func (n *node) finish() {
	for i := range n.children {
		n.children[i].finish()
	}
	if n.op == opMember {
		if len(n.values) == 1 {
			n.op, n.value, n.kind = opEqual, n.values[0], n.values[0].kind
		} else {
			n.set = newSet(n.values)
			n.weight = n.set.longest / bytesPerStep
		}
		n.values = nil
	}
	n.weight += 1 + max(len(n.value.str), len(n.high.str))/bytesPerStep
}

// eval returns the truth of the filter for a passage, or Unknown once the run has
// ended.
func (n *node) eval(m Metadata, r *run) Truth {
	if r.steps += n.weight; r.steps > interval && r.ended() {
		return Unknown
	}
	var t Truth
	switch n.op {
	case opAnd:
		t = True
		for i := range n.children {
			if t = min(t, n.children[i].eval(m, r)); t == False {
				break
			}
		}
	case opOr:
		t = False
		for i := range n.children {
			if t = max(t, n.children[i].eval(m, r)); t == True {
				break
			}
		}
	default:
		v := m[n.field]
		t = n.test(&v, r)
	}
	if n.negate {
		return -t
	}
	return t
}

// test returns the truth of a condition for the value of its field.
func (n *node) test(v *Value, r *run) Truth {
	switch {
	case n.op == opExists:
		return truth(v.kind != KindInvalid)
	case n.op == opMember:
		return n.set.test(v, r, n.weight)
	case v.kind != KindStrings:
		if !alike(v.kind, n.kind) {
			return Unknown
		}
		return truth(n.holds(v))
	case n.kind != KindString:
		return Unknown
	}
	w := Value{kind: KindString}
	for _, s := range v.list {
		if r.steps += n.weight; r.steps > interval && r.ended() {
			return Unknown
		}
		if w.str = s; n.holds(&w) {
			return True
		}
	}
	return False
}

// holds reports whether a condition is true of a comparable value.
func (n *node) holds(v *Value) bool {
	switch n.op {
	case opEqual:
		if v.kind == KindString {
			return v.str == n.value.str
		}
		return compareAlike(*v, n.value) == 0
	case opOrder:
		return n.order.holds(compareAlike(*v, n.value))
	case opWithin:
		return (n.value.kind == KindInvalid || compareAlike(*v, n.value) >= 0) &&
			(n.high.kind == KindInvalid || compareAlike(*v, n.high) <= 0)
	case opPrefix:
		return strings.HasPrefix(v.str, n.value.str)
	}
	return false
}
