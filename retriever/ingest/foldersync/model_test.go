package foldersync

import (
	stdcmp "cmp"
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/store"
)

const root = "docs/"

// foreign has documents that no sync of root has put in.
var foreign = []string{"other/a.md", "docs/zzz.md"}

// model is a folder that is edited at random, and the store that is synced with it.
type model struct {
	t      *rapid.T
	folder *tree
	store  *memory
	o      Options
	clock  time.Time
	seen   map[seenAs]string // what files held when there was a sync
}

// seenAs is what a sync tells unchanged files by.
type seenAs struct {
	path string
	size int
	time time.Time
}

var (
	names    = []string{"a.md", "b.txt", "d/a.md", "d/b.txt", "d/e/c.md", "f/t.jsonl", "g.csv", "x.bin", "f/.h.md"}
	contents = []string{
		"# One\n\nText of one. More of it.\n", "# Two\n\nText of two. More of it.\n", "Plain text, without a heading.\n",
		"{\"id\":\"1\",\"text\":\"A record.\"}\n{\"text\":\"Another.\"}\nbad\n", "id,text\n1,One row\n2,Two row\n", "", "\x89PNG\x00\xff", "# Three\n",
	}
	exclusions = []string{"", "*.txt\n", "d/\n!d/a.md\n", "d/*\n!d/a.md\n", "/a.md\n"}
	errStore   = errors.New("the store failed")
)

func (m *model) name(label string) string { return rapid.SampledFrom(names).Draw(m.t, label) }

// now is the time that the file system gives a file: even seconds, so that edits often keep it.
func (m *model) now() time.Time { return m.clock.Truncate(2 * time.Second) }

func (m *model) edit() {
	files := slices.Sorted(maps.Keys(m.folder.MapFS))
	some := func() string { return rapid.SampledFrom(files).Draw(m.t, "file") }
	what := rapid.IntRange(0, 9).Draw(m.t, "edit")
	if len(files) == 0 && what > 1 {
		what = 0
	}
	switch what {
	case 0, 1:
		m.folder.MapFS[m.name("name")] = &fstest.MapFile{Data: []byte(rapid.SampledFrom(contents).Draw(m.t, "content")), ModTime: m.now()}
	case 2: // touch
		name := some()
		m.folder.MapFS[name] = &fstest.MapFile{Data: m.folder.MapFS[name].Data, ModTime: m.now()}
	case 3: // rename, which keeps the time
		from, to := some(), m.name("new name")
		file := m.folder.MapFS[from]
		if was, ok := m.seen[seenAs{to, len(file.Data), file.ModTime}]; from == to || ok && was != string(file.Data) {
			return // a change that keeps size and time is not seen
		}
		m.folder.MapFS[to] = file
		delete(m.folder.MapFS, from)
	case 4:
		delete(m.folder.MapFS, some())
	case 5: // the same size, and the same time if it was little ago
		name := some()
		text := strings.NewReplacer("one", "uno", "two", "due", "Plain", "Plane", "record", "recipe").Replace(string(m.folder.MapFS[name].Data))
		m.folder.MapFS[name] = &fstest.MapFile{Data: []byte(text), ModTime: m.now()}
	case 6:
		m.folder.MapFS[".goselfragignore"] = &fstest.MapFile{Data: []byte(rapid.SampledFrom(exclusions).Draw(m.t, "exclusions")), ModTime: m.now()}
	case 7:
		m.o.Ingest.Split.Size = rapid.IntRange(1, 4).Draw(m.t, "size")
		m.o.Version = rapid.SampledFrom([]string{"", "1"}).Draw(m.t, "version")
	case 8:
		m.clock = m.clock.Add(time.Duration(rapid.IntRange(1, 5000).Draw(m.t, "ms")) * time.Millisecond)
	case 9:
		clear(m.folder.closed)
		clear(m.folder.broken)
		if rapid.Bool().Draw(m.t, "unreadable") {
			m.folder.closed[rapid.SampledFrom([]string{"a.md", "d", "d/e", "f/t.jsonl"}).Draw(m.t, "closed")] = true
			m.folder.broken[m.name("broken")] = true
		}
	}
}

