package clean

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/retriever"
)

// ErrOptions is wrapped by the error about an option out of its range.
var ErrOptions = errors.New("clean: bad options")

// Options says what is dropped. The zero value drops duplicates only.
type Options struct {
	// Letters is the least share of letters, marks and numbers among the characters
	// of a text that are not white space, from 0 to 1. A passage with less is
	// garbage: a line of dashes, a bar chart in characters, a damaged file.
	Letters float64
	// Boilerplate is the number of documents, at least 2, from which on a line that
	// stands in as many is boilerplate. A passage is dropped if half of its words
	// or more are in such lines. 0 drops none. A document is what the metadata
	// "path" of package ingest names; a passage without it is one by itself.
	Boilerplate int
	// NearDuplicate is the similarity, from 0.5 to 1, from which on a passage is
	// dropped for one before it that is kept; 0 drops none. It is the Jaccard
	// similarity of the sets of three successive words of title and text, without
	// case and punctuation. Similar pairs are looked for by MinHash (Broder, "On the
	// resemblance and containment of documents", 1997) with 20 bands of 5 values,
	// and then measured exactly: nothing less similar is dropped, and of the pairs
	// of similarity s a share of (1 − s⁵)²⁰ is overlooked: 0.0004 at 0.8, 0.03 at
	// 0.7, 0.53 at 0.5.
	NearDuplicate float64
}

func (o Options) check() error {
	switch {
	case !(o.Letters >= 0 && o.Letters <= 1):
		return fmt.Errorf("%w: Letters is %v: want 0 to 1", ErrOptions, o.Letters)
	case o.Boilerplate < 0 || o.Boilerplate == 1:
		return fmt.Errorf("%w: Boilerplate is %d: want at least 2 documents, or 0 to drop none", ErrOptions, o.Boilerplate)
	case o.NearDuplicate != 0 && !(o.NearDuplicate >= 0.5 && o.NearDuplicate <= 1):
		return fmt.Errorf("%w: NearDuplicate is %v: want 0.5 to 1, or 0 to drop none", ErrOptions, o.NearDuplicate)
	}
	return nil
}

// Reason is why a passage was dropped.
type Reason string

// The reasons, in the order in which they are looked for.
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
	// Of is the ID of the passage that is kept for it, if the reason is Duplicate or
	// NearDuplicate.
	Of string `json:"of,omitempty"`
	// Value is what was compared with the option: the share of letters, the share of
	// words in lines of boilerplate, or the similarity; 1 for a duplicate.
	Value float64 `json:"value"`
}

// Report says what was dropped.
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

// Passages returns the passages that are worth keeping, in their order, and a report
// about the others. The first of several that say the same is kept. The error wraps
// ErrOptions or, when ctx is done, ctx.Err(); then nothing is returned.
//
// Beside the passages it takes some 150 bytes for each, and 1 kB more with
// NearDuplicate.
func Passages(ctx context.Context, passages []retriever.Passage, o Options) ([]retriever.Passage, Report, error) {
	if err := o.check(); err != nil {
		return nil, Report{}, err
	}
	lines, err := commonLines(ctx, passages, o.Boilerplate)
	if err != nil {
		return nil, Report{}, err
	}
	var kept []retriever.Passage
	var report Report
	first := map[[16]byte]int{} // the place in kept of a text, by its hash
	near := newFinder()
	for _, p := range passages {
		if err := ctx.Err(); err != nil {
			return nil, Report{}, fmt.Errorf("clean: %w", err)
		}
		d := Drop{ID: p.ID, Source: p.Source}
		key := keyOf(p)
		if share := letters(p.Text); share < o.Letters {
			d.Reason, d.Value = Garbage, share
		} else if share := lines.share(p.Text); o.Boilerplate > 0 && share >= 0.5 {
			d.Reason, d.Value = Boilerplate, share
		} else if i, ok := first[key]; ok {
			d.Reason, d.Of, d.Value = Duplicate, kept[i].ID, 1
		} else if o.NearDuplicate > 0 {
			if i, s := near.find(kept, p, o.NearDuplicate); i >= 0 {
				d.Reason, d.Of, d.Value = NearDuplicate, kept[i].ID, s
			}
		}
		if d.Reason != "" {
			report.Drops = append(report.Drops, d)
			continue
		}
		first[key] = len(kept)
		kept = append(kept, p)
	}
	report.Kept = len(kept)
	return kept, report, nil
}

// fold brings a text into the form in which equal texts are equal.
func fold(text string) string { return strings.Join(strings.Fields(norm.NFC.String(text)), " ") }

func keyOf(p retriever.Passage) [16]byte {
	sum := sha256.Sum256([]byte(fold(p.Title) + "\n" + fold(p.Text)))
	return [16]byte(sum[:16])
}

// letters returns the share of letters, marks and numbers, 0 of no text.
func letters(text string) float64 {
	good, all := 0, 0
	for _, r := range text {
		if unicode.IsSpace(r) {
			continue
		}
		all++
		if unicode.In(r, unicode.L, unicode.M, unicode.N) {
			good++
		}
	}
	return float64(good) / float64(max(all, 1))
}

// lineSet holds the hashes of lines.
type lineSet map[[16]byte]bool

// commonLines returns the lines that stand in at least min documents.
func commonLines(ctx context.Context, passages []retriever.Passage, min int) (lineSet, error) {
	if min == 0 {
		return nil, nil
	}
	type seen struct {
		documents int
		last      string
	}
	counts := map[[16]byte]seen{}
	for _, p := range passages {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("clean: %w", err)
		}
		document, ok := p.Metadata["path"].AsString()
		if !ok {
			document = "\x00" + p.ID // no path
		}
		for line := range strings.Lines(p.Text) {
			key := lineKey(line)
			if s, ok := counts[key]; !ok || s.last != document {
				counts[key] = seen{s.documents + 1, document}
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

func lineKey(line string) [16]byte {
	sum := sha256.Sum256([]byte(fold(line)))
	return [16]byte(sum[:16])
}

// share returns the share of the words of text that are in lines of the set.
func (s lineSet) share(text string) float64 {
	if len(s) == 0 {
		return 0
	}
	common, all := 0, 0
	for line := range strings.Lines(text) {
		n := sentence.Count(line)
		all += n
		if s[lineKey(line)] {
			common += n
		}
	}
	return float64(common) / float64(max(all, 1))
}
