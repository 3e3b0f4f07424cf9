package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func TestFamilies(t *testing.T) {
	src := "# Guide\n\nOne *is* here. Two.\n\n```\na\nb\n```\n\n## B\n\nThree. Four."
	ps, err := Document("g.md", []byte(src), Options{Children: &Split{Unit: Sentences, Size: 1}})
	if err != nil {
		t.Fatal(err)
	}
	parents, children := Families(ps)
	var got []string
	for _, p := range append(parents, children...) {
		got = append(got, fmt.Sprintf("%s|%s|%s|%v", p.ID, p.Title, src[p.Source.Start:p.Source.End], p.Metadata["parent"]))
	}
	want := []string{
		"g.md#1|Guide|One *is* here. Two.\n\n```\na\nb|" + filter.Value{}.String(),
		"g.md#2|Guide > B|Three. Four.|" + filter.Value{}.String(),
		`g.md#1.1|Guide|One *is* here.|"g.md#1"`, `g.md#1.2|Guide|Two.|"g.md#1"`, `g.md#1.3|Guide|a|"g.md#1"`, `g.md#1.4|Guide|b|"g.md#1"`,
		`g.md#2.1|Guide > B|Three.|"g.md#2"`, `g.md#2.2|Guide > B|Four.|"g.md#2"`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	recs := `{"id":"p","text":"One. Two.","n":1}` + "\n" + `{"id":"q","text":"Three.","parent":"other"}`
	ps, bad := read(t, "a.jsonl", recs, Options{Children: &Split{Unit: Sentences, Size: 1}})
	parents, children = Families(ps)
	if len(parents) != 1 || len(children) != 2 || children[1].ID != "p.2" || children[1].Text != "Two." || children[1].Metadata["n"].String() != "1" {
		t.Errorf("records: %+v", ps)
	}
	if len(bad) != 1 || bad[0] != `ingest: a.jsonl:2: bad record: the metadata "parent" is what Options.Children uses: give it another name` {
		t.Errorf("records: %q", bad)
	}
}

// The retriever that returns parents keeps the contract with any children.
func TestGiveParentsContract(t *testing.T) {
	for children := range 4 {
		retrievertest.TestRetriever(t, func(passages []retriever.Passage) (retriever.Retriever, error) {
			var small []retriever.Passage
			for _, p := range passages {
				if children == 0 {
					small = append(small, p) // a passage that is no child
				}
				for k := range children {
					c := p
					c.ID = fmt.Sprintf("%s.%d", p.ID, k)
					c.Metadata = filter.Metadata{"parent": filter.String(p.ID)}
					for key, v := range p.Metadata {
						c.Metadata[key] = v
					}
					small = append(small, c)
				}
			}
			return GiveParents(retrievertest.Overlap(small...), passages)
		})
	}
}

func TestGiveParents(t *testing.T) {
	child := func(parent string, n int) retriever.Passage {
		return retriever.Passage{ID: fmt.Sprintf("%s.%d", parent, n), Text: "river", Metadata: filter.Metadata{"parent": filter.String(parent)}}
	}
	// Nine children of one parent before the only one of the other.
	var children []retriever.Passage
	for n := range 9 {
		children = append(children, child("a", n))
	}
	children = append(children, child("b", 1))
	parents := []retriever.Passage{{ID: "a", Text: "A"}, {ID: "b", Text: "B"}}
	r, err := GiveParents(retriever.List(children...), parents)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Retrieve(t.Context(), retriever.Query{Text: "river", K: 2})
	if err != nil || len(res.Hits) != 2 || res.Hits[0].Passage.Text != "A" || res.Hits[1].Passage.Text != "B" {
		t.Errorf("%v, %+v", err, res)
	}
	// Only children hold for this filter, so no parent may come.
	res, err = r.Retrieve(t.Context(), retriever.Query{K: 2, Filter: filter.Exists{Field: "parent"}})
	if err != nil || len(res.Hits) != 0 {
		t.Errorf("%v, %+v", err, res)
	}
	r, _ = GiveParents(retriever.List(children...), parents[:1])
	if _, err := r.Retrieve(t.Context(), retriever.Query{K: 2}); err == nil || !strings.Contains(err.Error(), `the parent "b" is not among`) {
		t.Errorf("an unknown parent: %v", err)
	}
	for _, none := range []retriever.Retriever{nil, retriever.Func(nil), (*retrievertest.Script)(nil)} {
		if r, err := GiveParents(none, parents); !errors.Is(err, ErrOption) || r != nil {
			t.Errorf("%T: %v", none, err)
		}
	}
	if _, err := GiveParents(r, append(parents, parents...)); !errors.Is(err, ErrOption) {
		t.Errorf("the same parent twice: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Retrieve(ctx, retriever.Query{K: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
