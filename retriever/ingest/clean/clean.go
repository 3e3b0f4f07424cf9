package clean

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/retriever"
)

// ErrOption is wrapped by the error about an option out of its range.
var ErrOption = errors.New("clean: bad options")

// Options says what is dropped. The zero value drops duplicates only.
type Options struct {
	// Letters is the least share of letters, marks and numbers among the characters
	// of a text that are not white space, from 0 to 1. A passage with less is
	// garbage: a line of dashes, a bar chart in characters, a damaged file. 0 drops
	// none.
	Letters float64
	// Boilerplate is a number of documents, at least 2. A line that occurs in that many
	// documents or more is boilerplate. A passage is dropped if half of its words
	// or more are in such lines. 0 drops none. Passages with the same metadata "path",
	// as package ingest sets it, are one document; a passage without it is a document of its own.
	Boilerplate int
	// NearDuplicate is a similarity from 0.5 to 1. A passage at least as similar to an
	// earlier kept one is dropped; 0 drops none. It is the Jaccard similarity of the
	// sets of three successive words of title and text, without case and punctuation.
	//
	// Similar pairs are searched by MinHash (Broder, "On the resemblance and
	// containment of documents", 1997) with 20 bands of 5 values, and then measured
	// exactly. So no less similar passage is dropped. Of the pairs of similarity s a
	// share of (1 − s⁵)²⁰ is missed: 0.0004 at 0.8, 0.03 at 0.7, 0.53 at 0.5.
	//
	// Each passage is compared with at most 1,600 others, so that many passages of one
	// template do not take quadratic time. If more than a few dozen passages are
	// similar, but below the limit, more of the pairs just above it are missed.
	NearDuplicate float64
}

func (o Options) check() error {
	switch {
	case !(o.Letters >= 0 && o.Letters <= 1):
		return fmt.Errorf("%w: Letters is %v: want 0 to 1", ErrOption, o.Letters)
	case o.Boilerplate < 0 || o.Boilerplate == 1:
		return fmt.Errorf("%w: Boilerplate is %d: want at least 2 documents, or 0 to drop none", ErrOption, o.Boilerplate)
	case o.NearDuplicate != 0 && !(o.NearDuplicate >= 0.5 && o.NearDuplicate <= 1):
		return fmt.Errorf("%w: NearDuplicate is %v: want 0.5 to 1, or 0 to drop none", ErrOption, o.NearDuplicate)
	}
	return nil
}

// Reason is why a passage was dropped.
type Reason string

// The reasons, in the order in which they are checked.
const (
	Garbage       Reason = "garbage"
	Boilerplate   Reason = "boilerplate"
	Duplicate     Reason = "duplicate" // title and text are the same but for white space and Unicode form
	NearDuplicate Reason = "near-duplicate"
)

// Drop says that a passage was dropped.
type Drop struct {
	ID     string           `json:"id"`
	Source retriever.Source `json:"source,omitzero"`
	Reason Reason           `json:"reason"`
	// Of is the ID of the passage that is kept instead, if the reason is Duplicate or
	// NearDuplicate.
	Of string `json:"of,omitempty"`
	// Value is the value compared with the option: the share of letters, the share of
	// words in lines of boilerplate, or the similarity; 1 for a duplicate.
	Value float64 `json:"value"`
}

// Report lists the dropped passages.
type Report struct {
	Kept  int    `json:"kept"`
	Drops []Drop `json:"drops"` // in the order of the passages
}

// Count returns how many passages were dropped for a reason.
func (r Report) Count(reason Reason) int {
	n := 0
	for _, d := range r.Drops {
		if d.Reason == reason {
			n++
		}
	}
	return n
}

// String returns the counts on one line.
func (r Report) String() string {
	return fmt.Sprintf("%d kept, dropped: %d garbage, %d boilerplate, %d duplicates, %d near-duplicates",
		r.Kept, r.Count(Garbage), r.Count(Boilerplate), r.Count(Duplicate), r.Count(NearDuplicate))
}

// Passages returns the passages to keep, in their order, and a report about the others. Of
// duplicates the first is kept. The error wraps ErrOption or, when ctx is done, ctx.Err();
// then nothing is returned.
//
// A child that package ingest cut from another of the passages, its parent, is kept or
// dropped with that, for the same reason. Searches find a parent by its children, so
// children with equal texts are kept if their parents are.
//
// Besides the passages it takes about 150 bytes for each. With NearDuplicate it takes 1 kB
// more for each, and 8 bytes for each word of passages that resemble another.
func Passages(ctx context.Context, passages []retriever.Passage, o Options) ([]retriever.Passage, Report, error) {
	if err := o.check(); err != nil {
		return nil, Report{}, err
	}
	parents := parentsOf(passages)
	drops, err := dropReasons(ctx, passages, parents, o)
	if err != nil {
		return nil, Report{}, fmt.Errorf("clean: %w", err)
	}
	var kept []retriever.Passage
	var report Report
	for i, p := range passages {
		judged := i
		if parent, ok := parents[i]; ok {
			judged = parent
		}
		if d, ok := drops[judged]; ok {
			d.ID, d.Source = p.ID, p.Source
			report.Drops = append(report.Drops, d)
			continue
		}
		kept = append(kept, p)
	}
	report.Kept = len(kept)
	return kept, report, nil
}

