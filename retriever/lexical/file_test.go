package lexical

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// reopen saves ix to a new folder and reads it again.
func reopen(t *testing.T, ix *Index, mapped bool) *Index {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "index")
	if err := ix.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	return read(t, dir, mapped, Options{Custom: customOf(ix), Fetch: ix.fetch})
}

func customOf(ix *Index) Analyzer {
	if _, ok := ix.analyzer.(named); ok {
		return nil
	}
	return ix.analyzer
}

func read(t *testing.T, dir string, mapped bool, o Options) *Index {
	t.Helper()
	ix, err := Load(t.Context(), dir, o)
	if mapped {
		ix, err = Open(dir, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ix.Close() })
	return ix
}

func TestContractOfFiles(t *testing.T) {
	for _, mapped := range []bool{false, true} {
		t.Run(fmt.Sprint("mapped ", mapped), func(t *testing.T) {
			retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) {
				ix, err := New(t.Context(), ps, Options{})
				if err != nil {
					return nil, err
				}
				return reopen(t, ix, mapped), nil
			})
		})
	}
}

// everything returns passages with every field that a passage can have.
func everything() []retriever.Passage {
	return []retriever.Passage{
		{ID: "a", Title: "Guide", Text: "bol dak \xff\x00", Source: retriever.Source{URI: "u", Start: 3, End: 9}},
		{ID: "ü", Text: "bol", Metadata: filter.Metadata{
			"string": filter.String("ä"), "int": filter.Int(-1 << 62), "float": filter.Float(-0.1), "yes": filter.Bool(true), "no": filter.Bool(false),
			"time": filter.Time(time.Unix(-5, 7)), "list": filter.Strings("a", ""), "none": filter.Strings(), "invalid": {}, "\xff": filter.Int(1),
		}},
		{ID: "c", Text: "bol fum", Metadata: filter.Metadata{}},
		{ID: "d"},
	}
}

