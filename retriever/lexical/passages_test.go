package lexical

import (
	"encoding/binary"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/internal/blockfile"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical/internal/segment"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// No field of a passage is lost, also in files of version 1, which had no pages.
func TestWholePassages(t *testing.T) {
	first, second := retrievertest.Whole(), retrievertest.Whole()
	first.ID, first.Text, second.Text = "first", "bol", "bol dak"
	for _, old := range []bool{false, true} {
		ix, err := New(t.Context(), []retriever.Passage{first, second}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := ix.Save(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		want := []retriever.Passage{first, second}
		if old {
			toVersion1(t, segmentsIn(t, dir)[0])
			for i := range want {
				want[i].Source.Page, want[i].Source.LastPage = 0, 0
			}
		}
		for _, mapped := range []bool{false, true} {
			var got []retriever.Passage
			res, err := read(t, dir, mapped, Options{}).Retrieve(t.Context(), retriever.Query{Text: "bol", K: 2})
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range res.Hits {
				got = append(got, h.Passage)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("mapped %v, version 1 %v (-want +got):\n%s", mapped, old, d)
			}
		}
	}
}

// toVersion1 writes a file of passages with pages below 64 as version 1 had it.
func toVersion1(t *testing.T, path string) {
	t.Helper()
	f, err := blockfile.Load(t.Context(), path, segmentFormat)
	if err != nil {
		t.Fatal(err)
	}
	var sections []func(io.Writer) error
	for i := range f.Sections() {
		data := slices.Clone(f.Section(i))
		switch i {
		case segment.Passages, segment.PassageEnds:
			var short, ends []byte
			from, all := uint64(0), f.Section(segment.Passages)
			for end := range slices.Chunk(f.Section(segment.PassageEnds), 8) {
				to := binary.LittleEndian.Uint64(end)
				short = append(short, all[from:to-2]...) // two varints of a byte
				ends = binary.LittleEndian.AppendUint64(ends, uint64(len(short)))
				from = to
			}
			data = map[int][]byte{segment.Passages: short, segment.PassageEnds: ends}[i]
		}
		sections = append(sections, blockfile.Bytes(data))
	}
	if err := blockfile.Write(t.Context(), path, blockfile.Format{Magic: segmentFormat.Magic, Version: 1}, sections...); err != nil {
		t.Fatal(err)
	}
}
