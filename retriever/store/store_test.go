package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/hnsw"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
	"github.com/goselfrag/goselfrag/retriever/summary"
)

func passage(id, text string) retriever.Passage { return retriever.Passage{ID: id, Text: text} }

// of is a passage that is alone in its document.
func of(uri, text string) retriever.Passage {
	return retriever.Passage{ID: uri, Text: text, Source: retriever.Source{URI: uri}}
}

// finds returns the ids that a retriever finds for a text, apart by spaces.
func finds(t *testing.T, r retriever.Retriever, text string) string {
	t.Helper()
	res, err := r.Retrieve(t.Context(), retriever.Query{Text: text, K: 10})
	no(t, err)
	return strings.Join(idsOf(res), " ")
}

// What was embedded once is not embedded again.
func TestEmbedsWhatChanged(t *testing.T) {
	e := &fake{}
	s := openAt(t, tempDir(t), Options{Embedding: Embedding{Name: "fake", Embedder: e}}, small)
	no(t, s.ReplaceDocument(t.Context(), "doc", []retriever.Passage{passage("a", "river"), passage("b", "bridge")}, []byte("1")))
	for _, c := range []struct {
		what string
		do   func() error
		want int64 // texts embedded
		gens uint64
	}{
		{"the same passage", func() error {
			return s.Put(t.Context(), retriever.Passage{ID: "a", Text: "river", Source: retriever.Source{URI: "doc"}})
		}, 0, 0},
		{"the same document", func() error {
			return s.ReplaceDocument(t.Context(), "doc", []retriever.Passage{passage("a", "river"), passage("b", "bridge")}, []byte("1"))
		}, 0, 0},
		{"another note", func() error {
			return s.ReplaceDocument(t.Context(), "doc", []retriever.Passage{passage("a", "river"), passage("b", "bridge")}, []byte("2"))
		}, 0, 1},
		{"other metadata", func() error {
			return s.Put(t.Context(), retriever.Passage{ID: "a", Text: "river", Metadata: filter.Metadata{"n": filter.Int(1)}})
		}, 0, 1},
		{"two with one text", func() error { return s.Put(t.Context(), passage("c", "tower"), passage("d", "tower")) }, 1, 1},
		{"another text", func() error { return s.Put(t.Context(), passage("a", "river bank")) }, 1, 1},
		{"several documents", func() error {
			return s.ReplaceDocuments(t.Context(), map[string][]byte{"e": nil, "f": {1}, "doc": nil}, of("e", "wall"), of("f", "gate"))
		}, 2, 1},
		{"the same documents", func() error {
			return s.ReplaceDocuments(t.Context(), map[string][]byte{"e": nil, "f": {1}, "doc": nil, "none": nil}, of("f", "gate"), of("e", "wall"))
		}, 0, 0},
		{"no documents", func() error { return s.ReplaceDocuments(t.Context(), nil) }, 0, 0},
		{"nothing", func() error { return s.Put(t.Context()) }, 0, 0},
		{"nothing to delete", func() error { return s.Delete(t.Context()) }, 0, 0},
	} {
		before, generation := e.asked.Load(), s.Generation()
		no(t, c.do())
		if e.asked.Load()-before != c.want || s.Generation()-generation != c.gens {
			t.Errorf("%s: %d texts embedded, %d changes: want %d and %d", c.what, e.asked.Load()-before, s.Generation()-generation, c.want, c.gens)
		}
	}
	if got := finds(t, s.Vectors(), "tower"); !strings.HasPrefix(got, "c d") {
		t.Errorf("found %q", got)
	}
}

// An embedder that fails or gives bad vectors changes nothing.
func TestBadEmbedder(t *testing.T) {
	e := &fake{}
	s := openAt(t, tempDir(t), Options{Embedding: Embedding{Name: "fake", Embedder: e}}, small)
	no(t, s.Put(t.Context(), passage("a", "river")))
	e.fail = errors.New("down")
	wants(t, s.Put(t.Context(), passage("b", "bridge")), e.fail)
	e.fail = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wants(t, s.Put(ctx, passage("b", "bridge")), context.Canceled)
	if s.Len() != 1 || finds(t, s, "bridge river") != "a" {
		t.Errorf("%d passages, found %q", s.Len(), finds(t, s, "bridge river"))
	}
	no(t, s.Put(t.Context(), passage("b", "bridge")))
}