// want returns the passages that a reading of the whole folder gives, by documents; those
// of what cannot be read are the ones before.
func (m *model) want(before map[string][]retriever.Passage) map[string][]retriever.Passage {
	all := fstest.MapFS{}
	for name, f := range m.folder.MapFS {
		all[root+name] = f
	}
	res, err := ingest.FS(context.Background(), all, m.o.Ingest)
	if err != nil && !errors.Is(err, ingest.ErrNothing) {
		m.t.Fatal(err)
	}
	want := map[string][]retriever.Passage{}
	for _, p := range res.Passages {
		want[p.Source.URI] = append(want[p.Source.URI], p)
	}
	for _, uri := range foreign {
		want[uri] = before[uri]
	}
	list, err := ingest.List(context.Background(), all, m.o.Ingest)
	if err != nil {
		m.t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, f := range list.Files {
		listed[f.Path] = true
	}
	unreadable := func(uri string) bool {
		name := strings.TrimPrefix(uri, root)
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if m.folder.closed[dir] && m.isFolder(dir) && !m.excluded(dir) {
				return true
			}
		}
		return listed[uri] && (m.folder.closed[name] || m.folder.broken[name])
	}
	for uri := range want {
		if unreadable(uri) {
			delete(want, uri)
		}
	}
	for uri, passages := range before {
		if unreadable(uri) {
			want[uri] = passages
		}
	}
	return want
}

