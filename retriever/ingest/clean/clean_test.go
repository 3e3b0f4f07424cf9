package clean

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/ingest"
)

func passage(id, path, title, text string) retriever.Passage {
	p := retriever.Passage{ID: id, Title: title, Text: text}
	if path != "" {
		p.Metadata = filter.Metadata{"path": filter.String(path)}
	}
	return p
}

func TestPassages(t *testing.T) {
	const footer = "All rights reserved by the river company of the north."
	long := "The bridge was opened in 1932 by the mayor, who came by boat because the road was not yet finished, and it has carried both cars and trains ever since."
	var passages []retriever.Passage
	for i, tc := range []struct{ path, title, text string }{
		{"a", "A", long},
		{"a", "A", "---- **** ==== ---- x"},
		{"a", "A", "Short.\n" + footer},
		{"b", "B", "A long line about rivers that is only here, with more words than the other.\n" + footer},
		{"c", "C", footer + "\nYes."},
		{"a", "A", "Twice.\nTwice."},
		{"a", "A", strings.ReplaceAll(long, " ", "\n ")},
		{"a", "Other", "Café."},
		{"b", "Other", "Cafe\u0301."},
		{"b", "Another", "Café."},
		{"b", "A", strings.ToUpper(long) + "!"},
		{"b", "A", strings.Replace(long, "since", "after", 1)},
		{"b", "A", strings.Replace(long, "boat because the road", "ship as the street", 1)},
		{"", "", "东京的桥一九三二年开通，市长坐船前来，因为道路尚未完工。"},
		{"", "", "东京的桥一九三二年开通，市长坐船前来，因为道路尚未完成。"},
	} {
		passages = append(passages, passage(fmt.Sprint(i), tc.path, tc.title, tc.text))
	}
	o := Options{Letters: 0.5, Boilerplate: 3, NearDuplicate: 0.8}
	kept, report, err := Passages(t.Context(), passages, o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range report.Drops {
		got = append(got, fmt.Sprintf("%s %s of %q %.2f", d.ID, d.Reason, d.Of, d.Value))
	}
	want := []string{
		`1 garbage of "" 0.06`, `2 boilerplate of "" 0.91`, `4 boilerplate of "" 0.91`, `6 duplicate of "0" 1.00`,
		`8 duplicate of "7" 1.00`, `10 near-duplicate of "0" 1.00`, `11 near-duplicate of "0" 0.93`, `14 near-duplicate of "13" 0.92`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if report.String() != "7 kept, dropped: 1 garbage, 2 boilerplate, 2 duplicates, 3 near-duplicates" {
		t.Error(report)
	}
	again, second, err := Passages(t.Context(), kept, o)
	if d := cmp.Diff(kept, again); d != "" || err != nil || len(second.Drops) != 0 {
		t.Errorf("cleaned twice: %v %v\n%s", err, second, d)
	}
	all, _, err := Passages(t.Context(), passages, Options{})
	if err != nil || len(all) != len(passages)-2 {
		t.Errorf("the zero value keeps %d of %d, %v", len(all), len(passages), err)
	}
}

// A line is counted once for each document, wherever the document's passages are.
func TestBoilerplateInterleaved(t *testing.T) {
	var passages []retriever.Passage
	for i := range 6 {
		passages = append(passages, passage(fmt.Sprint(i), []string{"a", "b"}[i%2], "", fmt.Sprintf("Line %d.\nIn two documents of two.", i)))
	}
	for min, want := range map[int]int{2: 6, 3: 0} {
		_, report, err := Passages(t.Context(), passages, Options{Boilerplate: min})
		if n := report.Count(Boilerplate); err != nil || n != want {
			t.Errorf("in at least %d documents: %d dropped, want %d, %v", min, n, want, err)
		}
	}
}

// A child goes with its parent, also one that says the same.
func TestFamilies(t *testing.T) {
	docs := fstest.MapFS{
		"a.txt": {Data: []byte("The bridge was opened in 1932.\n\nIt is made of steel. It is long.")},
		"b.txt": {Data: []byte("It is made of steel.  It is long.\n\nIt is made of steel.")},
	}
	docs["a.txt"].Data = append(docs["a.txt"].Data, " ---- ****"...)
	read, err := ingest.FS(t.Context(), docs, ingest.Options{
		Split:    ingest.Split{Unit: ingest.Sentences, Size: 3, Whole: ingest.WholeBlocks},
		Children: &ingest.Split{Unit: ingest.Sentences, Size: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range read.Passages {
		read.Passages[i].Title = "" // so that only texts count
	}
	for _, o := range []Options{{}, {Letters: 0.5}, {Boilerplate: 2}, {NearDuplicate: 0.6}} {
		kept, report, err := Passages(t.Context(), read.Passages, o)
		if err != nil || len(kept)+len(report.Drops) != len(read.Passages) {
			t.Fatalf("%+v: %v, %v", o, report, err)
		}
		parents, children := ingest.Families(kept)
		want := map[string]int{}
		for _, p := range read.Passages {
			if id, ok := p.Metadata["parent"].AsString(); ok {
				want[id]++
			}
		}
		got := map[string]int{}
		for _, c := range children {
			id, _ := c.Metadata["parent"].AsString()
			got[id]++
		}
		for _, p := range parents {
			if got[p.ID] != want[p.ID] {
				t.Errorf("%+v: %d children of %s, want %d", o, got[p.ID], p.ID, want[p.ID])
			}
			delete(got, p.ID)
		}
		if len(got) > 0 {
			t.Errorf("%+v: children without parents: %v", o, got)
		}
	}
}

// A record may have metadata "parent" that has nothing to do with children.
func TestParentOfAnotherKind(t *testing.T) {
	a, b := passage("X-1", "", "", "Same text."), passage("X-2", "", "", "Same text.")
	b.Metadata = filter.Metadata{"parent": filter.String("X-1")}
	if kept, _, err := Passages(t.Context(), []retriever.Passage{a, b}, Options{}); err != nil || len(kept) != 1 {
		t.Errorf("%d kept, %v", len(kept), err)
	}
}

// Many passages of one template are measured against each other, which can be stopped.
func TestTemplate(t *testing.T) {
	words := strings.Fields(strings.Repeat("one two three four five six seven eight nine ten ", 10))
	rng := rand.New(rand.NewPCG(1, 1))
	var passages []retriever.Passage
	for i := range 2000 {
		w := slices.Clone(words)
		for k := range w {
			w[k] += fmt.Sprint(k)
		}
		for range 14 {
			w[rng.IntN(len(w))] = fmt.Sprint("x", rng.Uint32())
		}
		passages = append(passages, passage(fmt.Sprint(i), "", "", strings.Join(w, " ")))
	}
	if _, report, err := Passages(t.Context(), passages, Options{NearDuplicate: 0.9}); err != nil || report.Kept != 2000 {
		t.Errorf("%v, %v", report, err)
	}
	// More looks than there are passages.
	ctx := &patience{t.Context(), 5_000}
	if _, _, err := Passages(ctx, passages, Options{NearDuplicate: 0.9}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// patience is a context that is done when it has been looked at so many times.
type patience struct {
	context.Context
	left int
}

func (p *patience) Err() error {
	if p.left--; p.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestErrors(t *testing.T) {
	for _, o := range []Options{{Letters: -1}, {Letters: 1.1}, {Boilerplate: 1}, {Boilerplate: -1}, {NearDuplicate: 0.4}, {NearDuplicate: 2}} {
		if _, _, err := Passages(t.Context(), nil, o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, o := range []Options{{}, {Boilerplate: 2}} {
		if kept, _, err := Passages(ctx, []retriever.Passage{{ID: "a"}}, o); !errors.Is(err, context.Canceled) || kept != nil {
			t.Errorf("canceled: %v", err)
		}
	}
	if kept, report, err := Passages(t.Context(), nil, Options{NearDuplicate: 1}); err != nil || kept != nil || report.String() != "0 kept, dropped: 0 garbage, 0 boilerplate, 0 duplicates, 0 near-duplicates" {
		t.Errorf("nothing: %v, %v", report, err)
	}
}

// corpus has passages. Half of them are copies of others with some words changed.
func corpus(seed uint64, n int) []retriever.Passage {
	rng := rand.New(rand.NewPCG(seed, 1))
	var out []retriever.Passage
	for i := range n {
		words := make([]string, 60)
		for k := range words {
			words[k] = fmt.Sprintf("w%d", rng.IntN(500))
		}
		if i > 0 && rng.IntN(2) == 0 {
			words = strings.Fields(out[rng.IntN(i)].Text)
			for range rng.IntN(8) {
				words[rng.IntN(len(words))] = fmt.Sprintf("w%d", rng.IntN(500))
			}
		}
		out = append(out, retriever.Passage{ID: fmt.Sprint(i), Text: strings.Join(words, " ")})
	}
	return out
}

// Comparing every pair of sets of strings drops the same passages.
func TestNearDuplicatesBruteForce(t *testing.T) {
	sets := func(text string) map[string]bool {
		w, m := strings.Fields(text), map[string]bool{}
		for i := range len(w) - 2 {
			m[strings.Join(w[i:i+3], " ")] = true
		}
		return m
	}
	for seed := range uint64(4) {
		passages := corpus(seed, 400)
		var want []string
		var kept []map[string]bool
	next:
		for _, p := range passages {
			s := sets(p.Text)
			for _, k := range kept {
				both := 0
				for x := range s {
					if k[x] {
						both++
					}
				}
				if float64(both)/float64(len(s)+len(k)-both) >= 0.75 {
					want = append(want, p.ID)
					continue next
				}
			}
			kept = append(kept, s)
		}
		_, report, err := Passages(t.Context(), passages, Options{NearDuplicate: 0.75})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range report.Drops {
			got = append(got, d.ID)
		}
		if d := cmp.Diff(want, got); d != "" || len(want) < 50 {
			t.Errorf("seed %d, %d to drop (-want +got):\n%s", seed, len(want), d)
		}
	}
}

// Whatever the texts, cleaning twice drops nothing more, and every passage is either
// kept or reported.
func FuzzIdempotent(f *testing.F) {
	f.Add("a b c\nd\n|a b c\nd|x\nd||---|a b c d e f g h|a b c d e f g i", byte(2), 0.5, 0.6)
	f.Fuzz(func(t *testing.T, src string, boilerplate byte, letters, near float64) {
		var passages []retriever.Passage
		for i, text := range strings.Split(src, "|") {
			passages = append(passages, passage(fmt.Sprint(i), strings.Repeat("p", i%5), "", text))
		}
		o := Options{Letters: letters, Boilerplate: int(boilerplate), NearDuplicate: near}
		kept, report, err := Passages(t.Context(), passages, o)
		if err != nil {
			return
		}
		if len(kept)+len(report.Drops) != len(passages) || report.Kept != len(kept) {
			t.Fatalf("%d kept and %d dropped of %d", len(kept), len(report.Drops), len(passages))
		}
		if again, report, err := Passages(t.Context(), kept, o); err != nil || len(again) != len(kept) {
			t.Fatalf("%v, %v", err, report)
		}
	})
}

func BenchmarkPassages(b *testing.B) {
	passages := corpus(1, 2000)
	for name, o := range map[string]Options{"duplicates": {}, "all": {Letters: 0.5, Boilerplate: 3, NearDuplicate: 0.8}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := Passages(b.Context(), passages, o); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(passages)*b.N)/b.Elapsed().Seconds(), "passages/s")
		})
	}
}
