package compare

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/questionset"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
)

// document is a text that is cut into chunks, with the places of the passages that it
// is made of.
type document struct {
	title, text string
	passages    []place
}

// place is the place of a passage in its document, in bytes.
type place struct {
	id         string
	start, end int
}

// documents makes a document of each passage or, if join is set, of all passages with
// the same title, in their order, with a blank line between them. A passage without a
// title stays alone.
func documents(passages []retriever.Passage, join bool) []document {
	var list []document
	var texts []*strings.Builder
	at := map[string]int{} // by title
	for _, p := range passages {
		i, known := at[p.Title]
		if !join || !known || p.Title == "" {
			i = len(list)
			list = append(list, document{title: p.Title})
			texts = append(texts, new(strings.Builder))
			at[p.Title] = i
		}
		t := texts[i]
		if t.Len() > 0 {
			t.WriteString("\n\n")
		}
		start := t.Len()
		t.WriteString(p.Text)
		list[i].passages = append(list[i].passages, place{p.ID, start, t.Len()})
	}
	for i := range list {
		list[i].text = texts[i].String()
	}
	return list
}

// chunks is documents cut into pieces of so many words.
type chunks struct {
	passages []retriever.Passage
	// of holds, for each chunk, the passages that it shares at least a byte with, in the
	// order of the document.
	of map[string][]string
}

// split cuts documents into blocks of size words. Each block repeats overlap words of the
// one before, and the last of a document may be shorter. A chunk has the title of its
// document, and Source gives its place in it.
func split(documents []document, size, overlap int) (chunks, error) {
	c := chunks{of: map[string][]string{}}
	for n, d := range documents {
		spans, err := ingest.Split{Size: size, Overlap: overlap, Whole: ingest.WholeWords}.Text(d.text)
		if err != nil {
			return c, err
		}
		near := d.passages // those that do not end in front of the chunk
		for i, s := range spans {
			p := retriever.Passage{
				ID: fmt.Sprintf("%d#%d", n+1, i+1), Title: d.title, Text: d.text[s.Start:s.End],
				Source: retriever.Source{Start: s.Start, End: s.End},
			}
			c.passages = append(c.passages, p)
			for len(near) > 0 && near[0].end <= s.Start {
				near = near[1:]
			}
			for _, q := range near {
				if q.start >= s.End {
					break
				}
				c.of[p.ID] = append(c.of[p.ID], q.id)
			}
		}
	}
	return c, nil
}

// ranking names the item at each place of hits: a positive passage of the question that
// shares at least a byte with the chunk, or else the chunk itself. Each positive passage
// is named once, at its first chunk. If a chunk overlaps several, it is the first in the
// order of positive that is not named yet. So a second chunk of the same passage takes up
// a place and counts for nothing.
func (c chunks) ranking(positive []string, hits []retriever.Hit) []string {
	ranked := make([]string, len(hits))
	counted := map[string]bool{}
	for i, h := range hits {
		ranked[i] = "chunk " + h.Passage.ID
		for slices.Contains(positive, ranked[i]) { // a passage of that name is another thing
			ranked[i] += " again"
		}
		for _, id := range positive {
			if !counted[id] && slices.Contains(c.of[h.Passage.ID], id) {
				ranked[i], counted[id] = id, true
				break
			}
		}
	}
	return ranked
}

// firstWords returns the first n words of the texts of hits, a line break between texts,
// unchanged. Words are those by which package ingest cuts.
func firstWords(hits []retriever.Hit, n int) string {
	var b strings.Builder
	for _, h := range hits {
		end := 0
		for s := range analysis.Pieces(h.Passage.Text) {
			if n == 0 {
				break
			}
			n--
			end = s.End
		}
		b.WriteString(h.Passage.Text[:end] + "\n")
		if n == 0 {
			break
		}
	}
	return b.String()
}

// sweepSubjects returns every pipeline over the chunks of every size. All are asked for
// the same number of hits. It is large enough to fill the words in which an answer counts
// with half-full chunks of the smallest size.
func (c config) sweepSubjects(set *questionset.Set, k int) ([]subject, int, error) {
	passages := slices.Clone(set.Passages)
	for i := range passages {
		passages[i].ID = set.Name(passages[i].ID)
	}
	docs := documents(passages, c.join == "title")
	k = max(k, 2*c.words/c.sweep[0]+1)
	var list []subject
	for _, size := range c.sweep {
		cut, err := split(docs, size, c.overlap)
		if err != nil {
			return nil, 0, fmt.Errorf("-sweep: %w", err)
		}
		corpus := pipeline.NewCorpus(c.env, cut.passages)
		for _, p := range c.pipelines {
			list = append(list, subject{
				Named: p, words: size, passages: len(cut.passages),
				build: func(ctx context.Context) (retriever.Retriever, error) { return corpus.Build(ctx, p.Pipeline) },
				judge: func(q dataset.Question, hits []retriever.Hit) ([]string, bool) {
					return cut.ranking(q.Positive, hits), metric.MatchFold(firstWords(hits, c.words), q.Answers)
				},
			})
		}
	}
	return list, k, nil
}
