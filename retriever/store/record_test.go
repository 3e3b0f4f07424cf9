package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// A record gives back its passage, and one that is cut or changed is refused.
func TestRecord(t *testing.T) {
	for _, p := range []retriever.Passage{
		{ID: "a"}, retrievertest.Whole(),
		{ID: "b", Title: "t", Text: "x\xff", Source: retriever.Source{URI: "u", Start: 3, End: 9, Page: 4, LastPage: 5}},
		{ID: "c", Metadata: filter.Metadata{}},
		{ID: "d", Metadata: filter.Metadata{
			"s": filter.String("é"), "i": filter.Int(-1 << 63), "f": filter.Float(1e-300), "t": filter.Bool(true), "n": filter.Bool(false),
			"w": filter.Time(time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC)), "l": filter.Strings("x", ""), "e": filter.Strings(),
		}},
	} {
		record := encodePassage(p)
		got, err := decodePassage(record)
		if diff := gocmp.Diff(p, got); diff != "" || err != nil {
			t.Errorf("%v: %v %s", p, err, diff)
		}
		m, err := decodeMetadata(record)
		if diff := gocmp.Diff(p.Metadata, m); diff != "" || err != nil {
			t.Errorf("metadata of %v: %v %s", p, err, diff)
		}
		for i := range record {
			bad := slices.Clone(record)
			bad[i] ^= 0x21
			for _, b := range [][]byte{bad, record[:i]} {
				if _, err := decodePassage(b); !errors.Is(err, ErrCorrupt) {
					t.Fatalf("byte %d of %v: %v", i, p, err)
				}
			}
		}
	}
}

// FuzzRecord reads any bytes without a panic.
func FuzzRecord(f *testing.F) {
	f.Add(encodePassage(retriever.Passage{ID: "a", Metadata: filter.Metadata{"l": filter.Strings("x")}})[4:])
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, body []byte) {
		record := sealed(append(make([]byte, 4), body...))
		if p, err := decodePassage(record); err == nil && p.ID != "" && p.Metadata.Check() == nil {
			if again, err := decodePassage(encodePassage(p)); err != nil || !gocmp.Equal(p, again) {
				t.Errorf("%v came back as %v, %v", p, again, err)
			}
		}
		_, _ = decodeMetadata(record)
		_, _ = decodeDocument(record)
	})
}

// A set of numbers is what a map is, and the sets that it was made of stay as they were.
func TestNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Uint64Range(0, 3<<pieceBits)
		var s numbers
		want := map[uint64]bool{}
		for range rapid.IntRange(0, 10).Draw(t, "steps") {
			before, had := s, maps.Clone(want)
			list := rapid.SliceOfN(number, 0, 20).Draw(t, "list")
			if rapid.Bool().Draw(t, "with") {
				s = s.with(list)
				for _, n := range list {
					want[n] = true
				}
			} else {
				s = s.without(list)
				for _, n := range list {
					delete(want, n)
				}
			}
			from, to := number.Draw(t, "from"), number.Draw(t, "to")
			for s, want := range map[*numbers]map[uint64]bool{&s: want, &before: had} {
				in := 0
				for n := range want {
					if !s.has(n) {
						t.Fatalf("%d is missing", n)
					}
					if n >= from && n < to {
						in++
					}
				}
				if s.count != len(want) || s.in(from, to) != in {
					t.Fatalf("%d numbers, %d from %d to %d: want %d and %d", s.count, s.in(from, to), from, to, len(want), in)
				}
			}
		}
	})
}

// A file of vectors is written anew, without a request, once most of its vectors are removed.
func TestCompactsWorn(t *testing.T) {
	s, err := open(t.Context(), tempDir(t), options(), &disk{noSync: true}, small)
	no(t, err)
	defer func() { no(t, s.Close()) }()
	for round := range 5 {
		for i := 0; i < 200; i += 20 {
			var list []retriever.Passage
			for k := range 20 {
				list = append(list, passage(fmt.Sprint("p", i+k), fmt.Sprint("dak hov ", round, " ", i+k)))
			}
			no(t, s.Put(t.Context(), list...))
		}
	}
	settle(t, s)
	st, err := s.Stats(t.Context())
	if err != nil || st.Vectors != 200 || st.Removed > 200 || len(st.Problems) > 0 {
		t.Errorf("%+v, error %v: want at most as many removed as there are", st, err)
	}
	no(t, s.Verify(t.Context()))
}