func TestRefused(t *testing.T) {
	dir := tempDir(t)
	s := openAt(t, dir, options(), small)
	no(t, s.Put(t.Context(), passage("a", "river")))
	long := strings.Repeat("x", mostKey+1)
	for _, p := range [][]retriever.Passage{
		{passage("", "x")}, {passage("x", "y"), passage("x", "z")}, {passage(long, "x")},
		{{ID: "x", Source: retriever.Source{URI: long}}}, {{ID: "x", Metadata: filter.Metadata{"": filter.Int(1)}}},
	} {
		wants(t, s.Put(t.Context(), p...), ErrPassage)
	}
	wants(t, s.ReplaceDocument(t.Context(), "", nil, nil), ErrPassage)
	wants(t, s.ReplaceDocument(t.Context(), "u", []retriever.Passage{{ID: "x", Source: retriever.Source{URI: "v"}}}, nil), ErrPassage)
	wants(t, s.ReplaceDocuments(t.Context(), nil, of("u", "x")), ErrPassage)
	wants(t, s.ReplaceDocuments(t.Context(), map[string][]byte{"u": nil}, of("u", "x"), passage("x", "without a document")), ErrPassage)
	wants(t, s.ReplaceDocuments(t.Context(), map[string][]byte{"u": nil, long: nil}, of("u", "x")), ErrPassage)
	wants(t, s.ReplaceDocuments(t.Context(), map[string][]byte{"u": nil}, of("u", "x"), of("u", "y")), ErrPassage)
	wants(t, s.Delete(t.Context(), "a", "b"), ErrUnknownID)
	_, err := s.Get(t.Context(), "a", "b")
	wants(t, err, ErrUnknownID)
	_, err = s.Scope(nil)
	wants(t, err, retriever.ErrOption)
	_, err = Open(t.Context(), dir, options())
	wants(t, err, ErrLocked)
	_, err = Open(t.Context(), dir, Options{ReadOnly: true})
	wants(t, err, ErrLocked)
	for _, o := range []Options{
		{Embedding: Embedding{Embedder: &fake{}}}, {Embedding: Embedding{Name: "x"}}, {Embedding: Embedding{Name: "hashed", Embedder: &fake{}}},
		{Embedding: Embedding{Name: "x", Embedder: &fake{}, Metric: hnsw.SquaredL2}}, {Embedding: Embedding{Name: "x", Embedder: (*fake)(nil)}},
		{Words: lexical.Options{Analyzer: "xx"}}, {Words: lexical.Options{Fetch: s.fetchNumbered}},
	} {
		_, err := Open(t.Context(), tempDir(t), o)
		wants(t, err, ErrOption)
	}
	if s.Len() != 1 {
		t.Errorf("%d passages", s.Len())
	}
}

func TestClosed(t *testing.T) {
	s, err := InMemory(t.Context(), Options{})
	no(t, err)
	no(t, s.Put(t.Context(), passage("a", "river")))
	no(t, s.Close())
	no(t, s.Close())
	_, err = os.Stat(s.dir)
	wants(t, err, os.ErrNotExist)
	wants(t, s.Put(t.Context(), passage("b", "x")), ErrClosed)
	wants(t, s.Delete(t.Context(), "a"), ErrClosed)
	wants(t, s.Verify(t.Context()), ErrClosed)
	wants(t, s.Compact(t.Context()), ErrClosed)
	wants(t, s.Backup(t.Context(), &bytes.Buffer{}), ErrClosed)
	wants(t, s.Reembed(t.Context(), Embedding{}), ErrClosed)
	_, err = s.Retrieve(t.Context(), retriever.Query{Text: "x", K: 1})
	wants(t, err, ErrClosed)
	_, err = s.Get(t.Context(), "a")
	wants(t, err, ErrClosed)
	_, err = s.Stats(t.Context())
	wants(t, err, ErrClosed)
	for _, err := range s.All(t.Context()) {
		wants(t, err, ErrClosed)
	}
	for _, err := range s.Documents(t.Context()) {
		wants(t, err, ErrClosed)
	}
	if s.Len() != 0 || s.Generation() != 0 {
		t.Errorf("%d passages, generation %d", s.Len(), s.Generation())
	}
}

