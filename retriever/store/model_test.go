package store

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// model is a store and what it must hold.
type model struct {
	s        *Store
	dir, top string
	copies   int
	sz       sizes
	passages []retriever.Passage // in the order in which they were put
	notes    map[string][]byte
}

var vocabulary = strings.Fields("bol dak fum gip hov jun kel mip nop pov rul tik vun wep")

var tenants = []string{"a", "b", "c"}

func (m *model) options() Options {
	return Options{Embedding: Embedding{Name: "fake", Embedder: &fake{}}, Words: lexical.Options{Analyzer: "en"}}
}

func (m *model) open(t *rapid.T) {
	var err error
	m.s, err = open(t.Context(), m.dir, m.options(), &disk{noSync: true}, m.sz)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
}

// passage draws a passage. Equal ones are not rare.
func (m *model) passage(t *rapid.T, id string) retriever.Passage {
	words := rapid.SliceOfN(rapid.SampledFrom(vocabulary), 0, 5).Draw(t, "words")
	p := retriever.Passage{ID: id, Text: strings.Join(words, " ")}
	if rapid.IntRange(0, 3).Draw(t, "with title") == 0 {
		p.Title = rapid.SampledFrom(vocabulary).Draw(t, "title")
	}
	if rapid.IntRange(0, 4).Draw(t, "with tenant") > 0 {
		p.Metadata = filter.Metadata{"tenant": filter.String(rapid.SampledFrom(tenants).Draw(t, "tenant"))}
	}
	return p
}

func (m *model) id(t *rapid.T) string {
	return fmt.Sprint("p", rapid.IntRange(0, 40).Draw(t, "id"))
}

func uriOf(t *rapid.T) string { return rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "uri") }

func (m *model) some(t *rapid.T) []retriever.Passage {
	var list []retriever.Passage
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 40), 0, 6, rapid.ID).Draw(t, "ids") {
		list = append(list, m.passage(t, fmt.Sprint("p", n)))
	}
	return list
}

func (m *model) index(id string) int {
	return slices.IndexFunc(m.passages, func(p retriever.Passage) bool { return p.ID == id })
}

// take puts passages into the model.
func (m *model) take(list []retriever.Passage) {
	for _, p := range list {
		i := m.index(p.ID)
		if i >= 0 && gocmp.Equal(m.passages[i], p) {
			continue
		}
		m.drop(p.ID)
		m.passages = append(m.passages, p)
	}
}

func (m *model) drop(id string) {
	i := m.index(id)
	if i < 0 {
		return
	}
	m.passages = slices.Delete(m.passages, i, i+1)
}

func (m *model) put(t *rapid.T) {
	list := m.some(t)
	for i := range list {
		if rapid.IntRange(0, 2).Draw(t, "in document") == 0 {
			list[i].Source.URI = uriOf(t)
		}
	}
	if err := m.s.Put(t.Context(), list...); err != nil {
		t.Fatalf("put: %v", err)
	}
	had := m.documents()
	m.take(list)
	m.dropNotes(had)
}

// documents returns how many passages each document has.
func (m *model) documents() map[string]int {
	list := map[string]int{}
	for _, p := range m.passages {
		if p.Source.URI != "" {
			list[p.Source.URI]++
		}
	}
	return list
}

// dropNotes drops the notes of documents that had passages and have none.
func (m *model) dropNotes(had map[string]int) {
	now := m.documents()
	for uri := range had {
		if now[uri] == 0 {
			delete(m.notes, uri)
		}
	}
}

func (m *model) replace(t *rapid.T) {
	uri, list := uriOf(t), m.some(t)
	note := rapid.SampledFrom([][]byte{nil, {}, []byte("n1"), []byte("n2")}).Draw(t, "note")
	if err := m.s.ReplaceDocument(t.Context(), uri, list, note); err != nil {
		t.Fatalf("replace: %v", err)
	}
	m.takeDocument(uri, list, note)
}

