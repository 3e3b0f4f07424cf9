package filter

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Truth is a truth value of Kleene's three-valued logic. The zero Truth is
// Unknown.
type Truth int8

// The truth values, in the order that makes And the least, Or the greatest and
// Not the negative.
const (
	False   Truth = -1
	Unknown Truth = 0
	True    Truth = 1
)

// String returns false, unknown or true.
func (t Truth) String() string {
	switch t {
	case False:
		return "false"
	case Unknown:
		return "unknown"
	case True:
		return "true"
	}
	return "Truth(" + strconv.Itoa(int(t)) + ")"
}

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

// Match reports whether a passage with metadata m matches f: whether f is True of
// m. It calls Eval.
func Match(f Expr, m Metadata) bool { return Eval(f, m) == True }

// Eval returns the truth of f for a passage with metadata m. This is the reference:
// every other evaluation of filters must agree with it. A nil f is True. An f that
// [Check] rejects is Unknown as a whole, whatever its valid parts are. Eval may be
// called from several goroutines at once.
func Eval(f Expr, m Metadata) Truth {
	if f == nil {
		return True
	}
	if Check(f) != nil {
		return Unknown
	}
	return eval(f, m)
}

// eval evaluates a filter that passed Check.
func eval(f Expr, m Metadata) Truth {
	switch f := f.(type) {
	case And:
		t := True
		for _, c := range f {
			if t = min(t, eval(c, m)); t == False {
				break
			}
		}
		return t
	case Or:
		t := False
		for _, c := range f {
			if t = max(t, eval(c, m)); t == True {
				break
			}
		}
		return t
	case Not:
		return -eval(f.Filter, m)
	case Compare:
		return compare(m[f.Field], f.Op, f.Value)
	case In:
		v, t := m[f.Field], False
		for _, w := range f.Values {
			if t = max(t, compare(v, Eq, w)); t == True {
				break
			}
		}
		return t
	case Range:
		return within(m[f.Field], f.Low, f.High)
	case Exists:
		return truth(m[f.Field].kind != KindInvalid)
	case Prefix:
		return anyElement(m[f.Field], KindString, func(v Value) bool { return strings.HasPrefix(v.str, f.Prefix) })
	}
	return Unknown
}

func compare(v Value, op Op, w Value) Truth {
	if op == Ne { // for a list: no element is equal, not: some element differs
		return -compare(v, Eq, w)
	}
	return anyElement(v, w.kind, func(v Value) bool { return op.holds(compareAlike(v, w)) })
}

func within(v, low, high Value) Truth {
	kind := low.kind
	if kind == KindInvalid {
		kind = high.kind
	}
	return anyElement(v, kind, func(v Value) bool {
		return (low.kind == KindInvalid || compareAlike(v, low) >= 0) &&
			(high.kind == KindInvalid || compareAlike(v, high) <= 0)
	})
}

// anyElement applies test to v or, if v is a list, reports whether an element passes it.
// It is Unknown if v cannot be compared with values of the given kind.
func anyElement(v Value, kind Kind, test func(Value) bool) Truth {
	if v.kind == KindStrings {
		if kind != KindString {
			return Unknown
		}
		return truth(slices.ContainsFunc(v.list, func(s string) bool {
			return test(Value{kind: KindString, str: s})
		}))
	}
	if !alike(v.kind, kind) {
		return Unknown
	}
	return truth(test(v))
}

// alike reports whether values of kinds k and l, neither a list, can be compared.
func alike(k, l Kind) bool {
	return k != KindInvalid && (k == l || isNumber(k) && isNumber(l))
}

func isNumber(k Kind) bool { return k == KindInt || k == KindFloat }

// compareAlike compares two values of kinds that are alike.
func compareAlike(v, w Value) int {
	switch v.kind {
	case KindString:
		return strings.Compare(v.str, w.str)
	case KindInt:
		if w.kind == KindFloat {
			return compareIntFloat(v.num, w.float())
		}
	case KindFloat:
		if w.kind == KindInt {
			return -compareIntFloat(w.num, v.float())
		}
		return cmp.Compare(v.float(), w.float())
	}
	return cmp.Or(cmp.Compare(v.num, w.num), cmp.Compare(v.nsec, w.nsec))
}

// compareIntFloat compares i with the finite f without rounding either: float64(i)
// would lose the low bits of an int beyond 2^53.
func compareIntFloat(i int64, f float64) int {
	if f >= 1<<63 {
		return -1
	}
	if f < -1<<63 {
		return 1
	}
	whole := math.Trunc(f) // now fits an int64
	return cmp.Or(cmp.Compare(i, int64(whole)), cmp.Compare(whole, f))
}