// Several read-only stores may be open at once; none changes anything.
func TestReadOnly(t *testing.T) {
	dir, c := scripted(t, 30)
	o := options()
	o.ReadOnly = true
	a, b := openAt(t, dir, o, small), openAt(t, dir, o, small)
	for _, s := range []*Store{a, b} {
		no(t, errors.Join(c.differs(t.Context(), s), checkSearch(t.Context(), s, &c.model), s.Verify(t.Context())))
		wants(t, s.Put(t.Context(), passage("b", "x")), ErrReadOnly)
		wants(t, s.Compact(t.Context()), ErrReadOnly)
		wants(t, s.Reembed(t.Context(), Embedding{}), ErrReadOnly)
		var backup bytes.Buffer
		no(t, s.Backup(t.Context(), &backup))
	}
	_, err := Open(t.Context(), dir, options())
	wants(t, err, ErrLocked)
	_, err = Open(t.Context(), tempDir(t), o)
	wants(t, err, ErrOption)
}

// A newer format is refused, in a store and in a backup.
func TestNewerFormat(t *testing.T) {
	dir, _ := scripted(t, 5)
	d, err := openDatabase(filepath.Join(dir, "store.db"), false, true)
	no(t, err)
	no(t, d.update(func(tx *bolt.Tx) error {
		m, _, err := readManifest(tx)
		m.Format = format + 1
		return errors.Join(err, putManifest(tx, m))
	}))
	no(t, d.close())
	_, err = Open(t.Context(), dir, options())
	wants(t, err, ErrVersion)
}

// A backup that is cut or changed is refused, and the folder stays as it was.
func TestBadBackup(t *testing.T) {
	s := openAt(t, tempDir(t), options(), small)
	no(t, s.Put(t.Context(), passage("a", "river"), passage("b", "bridge")))
	var b bytes.Buffer
	no(t, s.Backup(t.Context(), &b))
	for at := 0; at < b.Len(); at += max(1, b.Len()/40) {
		bad := slices.Clone(b.Bytes())
		bad[at] ^= 0x11
		for what, data := range map[string][]byte{"cut": b.Bytes()[:at], "changed": bad} {
			dir := tempDir(t)
			r, err := Restore(t.Context(), bytes.NewReader(data), dir, options())
			if err == nil { // of what no one looks at, such as the time of a file
				no(t, errors.Join(r.Verify(t.Context()), r.Close()))
				continue
			}
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Errorf("%s at %d: %v", what, at, err)
			}
			left, err := os.ReadDir(filepath.Dir(dir))
			if err != nil || len(left) > 0 {
				t.Errorf("%s at %d: left %v, error %v", what, at, left, err)
			}
		}
	}
	full := tempDir(t)
	no(t, os.MkdirAll(full, 0o755))
	no(t, os.WriteFile(filepath.Join(full, "mine"), nil, 0o644))
	_, err := Restore(t.Context(), &b, full, options())
	wants(t, err, ErrOption)
}

// A cache above the store, through whatever is between, gives no deleted passage again.
func TestCache(t *testing.T) {
	s := openAt(t, tempDir(t), options(), small)
	no(t, s.Put(t.Context(), passage("a", "river"), passage("b", "river bridge")))
	scoped, err := retriever.Scope(s, filter.Not{Filter: filter.Exists{Field: "hidden"}})
	no(t, err)
	cache, err := retriever.NewCache(scoped, retriever.CacheOptions{})
	no(t, err)
	if got := finds(t, cache, "river"); got != "a b" {
		t.Errorf("found %q", got)
	}
	no(t, s.Delete(t.Context(), "a"))
	if got := finds(t, cache, "river"); got != "b" {
		t.Errorf("found %q after the deletion", got)
	}
}

