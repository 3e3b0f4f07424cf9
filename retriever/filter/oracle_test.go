package filter_test

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// The oracle below is a second evaluation that shares nothing with the first. It
// works on plain Go values and big rationals, and has no third truth value: it
// computes the set of possible answers if each unknown condition could be true or
// false.

type answers struct{ yes, no bool }

var anyAnswer = answers{true, true}

func answer(b bool) answers { return answers{yes: b, no: !b} }

func (a answers) truth() filter.Truth {
	switch a {
	case answer(true):
		return filter.True
	case answer(false):
		return filter.False
	}
	return filter.Unknown
}

// join collects op(x, y) for every possible x of a and y of b.
func join(a, b answers, op func(x, y bool) bool) answers {
	var out answers
	for _, x := range []bool{false, true} {
		for _, y := range []bool{false, true} {
			if (x && a.yes || !x && a.no) && (y && b.yes || !y && b.no) {
				out = answers{out.yes || op(x, y), out.no || !op(x, y)}
			}
		}
	}
	return out
}

func oracle(f filter.Expr, m filter.Metadata) answers {
	switch f := f.(type) {
	case filter.And:
		out := answer(true)
		for _, c := range f {
			out = join(out, oracle(c, m), func(x, y bool) bool { return x && y })
		}
		return out
	case filter.Or:
		out := answer(false)
		for _, c := range f {
			out = join(out, oracle(c, m), func(x, y bool) bool { return x || y })
		}
		return out
	case filter.Not:
		a := oracle(f.Filter, m)
		return answers{yes: a.no, no: a.yes}
	case filter.Exists:
		_, ok := m[f.Field]
		return answer(ok)
	case filter.In:
		var eqs filter.Or
		for _, v := range f.Values {
			eqs = append(eqs, filter.Compare{Field: f.Field, Op: filter.Eq, Value: v})
		}
		return oracle(eqs, m)
	case filter.Compare:
		if f.Op == filter.Ne {
			return oracle(filter.Not{Filter: filter.Compare{Field: f.Field, Op: filter.Eq, Value: f.Value}}, m)
		}
		return ofElements(m, f.Field, f.Value, func(e any) bool {
			return strings.Contains(map[filter.Op]string{
				filter.Eq: "0", filter.Lt: "-", filter.Le: "-0", filter.Gt: "+", filter.Ge: "0+",
			}[f.Op], sign(e, plain(f.Value)))
		})
	case filter.Range:
		end := f.Low
		if end.Kind() == filter.KindInvalid {
			end = f.High
		}
		return ofElements(m, f.Field, end, func(e any) bool {
			return (f.Low.Kind() == filter.KindInvalid || sign(e, plain(f.Low)) != "-") &&
				(f.High.Kind() == filter.KindInvalid || sign(e, plain(f.High)) != "+")
		})
	case filter.Prefix:
		return ofElements(m, f.Field, filter.String(""), func(e any) bool {
			s := e.(string)
			return len(s) >= len(f.Prefix) && s[:len(f.Prefix)] == f.Prefix
		})
	}
	panic(fmt.Sprintf("no oracle for %T", f))
}

// ofElements tests whether test is true of an element of the field. An element of
// another type than operand leaves every answer possible.
func ofElements(m filter.Metadata, field string, operand filter.Value, test func(any) bool) answers {
	v, ok := m[field]
	if !ok {
		return anyAnswer
	}
	elements := []any{plain(v)}
	typ := fmt.Sprintf("%T", plain(v))
	if list, ok := v.AsStrings(); ok {
		elements, typ = nil, "string"
		for _, s := range list {
			elements = append(elements, s)
		}
	}
	if typ != fmt.Sprintf("%T", plain(operand)) {
		return anyAnswer
	}
	for _, e := range elements {
		if test(e) {
			return answer(true)
		}
	}
	return answer(false)
}

// plain returns the string, *big.Rat, bool, time.Time or []string that v holds.
func plain(v filter.Value) any {
	if s, ok := v.AsString(); ok {
		return s
	}
	if i, ok := v.AsInt(); ok {
		return new(big.Rat).SetInt64(i)
	}
	if f, ok := v.AsFloat(); ok {
		return new(big.Rat).SetFloat64(f)
	}
	if b, ok := v.AsBool(); ok {
		return b
	}
	if t, ok := v.AsTime(); ok {
		return t
	}
	list, _ := v.AsStrings()
	return list
}

// sign compares two plain values of the same type: "-", "0" or "+".
func sign(a, b any) string {
	var c int
	switch a := a.(type) {
	case string:
		c = bytes.Compare([]byte(a), []byte(b.(string)))
	case *big.Rat:
		c = a.Cmp(b.(*big.Rat))
	case time.Time:
		c = int(a.Sub(b.(time.Time)))
	case bool:
		if a != b.(bool) {
			c = 1
		}
	}
	switch {
	case c < 0:
		return "-"
	case c > 0:
		return "+"
	}
	return "0"
}

