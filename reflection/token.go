package reflection

import "fmt"

// Token is one of the fifteen control tokens of Self-RAG. The zero value, None,
// stands for "not a control token".
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

var literals = [tokenCount]string{
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
}

var byLiteral = func() map[string]Token {
	m := make(map[string]Token, tokenCount-1)
	for t := NoRetrieval; t <= NoSupport; t++ {
		m[literals[t]] = t
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
func (t Token) String() string {
	if int(t) >= tokenCount {
		return fmt.Sprintf("Token(%d)", uint8(t))
	}
	return literals[t]
}

// MarshalText writes the literal; None is the empty string.
func (t Token) MarshalText() ([]byte, error) {
	if int(t) >= tokenCount {
		return nil, fmt.Errorf("reflection: no token has the number %d", uint8(t))
	}
	return []byte(literals[t]), nil
}

// UnmarshalText reads what MarshalText writes.
func (t *Token) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*t = None
		return nil
	}
	v, ok := byLiteral[string(b)]
	if !ok {
		return fmt.Errorf("reflection: %q is not a control token", b)
	}
	*t = v
	return nil
}

// Group is a set of tokens of which a model chooses one: a question the model
// answers about its own text.
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
	name   string
	first  Token
	tokens int
}{
	NoGroup:  {"", None, 0},
	Retrieve: {"Retrieve", NoRetrieval, 3},
	IsREL:    {"IsREL", Irrelevant, 2},
	IsSUP:    {"IsSUP", FullySupported, 3},
	IsUSE:    {"IsUSE", Utility1, 5},
}

// Groups returns the four groups in the order Retrieve, IsREL, IsSUP, IsUSE.
func Groups() []Group { return []Group{Retrieve, IsREL, IsSUP, IsUSE} }

// Group returns the group t belongs to: NoGroup for None and for the two
// paragraph tokens.
func (t Token) Group() Group {
	for g := Retrieve; g <= IsUSE; g++ {
		if g.index(t) >= 0 {
			return g
		}
	}
	return NoGroup
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
func (g Group) String() string {
	if int(g) >= len(groups) {
		return fmt.Sprintf("Group(%d)", uint8(g))
	}
	return groups[g].name
}

// MarshalText writes the paper's name of the group.
func (g Group) MarshalText() ([]byte, error) {
	if int(g) >= len(groups) {
		return nil, fmt.Errorf("reflection: no group has the number %d", uint8(g))
	}
	return []byte(groups[g].name), nil
}

// UnmarshalText reads what MarshalText writes.
func (g *Group) UnmarshalText(b []byte) error {
	for i := range groups {
		if groups[i].name == string(b) {
			*g = Group(i)
			return nil
		}
	}
	return fmt.Errorf("reflection: %q is not a group: want Retrieve, IsREL, IsSUP or IsUSE", b)
}
