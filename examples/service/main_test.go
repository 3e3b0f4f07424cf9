package main

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

var passages = []retriever.Passage{
	{ID: "manual#7", Text: "To stop the machine, press the red button.", Metadata: filter.Metadata{"tenant": filter.String("acme")}},
	{ID: "manual#8", Text: "The machine is green.", Metadata: filter.Metadata{"tenant": filter.String("acme")}},
}

// ask asks a handler over passages whose model takes so long for each candidate.
func ask(t *testing.T, question, filter string, delay time.Duration) (int, string) {
	t.Helper()
	model := &generatortest.Script{Rules: []generatortest.Rule{
		{When: generatortest.Decides(), Steps: generatortest.Decision(0.9)},
		{When: generatortest.Shows("red button"), Delay: delay, Steps: generatortest.Segment(0.95, "Press the red button.", [3]float64{0.9, 0.1, 0}, [5]float64{0, 0, 0, 0, 1})},
		{When: generatortest.Shows("green"), Delay: delay, Steps: generatortest.Segment(0.05, "It is green.", [3]float64{0.1, 0.1, 0.8}, [5]float64{1, 0, 0, 0, 0})},
	}}
	engine, err := newEngine(model, retriever.List(passages...))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	(&Handler{engine, time.Minute}).ServeHTTP(w, httptest.NewRequest("GET", "/?"+url.Values{"q": {question}, "filter": {filter}}.Encode(), nil))
	return w.Code, w.Body.String()
}

func TestHandler(t *testing.T) {
	const question = "How do I stop the machine?"
	for name, c := range map[string]struct {
		question, filter string
		delay            time.Duration
		code             int
		want             string
	}{
		"answer":     {question, "", 0, 200, `{"sources":["manual#7"],"stop":"end","text":"Press the red button [1]."}`},
		"filter":     {question, `tenant = "other"`, 0, 200, `{"sources":[],"stop":"abstained","text":"The documents do not say."}`},
		"bad filter": {question, `tenant ~ "other"`, 0, 400, "filter: 1:8"},
		"blank":      {" ", "", 0, 400, "it is empty"},
		"too slow":   {question, "", time.Hour, 504, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if code, text := ask(t, c.question, c.filter, c.delay); code != c.code || !strings.Contains(text, c.want) {
					t.Errorf("%d, %s: want %d, %s", code, text, c.code, c.want)
				}
			})
		})
	}
}
