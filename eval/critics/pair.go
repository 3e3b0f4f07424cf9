package critics

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Pair is an input of a critic with the right tokens.
type Pair struct {
	ID string `json:"id"`
	// Cluster names a set of dependent pairs, such as those made of one question. Intervals
	// draw whole clusters. Pairs with an empty Cluster and the same Question are one
	// cluster.
	Cluster  string             `json:"cluster,omitempty"`
	Question string             `json:"question"`
	Passage  generator.Evidence `json:"passage,omitzero"`
	// Text is the answer, or a segment of it.
	Text string `json:"text,omitempty"`
	// Expect holds the right token of each group for which the pair is labeled.
	Expect map[reflection.Group]reflection.Token `json:"expect"`
}

// Check returns an error that says what is missing in the pair. IsREL needs a passage, IsSUP a
// passage and a text, IsUSE a text. Retrieve is the decision before an answer begins, so
// that [Continue to Use Evidence] cannot be expected.
func (p Pair) Check() error {
	switch {
	case blank(p.ID):
		return errors.New(`"id" is missing or blank`)
	case blank(p.Question):
		return errors.New(`"question" is missing or blank`)
	case len(p.Expect) == 0:
		return errors.New(`"expect" is missing or empty: want a token of at least one group`)
	case blank(p.Passage.Text) && p.Passage.Text+p.Passage.Title != "":
		return errors.New(`"passage" has no "text"`)
	case blank(p.Text) && p.Text != "":
		return errors.New(`"text" is blank: leave it out`)
	}
	for g, t := range p.Expect {
		if g.Size() == 0 {
			return fmt.Errorf(`"expect" holds the group %q: want Retrieve, IsREL, IsSUP or IsUSE`, g)
		}
		if t.Group() != g || t == reflection.ContinueEvidence {
			return fmt.Errorf(`"expect" holds %q for %v: want one of %q`, t, g, labelsOf(g))
		}
		if (g == reflection.IsREL || g == reflection.IsSUP) && p.Passage.Text == "" {
			return fmt.Errorf(`"passage" is missing: %v is about one`, g)
		}
		if (g == reflection.IsSUP || g == reflection.IsUSE) && p.Text == "" {
			return fmt.Errorf(`"text" is missing: %v is about one`, g)
		}
	}
	return nil
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// cluster returns a name that no other cluster has.
func (p Pair) cluster() string {
	if p.Cluster != "" {
		return "cluster " + p.Cluster
	}
	return "question " + p.Question
}

// labelsOf returns the tokens of g between which a critic decides here.
func labelsOf(g reflection.Group) []reflection.Token {
	if g == reflection.Retrieve {
		return []reflection.Token{reflection.NoRetrieval, reflection.Retrieval}
	}
	return g.Tokens()
}

// Read reads pairs from a stream of JSON lines, each with an id of its own. Errors call
// the stream name:
//
//	{"id": "1", "question": "Who built it?", "passage": {"title": "Lighthouse", "text": "Ada Kerr built it."},
//	 "text": "Ada Kerr did.", "expect": {"IsREL": "[Relevant]", "IsSUP": "[Fully supported]"}}
//
// on one line. A pair may have a cluster, too. Groups and tokens are spelled as in the
// paper. An error in a line is a *dataset.LineError.
func Read(r io.Reader, name string) ([]Pair, error) {
	ids := map[string]bool{}
	return dataset.Read(r, name, func(p *Pair) error {
		if err := p.Check(); err != nil {
			return err
		}
		return unique(ids, p.ID)
	})
}

func unique(ids map[string]bool, id string) error {
	if ids[id] {
		return fmt.Errorf("the id %q is that of an earlier line", id)
	}
	ids[id] = true
	return nil
}
