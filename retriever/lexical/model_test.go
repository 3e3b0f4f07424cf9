package lexical

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// model is an index and its expected content.
type model struct {
	ix        *Index
	passages  []retriever.Passage
	languages []keyword.Language
	made      int // number of passages made, for their ids
	dir       string
}

// mixed are words of several languages, names with parts and stop words, so that terms
// overlap and passages differ in language.
var mixed = strings.Fields("bol dak fum gip hov jun kel mip max_tokens maxTokens tokens C++ brücke Bruecke 东京 京都 мост der die und the of Häuser houses 1,000 e-mail")

func (m *model) passage(t *rapid.T, id string) retriever.Passage {
	words := func(label string, most int) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(mixed), 0, most).Draw(t, label), " ")
	}
	p := retriever.Passage{ID: id, Title: words("title", 2), Text: words("text", 12)}
	if rapid.Bool().Draw(t, "with metadata") {
		p.Metadata = filter.Metadata{"n": filter.Int(int64(rapid.IntRange(0, 3).Draw(t, "n")))}
	}
	if rapid.IntRange(0, 5).Draw(t, "with language") == 0 {
		p.Metadata = filter.Metadata{"language": filter.String(rapid.SampledFrom([]string{"de", "en", "ru"}).Draw(t, "language"))}
	}
	return p
}

func (m *model) fresh(t *rapid.T, label string) (list []retriever.Passage) {
	for range rapid.IntRange(1, 6).Draw(t, label) {
		m.made++
		list = append(list, m.passage(t, fmt.Sprint("p", m.made)))
	}
	return list
}

func (m *model) remove(id string) {
	if i := slices.IndexFunc(m.passages, func(p retriever.Passage) bool { return p.ID == id }); i >= 0 {
		m.passages = slices.Delete(m.passages, i, i+1)
		m.languages = slices.Delete(m.languages, i, i+1)
	}
}

func (m *model) append(list []retriever.Passage) {
	m.passages = append(m.passages, list...)
	m.languages = append(m.languages, languagesFor(m.ix, list)...)
}

// some draws ids of passages, each once.
func (m *model) some(t *rapid.T) (ids []string) {
	if len(m.passages) == 0 {
		return nil
	}
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(m.passages)-1), 0, 5, rapid.ID).Draw(t, "some") {
		ids = append(ids, m.passages[i].ID)
	}
	return ids
}

func (m *model) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"add": func(t *rapid.T) {
			list := m.fresh(t, "added")
			if err := m.ix.Add(t.Context(), list...); err != nil {
				t.Fatal(err)
			}
			m.append(list)
		},
		"replace": func(t *rapid.T) {
			list := m.fresh(t, "added beside")
			for _, id := range m.some(t) {
				list = append(list, m.passage(t, id))
			}
			if err := m.ix.Replace(t.Context(), list...); err != nil {
				t.Fatal(err)
			}
			for _, p := range list {
				m.remove(p.ID)
			}
			m.append(list)
		},
		"delete": func(t *rapid.T) {
			ids := m.some(t)
			if err := m.ix.Delete(t.Context(), ids...); err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				m.remove(id)
			}
		},
		"save": func(t *rapid.T) {
			if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 { // it waits for the disk
				return
			}
			if err := m.ix.Save(t.Context(), m.dir); err != nil {
				t.Fatal(err)
			}
		},
		"reopen": func(t *rapid.T) {
			if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 {
				return
			}
			if err := m.ix.Save(t.Context(), m.dir); err != nil {
				t.Fatal(err)
			}
			m.ix.Close()
			var err error
			if rapid.Bool().Draw(t, "mapped") {
				m.ix, err = Open(m.dir, Options{})
			} else {
				m.ix, err = Load(t.Context(), m.dir, Options{})
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"": m.check,
	}
}

// check searches and compares.
func (m *model) check(t *rapid.T) {
	if m.ix.Len() != len(m.passages) {
		t.Fatalf("%d passages: want %d", m.ix.Len(), len(m.passages))
	}
	q := retriever.Query{
		Text: strings.Join(rapid.SliceOfN(rapid.SampledFrom(mixed), 0, 5).Draw(t, "query"), " "),
		K:    rapid.IntRange(1, 12).Draw(t, "k"),
	}
	if rapid.IntRange(0, 3).Draw(t, "filtered") == 0 {
		q.Filter = filter.Compare{Field: "n", Op: filter.Eq, Value: filter.Int(1)}
	}
	got, err := m.ix.Retrieve(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	want := newExhaustive(m.ix, m.passages, m.languages).retrieve(q)
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%q (-want +got):\n%s", q.Text, d)
	}
}

// After any additions, replacements, deletions, saves and reads, an index finds
// what the slow reference finds among the remaining passages, with equal scores in
// equal order.
func TestModel(t *testing.T) {
	parent := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		ix, err := New(t.Context(), nil, Options{})
		if err != nil {
			t.Fatal(err)
		}
		dir, err := os.MkdirTemp(parent, "")
		if err != nil {
			t.Fatal(err)
		}
		m := &model{ix: ix, dir: dir}
		defer func() { m.ix.Close() }()
		t.Repeat(m.actions())
	})
}