// parentsOf returns, by the index of each child, the index of its parent, if that is
// among the passages. A child's ID is that of its parent, a full stop and a number:
// records may have metadata of that name for something else.
func parentsOf(passages []retriever.Passage) map[int]int {
	children := map[int]string{}
	for i, p := range passages {
		if id, ok := p.Metadata["parent"].AsString(); ok && strings.HasPrefix(p.ID, id+".") {
			children[i] = id
		}
	}
	if len(children) == 0 {
		return nil
	}
	byID := map[string]int{}
	for i, p := range passages {
		if _, ok := children[i]; !ok {
			byID[p.ID] = i
		}
	}
	parents := map[int]int{}
	for i, id := range children {
		if k, ok := byID[id]; ok {
			parents[i] = k
		}
	}
	return parents
}

// dropReasons returns why passages are dropped, by their index; children are left out. The
// error is ctx.Err().
func dropReasons(ctx context.Context, passages []retriever.Passage, parents map[int]int, o Options) (map[int]Drop, error) {
	lines, err := commonLines(ctx, passages, parents, o.Boilerplate)
	if err != nil {
		return nil, err
	}
	drops := map[int]Drop{}
	first := map[[16]byte]int{} // the first passage with a text, by its hash
	near := newFinder(passages)
	for i, p := range passages {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, ok := parents[i]; ok {
			continue
		}
		key := digest(analysis.Fold(p.Title) + "\n" + analysis.Fold(p.Text))
		if share := analysis.LetterShare(p.Text); share < o.Letters {
			drops[i] = Drop{Reason: Garbage, Value: share}
			continue
		}
		if share := lines.share(p.Text); o.Boilerplate > 0 && share >= 0.5 {
			drops[i] = Drop{Reason: Boilerplate, Value: share}
			continue
		}
		if k, ok := first[key]; ok {
			drops[i] = Drop{Reason: Duplicate, Of: passages[k].ID, Value: 1}
			continue
		}
		if o.NearDuplicate > 0 {
			k, s, err := near.findOrAdd(ctx, i, o.NearDuplicate)
			if err != nil {
				return nil, err
			}
			if k >= 0 {
				drops[i] = Drop{Reason: NearDuplicate, Of: passages[k].ID, Value: s}
				continue
			}
		}
		first[key] = i
	}
	return drops, nil
}

// digest returns a hash of text, by which texts are compared.
func digest(text string) [16]byte {
	sum := sha256.Sum256([]byte(text))
	return [16]byte(sum[:16])
}

// lineSet holds the hashes of lines.
type lineSet map[[16]byte]bool

// commonLines returns the lines that occur in at least min documents. The error is
// ctx.Err().
func commonLines(ctx context.Context, passages []retriever.Passage, parents map[int]int, min int) (lineSet, error) {
	if min == 0 {
		return nil, nil
	}
	// Go document by document: then remembering the last document with a line is enough
	// to count each document once.
	var documents [][]int // the indices of their passages
	byPath := map[string]int{}
	for i, p := range passages {
		if _, ok := parents[i]; ok {
			continue // its lines are those of its parent, or parts of them
		}
		path, named := p.Metadata["path"].AsString()
		n, known := byPath[path]
		if !known || !named {
			n = len(documents)
			documents = append(documents, nil)
		}
		if named {
			byPath[path] = n
		}
		documents[n] = append(documents[n], i)
	}
	type seen struct{ documents, last int }
	counts := map[[16]byte]seen{}
	for n, indices := range documents {
		for _, i := range indices {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			for line := range strings.Lines(passages[i].Text) {
				key := digest(analysis.Fold(line))
				if s, ok := counts[key]; !ok || s.last != n {
					counts[key] = seen{s.documents + 1, n}
				}
			}
		}
	}
	set := lineSet{}
	for key, s := range counts {
		if s.documents >= min {
			set[key] = true
		}
	}
	return set, nil
}

// share returns the share of the words of text that are in lines of the set.
func (s lineSet) share(text string) float64 {
	if len(s) == 0 {
		return 0
	}
	common, all := 0, 0
	for line := range strings.Lines(text) {
		n := analysis.Count(line)
		all += n
		if s[digest(analysis.Fold(line))] {
			common += n
		}
	}
	return float64(common) / float64(max(all, 1))
}