// Reading gives what was saved, to the last field.
func TestSaveAll(t *testing.T) {
	ix, err := New(t.Context(), everything(), Options{K1: 2, B: Zero, TitleWeight: 3, Analyzer: "standard"})
	if err != nil {
		t.Fatal(err)
	}
	q := retriever.Query{Text: "bol guide", K: 9}
	want, err := ix.Retrieve(t.Context(), q)
	if err != nil || len(want.Hits) != 3 {
		t.Fatal(want, err)
	}
	for _, mapped := range []bool{false, true} {
		again := reopen(t, ix, mapped)
		got, err := again.Retrieve(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" || again.Len() != 4 {
			t.Errorf("mapped %v, %d passages (-want +got):\n%s", mapped, again.Len(), d)
		}
		if err := again.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// An index is saved repeatedly: changed parts are written, the rest stays, and no
// unused file is left.
func TestSaveAgain(t *testing.T) {
	for _, mapped := range []bool{false, true} {
		dir := t.TempDir()
		ix, err := New(t.Context(), retrievertest.Passages("bol dak", "dak fum"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := ix.Save(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		ix = read(t, dir, mapped, Options{})
		var first []string
		for round := range 30 {
			id := fmt.Sprint("n", round)
			if err := ix.Add(t.Context(), retriever.Passage{ID: id, Text: "fum"}); err != nil {
				t.Fatal(err)
			}
			if round == 1 {
				first = segmentsIn(t, dir)
			}
			if round%3 == 2 {
				if err := ix.Delete(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
			if err := ix.Save(t.Context(), dir); err != nil {
				t.Fatal(err)
			}
			if now := segmentsIn(t, dir); round == 1 && !slices.Contains(now, first[0]) {
				t.Errorf("the segment %s, which did not change, is gone: %v", first[0], now)
			} else if len(now) > 10 {
				t.Errorf("round %d: %d segments", round, len(now))
			}
			again := read(t, dir, !mapped, Options{})
			if d := cmp.Diff(search(t, ix, "fum"), search(t, again, "fum")); d != "" || again.Len() != ix.Len() {
				t.Fatalf("round %d, %d of %d passages (-want +got):\n%s", round, again.Len(), ix.Len(), d)
			}
		}
	}
}

func segmentsIn(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*.segment"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A save that is canceled or fails leaves the previous save.
func TestSaveCanceled(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 1))
	ix, err := New(t.Context(), synthetic(r, 0, 3000), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := ix.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := ix.Replace(t.Context(), synthetic(r, 1000, 4000)...); err != nil {
		t.Fatal(err)
	}
	files := func() string {
		names, _, _, err := generations(dir)
		if err != nil {
			t.Fatal(err)
		}
		all, err := os.ReadDir(dir)
		if err != nil || len(all) != len(names) {
			t.Fatalf("%v: %v", all, err)
		}
		return strings.Join(names, " ")
	}
	before := files()
	n := 0
	for ; ; n++ {
		err := ix.Save(after(t.Context(), n), dir)
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) || files() != before {
			t.Fatalf("canceled at the check number %d: %v, %s, before %s", n+1, err, files(), before)
		}
	}
	if n < 3 {
		t.Errorf("the context was looked at %d times", n)
	}
	if again := read(t, dir, true, Options{}); again.Len() != 5000 {
		t.Errorf("%d passages", again.Len())
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	ix, err := New(t.Context(), retrievertest.Passages("bol"), Options{Analyzer: "en", TitleWeight: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := ix.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	fetch := func(context.Context, []string) ([]retriever.Passage, error) { return nil, nil }
	for name, c := range map[string]struct {
		dir  string
		o    Options
		want error
	}{
		"no folder":   {filepath.Join(dir, "none"), Options{}, os.ErrNotExist},
		"no index":    {t.TempDir(), Options{}, ErrNotIndex},
		"analyzer":    {dir, Options{Analyzer: "de"}, ErrOption},
		"custom":      {dir, Options{Custom: named{}}, ErrOption},
		"titles":      {dir, Options{TitleWeight: 2}, ErrOption},
		"fetch":       {dir, Options{Fetch: fetch}, ErrOption},
		"K1":          {dir, Options{K1: -2}, ErrOption},
		"all is well": {dir, Options{Analyzer: "en", TitleWeight: 3, K1: 3, B: Zero}, nil},
	} {
		for _, open := range []func() (*Index, error){
			func() (*Index, error) { return Load(t.Context(), c.dir, c.o) },
			func() (*Index, error) { return Open(c.dir, c.o) },
		} {
			ix, err := open()
			if !errors.Is(err, c.want) || (ix == nil) != (c.want != nil) {
				t.Errorf("%s: %v, %v: want %v", name, ix, err, c.want)
			}
			if ix != nil {
				ix.Close()
			}
		}
	}
}

// After Close there are errors, and no file is in use.
func TestClose(t *testing.T) {
	dir := t.TempDir()
	ix, err := New(t.Context(), retrievertest.Passages("bol"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := ix.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	ix = read(t, dir, true, Options{})
	users := &ix.now.Load().parts[0].file.users
	held, err := ix.acquire()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if users.Load() != 1 {
		t.Errorf("%d users while a search is under way", users.Load())
	}
	held.release()
	if users.Load() != 0 {
		t.Errorf("%d users behind the last search", users.Load())
	}
	_, err = ix.Retrieve(t.Context(), retriever.Query{Text: "bol", K: 1})
	for _, err := range []error{
		err, ix.Add(t.Context(), retriever.Passage{ID: "x"}), ix.Replace(t.Context(), retriever.Passage{ID: "x"}),
		ix.Delete(t.Context(), "x"), ix.Save(t.Context(), dir), ix.Verify(t.Context()),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%v: want ErrClosed", err)
		}
	}
	if ix.Len() != 0 {
		t.Errorf("%d passages", ix.Len())
	}
}

// An index without passages fetches those that it finds.
func TestFetch(t *testing.T) {
	all := map[string]retriever.Passage{}
	asked := 0
	fail := error(nil)
	fetch := func(_ context.Context, ids []string) (out []retriever.Passage, _ error) {
		asked += len(ids)
		for _, id := range ids {
			out = append(out, all[id])
		}
		return out, fail
	}
	ps := everything()
	for _, p := range ps {
		all[p.ID] = p
	}
	ix, err := New(t.Context(), ps, Options{Fetch: fetch})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := New(t.Context(), ps, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, ix := range []*Index{ix, reopen(t, ix, false), reopen(t, ix, true)} {
		for _, q := range []retriever.Query{
			{Text: "bol", K: 2}, {Text: "guide", K: 2}, {Text: "the", K: 2},
			{Text: "bol", K: 2, Filter: filter.Exists{Field: "int"}},
		} {
			asked = 0
			want, err := kept.Retrieve(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ix.Retrieve(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%+v (-want +got):\n%s", q, d)
			}
			if q.Filter == nil && q.Text != "the" && asked != len(got.Hits) {
				t.Errorf("%+v: %d passages were fetched for %d hits", q, asked, len(got.Hits))
			}
		}
	}
	fail = errors.New("boom")
	if _, err := ix.Retrieve(t.Context(), retriever.Query{Text: "bol", K: 2}); !errors.Is(err, fail) {
		t.Errorf("a fetch that fails: %v", err)
	}
	fail = nil
	delete(all, "a")
	if _, err := ix.Retrieve(t.Context(), retriever.Query{Text: "guide", K: 2}); err == nil {
		t.Error("no error about a passage of another id")
	}
}