// replaceMany replaces several documents in one step. Passages may move from one to another.
func (m *model) replaceMany(t *rapid.T) {
	list, notes := m.some(t), map[string][]byte{}
	for i := range list {
		list[i].Source.URI = uriOf(t)
		notes[list[i].Source.URI] = nil
	}
	for _, uri := range rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y", "z"}), 0, 3).Draw(t, "documents") {
		notes[uri] = rapid.SampledFrom([][]byte{nil, {}, []byte("n1"), []byte("n2")}).Draw(t, "note")
	}
	if err := m.s.ReplaceDocuments(t.Context(), notes, list...); err != nil {
		t.Fatalf("replace documents: %v", err)
	}
	m.takeDocuments(notes, list)
}

// takeDocument replaces a document in the model.
func (m *model) takeDocument(uri string, list []retriever.Passage, note []byte) {
	for i := range list {
		list[i].Source.URI = uri
	}
	m.takeDocuments(map[string][]byte{uri: note}, list)
}

// takeDocuments replaces documents in the model.
func (m *model) takeDocuments(notes map[string][]byte, list []retriever.Passage) {
	had := m.documents()
	for _, p := range slices.Clone(m.passages) {
		_, replaced := notes[p.Source.URI]
		if replaced && !slices.ContainsFunc(list, func(q retriever.Passage) bool { return q.ID == p.ID }) {
			m.drop(p.ID)
		}
	}
	m.take(list)
	m.dropNotes(had)
	for uri, note := range notes {
		delete(m.notes, uri)
		if note != nil {
			m.notes[uri] = note
		}
	}
}

