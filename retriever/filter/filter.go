package filter

import (
	"fmt"
	"unicode/utf8"
)

// Limits on a filter; [Check] rejects larger ones. They keep a filter from a
// request from using up stack or time.
const (
	// MaxDepth is the greatest nesting. A comparison alone has depth 1.
	MaxDepth = 100
	// MaxNodes is the greatest number of filters and of values in In, taken
	// together.
	MaxNodes = 6000
)

// Expr is a condition on the [Metadata] of a passage. It is one of [And], [Or],
// [Not], [Compare], [In], [Range], [Exists] and [Prefix]: the values, not pointers
// to them. A nil Expr, allowed only at the top, is true of everything. Goroutines
// may share an Expr that none of them changes.
//
// A filter is true, false or unknown for a passage. A passage matches only if the
// filter is [True] of it. A condition on a field is [Unknown] if the passage does
// not have the field, or has a value of another kind there; only Exists is then
// false. Not Unknown is Unknown, so neither tenant != "a" nor not tenant = "a"
// matches a passage without a tenant.
//
// Ints and floats are one kind to a filter: they compare as numbers, exactly.
// Strings are ordered by their bytes, and times as instants.
//
// A field that holds a list of strings is compared as a string, element by element.
// Compare, In, Range and Prefix are true if they are true of at least one element,
// and otherwise false, also for an empty list. Ne is the exception: it is always
// the Not of Eq, true if no element is equal.
//
// An invalid Value in the metadata counts as missing.
type Expr interface{ isFilter() }

// Op is the operator of a [Compare], as the text form writes it.
type Op string

// The operators. Bools have only Eq and Ne.
const (
	Eq Op = "="
	Ne Op = "!="
	Lt Op = "<"
	Le Op = "<="
	Gt Op = ">"
	Ge Op = ">="
)

// holds reports whether the operator is true of two values, the first less than (c
// < 0), equal to (0) or greater than (c > 0) the second. Do not use it for Ne,
// which is the Not of Eq.
func (o Op) holds(c int) bool {
	switch o {
	case Eq:
		return c == 0
	case Lt:
		return c < 0
	case Le:
		return c <= 0
	case Gt:
		return c > 0
	case Ge:
		return c >= 0
	}
	return false
}

// And is False if a child is False, else Unknown if a child is Unknown, else
// True. An empty And is True.
type And []Expr

// Or is True if a child is True, else Unknown if a child is Unknown, else False.
// An empty Or is False.
type Or []Expr

// Not is True if its child is False, False if it is True, else Unknown.
type Not struct{ Filter Expr }

// Compare compares the value of a field, on the left, with Value, on the right.
// Value is anything but a list of strings.
type Compare struct {
	Field string
	Op    Op
	Value Value
}

// In is the Or of the comparisons of the field with each of Values by Eq. It has at
// least one value, and no list of strings among them. The kinds may differ: if no
// value is equal, a value of another kind than the field's makes In Unknown.
type In struct {
	Field  string
	Values []Value
}

// Range is True if the field is at least Low and at most High. The zero Value
// leaves an end open. The ends are strings, numbers or times, both of the same
// kind. If Low is above High, Range is never True. In a list of strings a single
// element must be inside.
type Range struct {
	Field     string
	Low, High Value
}

// Exists is True if the passage has the field, with any value, and otherwise False.
// It is never Unknown.
type Exists struct{ Field string }

// Prefix is True if the field is a string that starts with the bytes of Prefix.
type Prefix struct{ Field, Prefix string }

func (And) isFilter()     {}
func (Or) isFilter()      {}
func (Not) isFilter()     {}
func (Compare) isFilter() {}
func (In) isFilter()      {}
func (Range) isFilter()   {}
func (Exists) isFilter()  {}
func (Prefix) isFilter()  {}

// Error describes a fault of a filter.
type Error struct {
	// Path leads from the top of the filter to the fault, as in And[2].Not.Compare.
	// It is empty if the fault is at the top and is no filter of this package.
	Path string
	// Reason says what is wrong and what is wanted.
	Reason string
}

// Error returns the reason, after the path if there is one.
func (e *Error) Error() string {
	if e.Path == "" {
		return "filter: " + e.Reason
	}
	return "filter: " + e.Path + ": " + e.Reason
}

// under returns e as seen from one level higher.
func (e *Error) under(parent string) *Error {
	if e.Path != "" {
		parent += "." + e.Path
	}
	return &Error{Path: parent, Reason: e.Reason}
}

