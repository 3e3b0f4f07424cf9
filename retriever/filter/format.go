package filter

import "strings"

// Format returns the canonical text of f. Use it to identify a filter in cache keys
// and traces: filters with the same text match the same passages. [Parse] reads it
// back if it is no longer than [MaxText]. The result is f with every And directly
// in an And and every Or directly in an Or flattened, and those of one child
// replaced by the child. Otherwise the order and the number of the parts are those
// of f.
//
// Two texts cannot be read back. A nil f gives the empty text. An f that [Check]
// rejects, which matches nothing, gives the fault in angle brackets.
func Format(f Expr) string {
	if f == nil {
		return ""
	}
	if err := Check(f); err != nil {
		return "<malformed " + err.Error() + ">"
	}
	var b strings.Builder
	writeFilter(&b, normalize(f), bindsOr)
	return b.String()
}

// How strongly the parts of a filter bind.
const (
	bindsOr = iota
	bindsAnd
	bindsNot
)

// writeFilter writes a normalized f, in parentheses if it binds more weakly than
// its place requires.
func writeFilter(b *strings.Builder, f Expr, binds int) {
	switch f := f.(type) {
	case And:
		writeChain(b, f, "true", " and ", bindsAnd, binds)
	case Or:
		writeChain(b, f, "false", " or ", bindsOr, binds)
	case Not:
		b.WriteString("not ")
		writeFilter(b, f.Filter, bindsNot)
	case Compare:
		b.WriteString(formatField(f.Field) + " " + string(f.Op) + " " + f.Value.String())
	case In:
		b.WriteString(formatField(f.Field) + " in (")
		for i, v := range f.Values {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(v.String())
		}
		b.WriteString(")")
	case Range:
		b.WriteString(formatField(f.Field) + " in [")
		if f.Low.kind != KindInvalid {
			b.WriteString(f.Low.String() + " ")
		}
		b.WriteString("..")
		if f.High.kind != KindInvalid {
			b.WriteString(" " + f.High.String())
		}
		b.WriteString("]")
	case Exists:
		b.WriteString("exists(" + formatField(f.Field) + ")")
	case Prefix:
		b.WriteString(formatField(f.Field) + " prefix " + quote(f.Prefix))
	}
}

// writeChain writes an And or an Or of binding own, at a place that requires the
// binding want.
func writeChain(b *strings.Builder, list []Expr, empty, between string, own, want int) {
	if len(list) == 0 {
		b.WriteString(empty)
		return
	}
	if own < want {
		b.WriteString("(")
		defer b.WriteString(")")
	}
	for i, f := range list {
		if i > 0 {
			b.WriteString(between)
		}
		writeFilter(b, f, own+1)
	}
}

// formatField returns a field name in the form that Parse reads.
func formatField(name string) string {
	if leadingWord(name) == name && !reserved[strings.ToLower(name)] {
		return name
	}
	// A name is quoted like a string, but with other marks around it.
	body := quote(name)
	body = body[1 : len(body)-1]
	return "`" + strings.ReplaceAll(body, "`", `\u0060`) + "`"
}

// normalize returns f, which it does not change, without an And directly in an And,
// an Or directly in an Or, and one of them around a single child.
func normalize(f Expr) Expr {
	switch f := f.(type) {
	case And:
		return dissolve(f)
	case Or:
		return dissolve(f)
	case Not:
		return Not{normalize(f.Filter)}
	}
	return f
}

// dissolve normalizes an And or an Or.
func dissolve[List interface {
	And | Or
	Expr
}](f List) Expr {
	list := List{}
	for _, c := range f {
		c = normalize(c)
		if inner, ok := c.(List); ok {
			list = append(list, inner...)
		} else {
			list = append(list, c)
		}
	}
	if len(list) == 1 {
		return list[0]
	}
	return list
}