// Nothing outside a scope is reached: by search, id, count, loop, spelling or deletion.
func TestScope(t *testing.T) {
	s := openAt(t, tempDir(t), options(), small)
	of := func(tenant string) filter.Metadata { return filter.Metadata{"tenant": filter.String(tenant)} }
	no(t, s.Put(t.Context(),
		retriever.Passage{ID: "a1", Text: "river bridge", Metadata: of("a")}, retriever.Passage{ID: "a2", Text: "old river", Metadata: of("a")},
		retriever.Passage{ID: "b1", Text: "river harbour secret", Metadata: of("b")}))
	a, err := s.Scope(filter.Compare{Field: "tenant", Op: filter.Eq, Value: filter.String("a")})
	no(t, err)
	for _, r := range []retriever.Retriever{a, a.Words(), a.Vectors()} {
		if got := strings.Fields(finds(t, r, "river secret")); len(got) != 2 || slices.Contains(got, "b1") {
			t.Errorf("found %q", got)
		}
	}
	n, err := a.Count(t.Context())
	if err != nil || n != 2 {
		t.Errorf("%d passages, error %v", n, err)
	}
	_, err = a.Get(t.Context(), "b1")
	wants(t, err, ErrUnknownID)
	wants(t, a.Delete(t.Context(), "b1"), ErrUnknownID)
	wants(t, a.Put(t.Context(), retriever.Passage{ID: "b1", Text: "x", Metadata: of("a")}), ErrScope)
	wants(t, a.Put(t.Context(), retriever.Passage{ID: "c", Text: "x", Metadata: of("b")}), ErrScope)
	var all []retriever.Passage
	for p, err := range a.All(t.Context()) {
		no(t, err)
		all = append(all, p)
	}
	words, err := rewrite.NewVocabulary(t.Context(), all)
	no(t, err)
	if got := words.Correct("secrat rivar"); got != "secrat river" || len(all) != 2 {
		t.Errorf("%q of %d passages: a word from outside", got, len(all))
	}
	no(t, a.Delete(t.Context(), "a1"))
	if s.Len() != 2 {
		t.Errorf("%d passages", s.Len())
	}
}

// summaries is a store as package summary wants one.
type summaries struct{ *Store }

func (s summaries) Add(ctx context.Context, passages ...retriever.Passage) error {
	return s.Put(ctx, passages...)
}

// Summaries can be kept in a store.
func TestSummaries(t *testing.T) {
	s := openAt(t, tempDir(t), options(), small)
	ix, err := summary.New(t.Context(), summaries{s}, firstWord{}, []retriever.Passage{passage("a", "river and more"), passage("b", "bridge and more")}, summary.Options{})
	no(t, err)
	res, err := ix.Retrieve(t.Context(), retriever.Query{Text: "bridge", K: 1})
	if err != nil || len(res.Hits) != 1 || res.Hits[0].Passage.Text != "bridge and more" {
		t.Errorf("%v, error %v", res, err)
	}
	no(t, ix.Delete(t.Context(), "b"))
	if s.Len() != 1 {
		t.Errorf("%d summaries", s.Len())
	}
}

type firstWord struct{}

func (firstWord) Summarize(_ context.Context, p retriever.Passage) (string, error) {
	return strings.Fields(p.Text)[0], nil
}

// Another analysis indexes the words anew.
func TestOtherWords(t *testing.T) {
	dir := tempDir(t)
	o := options()
	o.Words.Analyzer = "cjk"
	s, err := open(t.Context(), dir, o, &disk{noSync: true}, small)
	no(t, err)
	no(t, s.Put(t.Context(), passage("a", "bridges")))
	if got := finds(t, s.Words(), "bridge"); got != "" {
		t.Errorf("found %q", got)
	}
	no(t, s.Close())
	for _, analyzer := range []string{"en", ""} { // and then as before
		o.Words.Analyzer = analyzer
		s, err = open(t.Context(), dir, o, &disk{noSync: true}, small)
		no(t, err)
		if got := finds(t, s.Words(), "bridge"); got != "a" {
			t.Errorf("found %q by %q", got, analyzer)
		}
		no(t, s.Close())
	}
}

var _ dense.Embedder = (*fake)(nil)
