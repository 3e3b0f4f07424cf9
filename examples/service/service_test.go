package main

import (
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever/ingest/foldersync"
	"github.com/goselfrag/goselfrag/retriever/store"
)

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
