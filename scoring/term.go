package scoring

import "github.com/goselfrag/goselfrag/internal/enum"

// TermKind says how a [Term] was computed. Kinds are ordered from settled to
// unsettled, and a sum has the greatest kind of its terms; therefore it is a
// number.
type TermKind uint8

const (
	KindOff     TermKind = iota // the term is not used; all its numbers are 0
	KindExact                   // computed from probabilities that leave nothing open
	KindAbsent                  // no token of the group came: the configured score
	KindZeroSum                 // every member of the group has probability zero: 0
	KindAssumed                 // Config.MissingLogProb replaced a member
	KindBounded                 // some members are not exact; the value is that of the exact ones
	KindUnknown                 // no exact member, or no judgment; the value is Lo
	KindPending                 // the text is incomplete; the value is Lo
)

var kinds = enum.Numbers[TermKind]{Package: "scoring", What: "kind of term", Names: []string{
	"off", "exact", "absent", "zero-sum", "assumed", "bounded", "unknown", "pending",
}}

// String returns the kind's name, as used in traces.
func (k TermKind) String() string { return kinds.String(k) }

// MarshalText writes what String returns; a number without a name is an error.
func (k TermKind) MarshalText() ([]byte, error) { return kinds.Marshal(k) }

// UnmarshalText reads what MarshalText writes.
func (k *TermKind) UnmarshalText(b []byte) error { return kinds.Unmarshal(b, k) }

// Term is a number and what is known about it. Lo <= Value <= Hi always holds.
type Term struct {
	// Value is used in sums. If nothing is known it is Lo, so that a candidate
	// gains nothing from missing numbers.
	Value float64 `json:"value"`
	// Lo and Hi enclose the true value, and the value that complete information
	// would give. They are equal if nothing is open. Under KindAssumed they equal
	// Value by convention.
	Lo   float64  `json:"lo"`
	Hi   float64  `json:"hi"`
	Kind TermKind `json:"kind"`
}

// Exact reports whether the interval is a single point.
func (t Term) Exact() bool { return t.Lo == t.Hi }

// Interval returns the ends of the term.
func (t Term) Interval() Interval { return Interval{t.Lo, t.Hi} }

// point returns the term of exactly v.
func point(v float64, k TermKind) Term { return Term{Value: v, Lo: v, Hi: v, Kind: k} }

// Interval holds all numbers from Lo to Hi, both included.
type Interval struct {
	Lo float64 `json:"lo"`
	Hi float64 `json:"hi"`
}
