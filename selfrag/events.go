package selfrag

import "github.com/goselfrag/goselfrag/retriever"

// EventKind says what an [Event] reports.
type EventKind string

// The events of a question, in the order in which they come for one path.
const (
	EventDecision  EventKind = "decision"  // Segment, Parent and Decision are set
	EventPassages  EventKind = "passages"  // Segment, Parent, Query and Passages are set
	EventText      EventKind = "text"      // Node wrote Text, which is in the answer only if its path wins
	EventCandidate EventKind = "candidate" // Node is complete and judged: Candidate is set, not yet scored; a node that lazy evaluation stops has no such event
	EventSegment   EventKind = "segment"   // all of Segment is scored: Candidates holds the kept ones, best path first
	EventDelta     EventKind = "delta"     // Text is the next part of Answer.Text; no other field is set
	EventAnswer    EventKind = "answer"    // Answer is set unless an option is wrong; the last event
)

// Event reports one thing that happened while a question was answered. It is a
// snapshot that never changes: it may be kept and read by other goroutines. What it
// points to is shared with the answer and must not be changed.
type Event struct {
	Kind    EventKind `json:"kind"`
	Segment int       `json:"segment,omitempty"`
	// Parent is the last node of the path that is continued, 0 at the start.
	Parent int `json:"parent,omitempty"`
	// Node is the number of a candidate.
	Node       int             `json:"node,omitempty"`
	Decision   *Decision       `json:"decision,omitempty"`
	Query      string          `json:"query,omitempty"`
	Passages   []retriever.Hit `json:"passages,omitempty"`
	Text       string          `json:"text,omitempty"`
	Candidate  *Candidate      `json:"candidate,omitempty"`
	Candidates []Candidate     `json:"candidates,omitempty"`
	Answer     *Answer         `json:"answer,omitempty"`
}