func (m *model) isFolder(dir string) bool {
	for name := range m.folder.MapFS {
		if strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

// excluded reports whether the exclusions name a folder.
func (m *model) excluded(dir string) bool {
	f := m.folder.MapFS[".goselfragignore"]
	if f == nil {
		return false
	}
	top, _, _ := strings.Cut(dir, "/")
	switch string(f.Data) {
	case exclusions[2]:
		return top == "d"
	case exclusions[3]:
		return strings.HasPrefix(dir, "d/")
	}
	return false
}

func (m *model) sync() (Report, error) {
	return syncFS(context.Background(), m.store, m.folder, m.o)
}

// check syncs and compares.
func (m *model) check() {
	for path, f := range m.folder.MapFS {
		m.seen[seenAs{path, len(f.Data), f.ModTime}] = string(f.Data)
	}
	before := m.store.passages()
	m.o.firstBatch = rapid.SampledFrom([]int{1, 2500, minBatch}).Draw(m.t, "batch")
	if rapid.IntRange(0, 3).Draw(m.t, "interrupt") == 0 {
		at, late := rapid.IntRange(1, 4).Draw(m.t, "at"), rapid.Bool().Draw(m.t, "late")
		m.store.steps = nil
		m.store.fail = func(step int) (error, error) {
			switch {
			case step < at:
				return nil, nil
			case late:
				return nil, errStore
			}
			return errStore, nil
		}
		if _, err := m.sync(); err != nil && !errors.Is(err, errStore) {
			m.t.Fatal(err)
		}
		m.store.fail = nil
	}
	dry := m.o
	dry.DryRun = true
	planned, err := syncFS(context.Background(), m.store, m.folder, dry)
	if err != nil {
		m.t.Fatal(err)
	}
	rep, err := m.sync()
	if err != nil {
		m.t.Fatal(err)
	}
	want, got := m.want(before), m.store.passages()
	if m.store.real != nil {
		inOrder(want)
		inOrder(got)
		m.checkDocuments(got)
	}
	if diff := cmp.Diff(want, got, cmp.Transformer("records", anonymous), cmp.AllowUnexported(filter.Value{})); diff != "" {
		m.t.Fatalf("a reading of the folder gives other documents (-), report %+v:\n%s", rep, diff)
	}
	for _, c := range rep.Added {
		if !slices.Contains(planned.Added, c) {
			m.t.Fatalf("%s was added: planned were %q", c, planned.Added)
		}
	}
	for _, c := range rep.Changed {
		if !slices.Contains(planned.Changed, c) {
			m.t.Fatalf("%s was changed: planned were %q", c, planned.Changed)
		}
	}
}

// inOrder sorts the passages of each document: a store that replaces some of them keeps the
// others where they were.
func inOrder(all map[string][]retriever.Passage) {
	for uri, list := range all {
		all[uri] = slices.SortedStableFunc(slices.Values(list), func(a, b retriever.Passage) int {
			return stdcmp.Or(stdcmp.Compare(a.Source.Start, b.Source.Start), strings.Compare(a.Text, b.Text))
		})
	}
}

// checkDocuments compares what the store says of its documents with the fake, which was told
// the same.
func (m *model) checkDocuments(passages map[string][]retriever.Passage) {
	got := map[string]storeDocument{}
	for d, err := range m.store.Documents(context.Background()) {
		if err != nil {
			m.t.Fatal(err)
		}
		if d.Passages != len(passages[d.URI]) {
			m.t.Fatalf("%s has %d passages: there are %d", d.URI, d.Passages, len(passages[d.URI]))
		}
		got[d.URI] = d
	}
	want := map[string]storeDocument{}
	for uri, e := range m.store.docs {
		want[uri] = storeDocument{uri, e.note, len(e.passages)}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		m.t.Fatalf("other documents (-) were put in:\n%s", diff)
	}
}

// anonymous drops the ids of records, which a sync gives in another way.
func anonymous(list []retriever.Passage) []any {
	var out []any
	for _, p := range list {
		if strings.HasSuffix(p.Source.URI, ".jsonl") || strings.HasSuffix(p.Source.URI, ".csv") {
			p.ID = ""
		}
		out = append(out, p)
	}
	return out
}

// idle syncs a folder that has not changed: nothing is put in, and then nothing is read.
func (m *model) idle() {
	clear(m.folder.closed)
	clear(m.folder.broken)
	m.check()
	m.clock = m.clock.Add(5 * time.Second)
	for i := range 2 {
		m.store.steps, m.store.noteCalls, m.folder.opens = nil, 0, map[string]int{}
		rep, err := m.sync()
		if err != nil || len(rep.Added)+len(rep.Changed)+len(rep.Removed) > 0 || m.store.keepsEmpty && len(m.store.steps) > 0 {
			m.t.Fatalf("the folder has not changed: %v, %+v, put %d", err, rep, m.store.steps)
		}
		if opened := m.folder.opened(); i == 1 && m.store.keepsEmpty && len(opened)+m.store.noteCalls > 0 {
			m.t.Fatalf("the second time, %q were opened and notes set %d times", opened, m.store.noteCalls)
		}
	}
}

// Whatever is done to a folder, and wherever a sync is interrupted, the documents are those
// of a reading of the whole folder.
func TestSyncModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newMemory(t)
		s.keepsEmpty = rapid.Bool().Draw(rt, "keeps empty")
		runModel(rt, s)
	})
}

var _ Documents[store.Document] = (*store.Store)(nil)

// The same with package store.
func TestSyncModelOfStore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newMemory(t)
		var err error
		if s.real, err = store.InMemory(context.Background(), store.Options{}); err != nil {
			rt.Fatal(err)
		}
		defer func() {
			if err := s.real.Close(); err != nil {
				rt.Error(err)
			}
		}()
		runModel(rt, s)
	})
}

func runModel(rt *rapid.T, s *memory) {
	m := &model{t: rt, folder: newTree(), store: s, clock: time.Unix(1e9, 0), seen: map[seenAs]string{}}
	m.o = Options{Root: root, AllowMassDeletion: true, now: func() time.Time { return m.clock }}
	for i, uri := range foreign {
		p := retriever.Passage{ID: uri, Source: retriever.Source{URI: uri}}
		if err := s.ReplaceDocuments(context.Background(), map[string][]byte{uri: [][]byte{nil, []byte("a note of something else")}[i]}, p); err != nil {
			rt.Fatal(err)
		}
	}
	rt.Repeat(map[string]func(*rapid.T){
		"edit": func(rt *rapid.T) { m.t = rt; m.edit() },
		"sync": func(rt *rapid.T) { m.t = rt; m.check() },
		"idle": func(rt *rapid.T) { m.t = rt; m.idle() },
	})
}