func (m *model) delete(t *rapid.T) {
	var ids []string
	for range rapid.IntRange(0, 4).Draw(t, "deleted") {
		ids = append(ids, m.id(t))
	}
	err := m.s.Delete(t.Context(), ids...)
	if slices.ContainsFunc(ids, func(id string) bool { return m.index(id) < 0 }) {
		if !errors.Is(err, ErrUnknownID) {
			t.Fatalf("delete %q: %v", ids, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("delete %q: %v", ids, err)
	}
	had := m.documents()
	for _, id := range ids {
		m.drop(id)
	}
	m.dropNotes(had)
}

// scoped changes passages through a scope.
func (m *model) scoped(t *rapid.T) {
	tenant := rapid.SampledFrom(tenants).Draw(t, "scope")
	f := filter.Compare{Field: "tenant", Op: filter.Eq, Value: filter.String(tenant)}
	c, err := m.s.Scope(f)
	if err != nil {
		t.Fatal(err)
	}
	inside := func(id string) bool { i := m.index(id); return i >= 0 && filter.Match(f, m.passages[i].Metadata) }
	if rapid.Bool().Draw(t, "deletes") {
		id := m.id(t)
		err := c.Delete(t.Context(), id)
		if want := inside(id); want != (err == nil) || !want && !errors.Is(err, ErrUnknownID) {
			t.Fatalf("delete %q in the scope %s: %v", id, tenant, err)
		} else if want {
			had := m.documents()
			m.drop(id)
			m.dropNotes(had)
		}
		return
	}
	p := m.passage(t, m.id(t))
	err = c.Put(t.Context(), p)
	i := m.index(p.ID)
	allowed := filter.Match(f, p.Metadata) && (i < 0 || inside(p.ID))
	if allowed != (err == nil) || !allowed && !errors.Is(err, ErrScope) {
		t.Fatalf("put %v in the scope %s: %v", p, tenant, err)
	}
	if allowed {
		had := m.documents()
		m.take([]retriever.Passage{p})
		m.dropNotes(had)
	}
}

func (m *model) reopen(t *rapid.T) {
	if err := m.s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	m.open(t)
}

// crash opens a copy of the folder as it is, as after the end of the process.
func (m *model) crash(t *rapid.T) {
	m.copies++
	to := filepath.Join(m.top, fmt.Sprint("copy", m.copies))
	m.s.background.graphs <- struct{}{}
	m.s.writing <- struct{}{}
	err := os.CopyFS(to, os.DirFS(m.dir))
	<-m.s.writing
	<-m.s.background.graphs
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := m.s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(m.dir); err != nil {
		t.Fatal(err)
	}
	m.dir = to
	m.open(t)
}

// backup goes on with a store that was restored from a backup.
func (m *model) backup(t *rapid.T) {
	var b bytes.Buffer
	if err := m.s.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	m.copies++
	to := filepath.Join(m.top, fmt.Sprint("restored", m.copies))
	restored, err := Restore(t.Context(), &b, to, m.options())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(restored.Close(), m.s.Close()); err != nil {
		t.Fatal(err)
	}
	m.dir = to
	m.open(t)
}

func (m *model) compact(t *rapid.T) {
	if err := m.s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	st, err := m.s.Stats(t.Context())
	if err != nil || st.Removed > 0 {
		t.Fatalf("%+v, error %v: want nothing removed", st, err)
	}
}

func (m *model) verify(t *rapid.T) {
	if err := m.s.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	st, err := m.s.Stats(t.Context())
	if err != nil || st.Passages != len(m.passages) || st.Vectors != len(slices.DeleteFunc(slices.Clone(m.passages), func(p retriever.Passage) bool { return p.Title+p.Text == "" })) {
		t.Fatalf("%+v, error %v: want %d passages", st, err, len(m.passages))
	}
}

// damage takes an index file away.
func (m *model) damage(t *rapid.T) {
	if err := m.s.Close(); err != nil {
		t.Fatal(err)
	}
	pattern := rapid.SampledFrom([]string{"graph-*", "words/*.segment", "words/*", "words/mark.json"}).Draw(t, "lost")
	files, err := filepath.Glob(filepath.Join(m.dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	m.open(t)
}

func (m *model) check(t *rapid.T) {
	if err := m.differs(t.Context(), m.s); err != nil {
		t.Fatal(err)
	}
}

// differs returns in what a store differs from the model.
func (m *model) differs(ctx context.Context, s *Store) error {
	if s.Len() != len(m.passages) {
		return fmt.Errorf("%d passages: want %d", s.Len(), len(m.passages))
	}
	var all []retriever.Passage
	for p, err := range s.All(ctx) {
		if err != nil {
			return err
		}
		all = append(all, p)
	}
	if diff := gocmp.Diff(m.passages, all, cmpopts.EquateEmpty()); diff != "" {
		return fmt.Errorf("passages: %s", diff)
	}
	docs := map[string]Document{}
	for d, err := range s.Documents(ctx) {
		if err != nil {
			return err
		}
		docs[d.URI] = d
	}
	want := map[string]Document{}
	for uri, n := range m.documents() {
		want[uri] = Document{uri, m.notes[uri], n}
	}
	for uri, note := range m.notes {
		want[uri] = Document{uri, note, want[uri].Passages}
	}
	if diff := gocmp.Diff(want, docs); diff != "" {
		return fmt.Errorf("documents: %s", diff)
	}
	return nil
}

// A store does what a map does, whatever is done to it and in whatever order.
func TestModel(t *testing.T) {
	no(t, flag.Set("rapid.checks", fmt.Sprint(testsize.Raced(15, testsize.Long(40, 200, 10_000)))))
	rapid.Check(t, func(t *rapid.T) {
		top, err := os.MkdirTemp(fastDir(), "store-model-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(top)
		m := &model{top: top, dir: filepath.Join(top, "store"), sz: small, notes: map[string][]byte{}}
		m.open(t)
		defer func() { m.s.Close() }()
		actions := map[string]func(*rapid.T){"": m.check}
		maps.Copy(actions, map[string]func(*rapid.T){
			"put": m.put, "put more": m.put, "put again": m.put, "replace": m.replace, "replace many": m.replaceMany, "delete": m.delete, "scope": m.scoped,
			"search": m.search, "search more": m.search, "reopen": m.reopen, "crash": m.crash, "damage": m.damage,
			"backup": m.backup, "compact": m.compact, "verify": m.verify,
		})
		t.Repeat(actions)
	})
}
