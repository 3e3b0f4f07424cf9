package reflection

import "github.com/goselfrag/goselfrag/internal/enum"

// Token is one of the fifteen control tokens of Self-RAG. The zero value, None,
// means "no control token". It is a number because it is an index into tables that
// are read for every token.
type Token uint8

// The control tokens, in the order in which the published 7B and 13B models
// number them.
const (
	None               Token = iota
	NoRetrieval              // [No Retrieval]
	Retrieval                // [Retrieval]
	ContinueEvidence         // [Continue to Use Evidence]
	Irrelevant               // [Irrelevant]
	Relevant                 // [Relevant]
	ParagraphStart           // <paragraph>
	ParagraphEnd             // </paragraph>
	Utility1                 // [Utility:1]
	Utility2                 // [Utility:2]
	Utility3                 // [Utility:3]
	Utility4                 // [Utility:4]
	Utility5                 // [Utility:5]
	FullySupported           // [Fully supported]
	PartiallySupported       // [Partially supported]
	NoSupport                // [No support / Contradictory]
)

// tokenCount is the number of Token values, None included.
const tokenCount = int(NoSupport) + 1

var literals = enum.Numbers[Token]{Package: "reflection", What: "control token", Names: []string{
	NoRetrieval:        "[No Retrieval]",
	Retrieval:          "[Retrieval]",
	ContinueEvidence:   "[Continue to Use Evidence]",
	Irrelevant:         "[Irrelevant]",
	Relevant:           "[Relevant]",
	ParagraphStart:     "<paragraph>",
	ParagraphEnd:       "</paragraph>",
	Utility1:           "[Utility:1]",
	Utility2:           "[Utility:2]",
	Utility3:           "[Utility:3]",
	Utility4:           "[Utility:4]",
	Utility5:           "[Utility:5]",
	FullySupported:     "[Fully supported]",
	PartiallySupported: "[Partially supported]",
	NoSupport:          "[No support / Contradictory]",
}}

var byLiteral = func() map[string]Token {
	m := make(map[string]Token, tokenCount-1)
	for t := NoRetrieval; t <= NoSupport; t++ {
		m[literals.Names[t]] = t
	}
	return m
}()

// Tokens returns the fifteen control tokens in vocabulary order.
func Tokens() []Token {
	out := make([]Token, 0, tokenCount-1)
	for t := NoRetrieval; t <= NoSupport; t++ {
		out = append(out, t)
	}
	return out
}

// ParseToken returns the token whose literal is exactly s, byte for byte. It
// reports false for anything else, case variants included.
func ParseToken(s string) (Token, bool) {
	t, ok := byLiteral[s]
	return t, ok
}

// String returns the literal on which the published models were trained, and ""
// for None.
func (t Token) String() string { return literals.String(t) }

// MarshalText writes the literal; None is the empty string.
func (t Token) MarshalText() ([]byte, error) { return literals.Marshal(t) }

// UnmarshalText reads what MarshalText writes.
func (t *Token) UnmarshalText(b []byte) error { return literals.Unmarshal(b, t) }

// Group is a set of tokens; a model chooses one of them. It is a question that the model
// answers about its own text. It is a number because it is an index into the
// groups' tables.
type Group uint8

// The four groups of the paper's Table 1.
const (
	NoGroup  Group = iota
	Retrieve       // whether to fetch passages before the next segment
	IsREL          // whether a passage is relevant to the question
	IsSUP          // how far a passage supports the segment
	IsUSE          // how useful the answer is, 1 to 5
)

// MaxGroupSize is the number of tokens in the largest group, IsUSE.
const MaxGroupSize = 5

var groups = [...]struct {
	first  Token
	tokens int
}{
	NoGroup:  {None, 0},
	Retrieve: {NoRetrieval, 3},
	IsREL:    {Irrelevant, 2},
	IsSUP:    {FullySupported, 3},
	IsUSE:    {Utility1, 5},
}

var groupNames = enum.Numbers[Group]{Package: "reflection", What: "group", Names: []string{"", "Retrieve", "IsREL", "IsSUP", "IsUSE"}}

// Groups returns the four groups in the order Retrieve, IsREL, IsSUP, IsUSE.
func Groups() []Group { return []Group{Retrieve, IsREL, IsSUP, IsUSE} }

// groupOf holds the group of each token.
var groupOf = func() (of [tokenCount]Group) {
	for g := Retrieve; g <= IsUSE; g++ {
		for _, t := range g.Tokens() {
			of[t] = g
		}
	}
	return of
}()

// Group returns the group t belongs to: NoGroup for None and for the two
// paragraph tokens.
func (t Token) Group() Group {
	if int(t) >= tokenCount {
		return NoGroup
	}
	return groupOf[t]
}

// Tokens returns the tokens of g in vocabulary order; sums over a group are
// taken in this order.
func (g Group) Tokens() []Token {
	n := g.Size()
	out := make([]Token, n)
	for i := range out {
		out[i] = groups[g].first + Token(i)
	}
	return out
}

// Size returns the number of tokens in g; 0 for NoGroup.
func (g Group) Size() int {
	if int(g) >= len(groups) {
		return 0
	}
	return groups[g].tokens
}

// index returns the place of t in g.Tokens(), or -1.
func (g Group) index(t Token) int {
	if int(g) >= len(groups) || t < groups[g].first || int(t) >= int(groups[g].first)+groups[g].tokens {
		return -1
	}
	return int(t - groups[g].first)
}

// String returns the paper's name of the group.
func (g Group) String() string { return groupNames.String(g) }

// MarshalText writes the paper's name of the group.
func (g Group) MarshalText() ([]byte, error) { return groupNames.Marshal(g) }

// UnmarshalText reads what MarshalText writes.
func (g *Group) UnmarshalText(b []byte) error { return groupNames.Unmarshal(b, g) }
