package main

import (
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever/ingest/foldersync"
	"github.com/goselfrag/goselfrag/retriever/store"
)

const question = "How do I stop the machine?"

// service is the store and the folder of a service.
type service struct {
	t          *testing.T
	store      *store.Store
	data, docs string
}

func newService(t *testing.T) *service {
	s := &service{t: t, data: t.TempDir(), docs: t.TempDir()}
	s.write("acme/manual.md", "To stop the machine, press the red button.")
	s.write("acme/color.md", "The machine is green.")
	s.write("globex/manual.md", "The machine stops by itself.")
	s.open()
	t.Cleanup(func() { s.check(s.store.Close()) })
	s.sync()
	return s
}

func (s *service) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *service) write(name, text string) {
	path := filepath.Join(s.docs, name)
	s.check(os.MkdirAll(filepath.Dir(path), 0o755))
	s.check(os.WriteFile(path, []byte(text), 0o600))
}

func (s *service) open() {
	var err error
	s.store, err = store.Open(s.t.Context(), s.data, store.Options{})
	s.check(err)
}

func (s *service) sync() foldersync.Report {
	report, err := foldersync.Sync(s.t.Context(), s.store, s.docs, foldersync.Options{})
	s.check(err)
	return report
}

// ask asks for a tenant; the model takes so long for each candidate.
func (s *service) ask(tenant, question, filter string, delay time.Duration) (int, string) {
	model := &generatortest.Script{Rules: []generatortest.Rule{
		{When: generatortest.Decides(), Steps: generatortest.Decision(0.9)},
		{When: generatortest.Shows("red button"), Delay: delay, Steps: generatortest.Segment(0.95, "Press the red button.", [3]float64{0.9, 0.1, 0}, [5]float64{0, 0, 0, 0, 1})},
		{When: generatortest.Shows("by itself"), Delay: delay, Steps: generatortest.Segment(0.95, "It stops by itself.", [3]float64{0.9, 0.1, 0}, [5]float64{0, 0, 0, 0, 1})},
		{When: generatortest.Shows("green"), Delay: delay, Steps: generatortest.Segment(0.05, "It is green.", [3]float64{0.1, 0.1, 0.8}, [5]float64{1, 0, 0, 0, 0})},
	}}
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/?"+url.Values{"q": {question}, "filter": {filter}}.Encode(), nil)
	r.Header.Set("Tenant", tenant)
	handler(s.store, model)(w, r)
	return w.Code, w.Body.String()
}

const (
	abstains = `{"sources":[],"stop":"abstained","text":"The documents do not say."}`
	button   = `"text":"Press the red button [1]."}`
	itself   = `"text":"It stops by itself [1]."}`
)

func TestHandler(t *testing.T) {
	s := newService(t)
	for name, c := range map[string]struct {
		tenant, question, filter string
		delay                    time.Duration
		code                     int
		want                     string
	}{
		"answer":         {"acme", question, "", 0, 200, button},
		"another tenant": {"globex", question, "", 0, 200, itself},
		"no such tenant": {"initech", question, "", 0, 200, abstains},
		"no tenant":      {"", question, "", 0, 401, "no tenant"},
		"filter":         {"acme", question, `path = "acme/color.md"`, 0, 200, abstains},
		"not their own":  {"acme", question, `path prefix "globex/" or true`, 0, 200, button},
		"of another":     {"acme", question, `path prefix "globex/"`, 0, 200, abstains},
		"bad filter":     {"acme", question, `path ~ "other"`, 0, 400, "filter: 1:6"},
		"blank":          {"acme", " ", "", 0, 400, "it is empty"},
		"too slow":       {"acme", question, "", time.Hour, 504, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if code, text := s.ask(c.tenant, c.question, c.filter, c.delay); code != c.code || !strings.Contains(text, c.want) {
					t.Errorf("%d, %s: want %d, %s", code, text, c.code, c.want)
				}
			})
		})
	}
}

// After a restart the answers are there before the folder is looked at, and no file that is
// as it was is read again. What was deleted is gone, for its tenant alone.
func TestRestartAndDeletion(t *testing.T) {
	s := newService(t)
	answers := func(tenant, want string) {
		t.Helper()
		if code, text := s.ask(tenant, question, "", 0); code != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d, %s: want %s", tenant, code, text, want)
		}
	}
	s.check(s.store.Close())
	if code, _ := s.ask("acme", question, "", 0); code != 503 {
		t.Errorf("the store is closed: status %d", code)
	}
	s.open()
	answers("acme", button)
	answers("globex", itself)
	s.check(os.Remove(filepath.Join(s.docs, "acme/manual.md")))
	if r := s.sync(); r.Unchanged != 2 || len(r.Removed) != 1 || r.Passages > 0 {
		t.Errorf("%+v", r)
	}
	for range 2 {
		answers("acme", abstains)
		answers("globex", itself)
		s.check(s.store.Close())
		s.open()
	}
}