// Check returns an *Error if f is malformed: if it contains a nil or a pointer in
// place of a filter, an empty field name or one that is not UTF-8, an invalid
// Value, or a value or operator that is not allowed there; or if it is larger than
// [MaxDepth] or [MaxNodes]. A nil f is well formed.
func Check(f Expr) error {
	if f == nil {
		return nil
	}
	nodes := 0
	if err := checkFilter(f, 1, &nodes); err != nil {
		return err
	}
	return nil
}

// checkFilter checks f, which is at the given depth, and adds its size to nodes. It
// tests both limits on the way down, so that it ends even for a filter that
// contains itself.
func checkFilter(f Expr, depth int, nodes *int) *Error {
	*nodes++
	if in, ok := f.(In); ok {
		*nodes += len(in.Values)
	}
	if *nodes > MaxNodes {
		return &Error{Reason: fmt.Sprintf("the filter has more than %d parts", MaxNodes)}
	}
	if depth > MaxDepth {
		return &Error{Reason: fmt.Sprintf("the filter is nested more than %d deep", MaxDepth)}
	}
	switch f := f.(type) {
	case And:
		return checkAll("And", f, depth, nodes)
	case Or:
		return checkAll("Or", f, depth, nodes)
	case Not:
		if err := checkFilter(f.Filter, depth+1, nodes); err != nil {
			return err.under("Not")
		}
		return nil
	default:
		return checkLeaf(f)
	}
}

func checkAll(parent string, children []Expr, depth int, nodes *int) *Error {
	for i, c := range children {
		if err := checkFilter(c, depth+1, nodes); err != nil {
			return err.under(fmt.Sprintf("%s[%d]", parent, i))
		}
	}
	return nil
}

// checkLeaf checks a filter that contains no other.
func checkLeaf(f Expr) *Error {
	var name, field, reason string
	switch f := f.(type) {
	case Compare:
		name, field, reason = "Compare", f.Field, checkCompare(f)
	case In:
		name, field = "In", f.Field
		if len(f.Values) == 0 {
			reason = "Values is empty: use Or{} for a filter that is false"
		}
		for i, v := range f.Values {
			if r := checkOperand(v); r != "" {
				reason = fmt.Sprintf("Values[%d]: %s", i, r)
				break
			}
		}
	case Range:
		name, field, reason = "Range", f.Field, checkRange(f)
	case Exists:
		name, field = "Exists", f.Field
	case Prefix:
		name, field = "Prefix", f.Field
		if !utf8.ValidString(f.Prefix) {
			reason = fmt.Sprintf("Prefix %q is not valid UTF-8", f.Prefix)
		}
	case nil:
		return &Error{Reason: "nil is no filter here: only a whole filter may be nil"}
	default:
		return &Error{Reason: fmt.Sprintf("%T is no filter: use the types of package filter, not pointers to them", f)}
	}
	if r := badField(field); r != "" {
		reason = r
	}
	if reason == "" {
		return nil
	}
	return &Error{Path: name, Reason: reason}
}

// checkOperand returns what is wrong with a value to compare with, or "".
func checkOperand(v Value) string {
	switch v.kind {
	case KindInvalid:
		return invalidValue
	case KindStrings:
		return "a list of strings cannot be compared with: compare with its elements"
	}
	return ""
}

func checkCompare(f Compare) string {
	switch f.Op {
	case Eq, Ne:
	case Lt, Le, Gt, Ge:
		if f.Value.kind == KindBool {
			return fmt.Sprintf("%s does not apply to a bool: use = or !=", f.Op)
		}
	default:
		return fmt.Sprintf("%q is no operator: use =, !=, <, <=, > or >=", string(f.Op))
	}
	return checkOperand(f.Value)
}

func checkRange(f Range) string {
	low, high := f.Low.kind != KindInvalid, f.High.kind != KindInvalid
	if !low && !high {
		return "both ends are open: give Low or High, or use Exists"
	}
	for _, end := range []Value{f.Low, f.High} {
		if end.kind == KindBool || end.kind == KindStrings {
			return fmt.Sprintf("%s has no order: an end is a string, an int, a float or a time", end)
		}
	}
	if low && high && !alike(f.Low.kind, f.High.kind) {
		return fmt.Sprintf("Low is of kind %s but High of kind %s: give both the same", f.Low.kind, f.High.kind)
	}
	return ""
}