// Few values, so that they often coincide, and those where arithmetic could fail.
var (
	instants = []time.Time{
		time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2020, 1, 1, 0, 0, 0, 1, time.UTC),
		time.Date(2020, 1, 1, 1, 0, 0, 0, time.FixedZone("", 3600)), // the first again
	}
	numbers = []filter.Value{
		filter.Int(0), filter.Int(1), filter.Int(-1), filter.Float(-0.5), filter.Float(0.5), filter.Float(1),
		filter.Int(1 << 53), filter.Int(1<<53 + 1), filter.Float(1 << 53),
		filter.Int(math.MaxInt64), filter.Int(math.MinInt64), filter.Float(1 << 63), filter.Float(-1 << 63),
		filter.Float(math.MaxFloat64), filter.Float(-math.MaxFloat64), filter.Float(math.SmallestNonzeroFloat64),
	}
	words = []string{"", "a", "ab", "b", "B", "\u00e9"}
)

func drawOrdered(t *rapid.T) filter.Value {
	return drawOrderedOf(t, rapid.IntRange(0, 2).Draw(t, "kind"))
}

func drawOrderedOf(t *rapid.T, kind int) filter.Value {
	switch kind {
	case 0:
		return filter.String(rapid.SampledFrom(words).Draw(t, "string"))
	case 1:
		return rapid.SampledFrom(numbers).Draw(t, "number")
	default:
		return filter.Time(rapid.SampledFrom(instants).Draw(t, "time"))
	}
}

func drawOperand(t *rapid.T) filter.Value {
	if rapid.IntRange(0, 4).Draw(t, "bool or not") == 0 {
		return filter.Bool(rapid.Bool().Draw(t, "bool"))
	}
	return drawOrdered(t)
}

var metadataGen = rapid.Custom(func(t *rapid.T) filter.Metadata {
	m := filter.Metadata{}
	for _, field := range fields {
		switch rapid.IntRange(0, 3).Draw(t, "field") {
		case 0: // left out
		case 1:
			m[field] = filter.Strings(rapid.SliceOfN(rapid.SampledFrom(words), 0, 3).Draw(t, "list")...)
		default:
			m[field] = drawOperand(t)
		}
	}
	return m
})

var fields = []string{"x", "y", "and"}

func drawField(t *rapid.T) string { return rapid.SampledFrom(fields).Draw(t, "field") }

// drawFilter draws a well-formed filter at most depth deep, whose leaves come
// from leaf.
func drawFilter(t *rapid.T, depth int, leaf func(*rapid.T) filter.Expr) filter.Expr {
	shape := rapid.IntRange(0, 5).Draw(t, "shape")
	if depth <= 1 || shape > 2 {
		return leaf(t)
	}
	if shape == 0 {
		return filter.Not{Filter: drawFilter(t, depth-1, leaf)}
	}
	list := make([]filter.Expr, rapid.IntRange(0, 3).Draw(t, "children"))
	for i := range list {
		list[i] = drawFilter(t, depth-1, leaf)
	}
	if shape == 1 {
		return filter.And(list)
	}
	return filter.Or(list)
}

func drawLeaf(t *rapid.T) filter.Expr {
	field := drawField(t)
	switch rapid.IntRange(0, 5).Draw(t, "leaf") {
	case 0:
		return filter.Exists{Field: field}
	case 1:
		return filter.Prefix{Field: field, Prefix: rapid.SampledFrom(words).Draw(t, "prefix")}
	case 2:
		return filter.In{Field: field, Values: rapid.SliceOfN(rapid.Custom(drawOperand), 1, 3).Draw(t, "values")}
	case 3:
		kind := rapid.IntRange(0, 2).Draw(t, "kind")
		r := filter.Range{Field: field, Low: drawOrderedOf(t, kind), High: drawOrderedOf(t, kind)}
		switch rapid.IntRange(0, 3).Draw(t, "open") {
		case 0:
			r.Low = filter.Value{}
		case 1:
			r.High = filter.Value{}
		}
		return r
	case 4:
		op := rapid.SampledFrom([]filter.Op{filter.Eq, filter.Ne}).Draw(t, "op")
		return filter.Compare{Field: field, Op: op, Value: drawOperand(t)}
	default:
		op := rapid.SampledFrom([]filter.Op{filter.Lt, filter.Le, filter.Gt, filter.Ge}).Draw(t, "op")
		return filter.Compare{Field: field, Op: op, Value: drawOrdered(t)}
	}
}
