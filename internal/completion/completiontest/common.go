package completiontest

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/generator/generatortest/faulthttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// Common checks common behavior of all families that no contract states. open makes
// a model of the family.
func Common[M generator.Generator](t *testing.T, stub http.Handler, open func(completions.Config) (M, error)) {
	serve := func(t *testing.T, c completions.Config) (generator.Generator, *faulthttp.Server) {
		t.Helper()
		s := faulthttp.New(stub)
		t.Cleanup(s.Close)
		c.Server = modelserver.Config{URLs: []string{faulthttp.URL}, Client: s.Client(), Model: "tiny"}
		m, err := open(c)
		if err != nil {
			t.Fatal(err)
		}
		return m, s
	}
	t.Run("characters", func(t *testing.T) { characters(t, serve) })
	t.Run("hard labels", func(t *testing.T) { hardLabels(t, serve) })
	t.Run("no tokens", func(t *testing.T) { noTokens(t, serve) })
	t.Run("broken", func(t *testing.T) { broken(t, stub, open) })
	t.Run("kept alive", func(t *testing.T) { keptAlive(t, stub, open) })
	t.Run("ready", func(t *testing.T) { ready(t, serve) })
	t.Run("configuration", func(t *testing.T) {
		server := modelserver.Config{URLs: []string{"http://localhost"}, Model: "tiny"}
		for name, c := range map[string]completions.Config{
			"no server":                  {},
			"no template, and no tokens": {Server: server, NoTokens: true},
		} {
			if _, err := open(c); !errors.Is(err, modelserver.ErrConfig) {
				t.Errorf("%s: %v: want an error that wraps ErrConfig", name, err)
			}
		}
	})
}

// serving makes a model at a stub.
type serving func(*testing.T, completions.Config) (generator.Generator, *faulthttp.Server)

// keptAlive inserts keep-alive messages between the events: the answer is the same.
func keptAlive[M generator.Generator](t *testing.T, stub http.Handler, open func(completions.Config) (M, error)) {
	noise := ""
	s := faulthttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		stub.ServeHTTP(rec, r)
		media := rec.Header().Get("Content-Type")
		w.Header().Set("Content-Type", media)
		body := rec.Body.String()
		switch {
		case noise == "":
		case strings.HasPrefix(media, "text/event-stream"):
			body = noise + strings.ReplaceAll(strings.ReplaceAll(body, "data: ", "data:"), "\n\n", "\n\n"+noise)
		case strings.Contains(media, "ndjson"):
			noise = strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(noise, "data:")), "\n", "") + "\n"
			body = noise + strings.ReplaceAll(body, "\n", "\n"+noise)
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	m, err := open(completions.Config{Server: modelserver.Config{URLs: []string{faulthttp.URL}, Client: s.Client(), Model: "tiny"}})
	if err != nil {
		t.Fatal(err)
	}
	want, err := generator.Complete(t.Context(), m, Request())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{": ping\n\n", "data: : ping\n\n", "data:\n\n", "data: {}\n\n", "data: {\"error\":null}\n\n"} {
		noise = n
		got, err := generator.Complete(t.Context(), m, Request())
		got.Usage.CachedTokens = want.Usage.CachedTokens
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%q: %v %s", n, err, d)
		}
	}
}

// characters asks for characters of two tokens: nothing of the text is lost.
func characters(t *testing.T, serve serving) {
	m, _ := serve(t, completions.Config{})
	req := Request()
	req.Prompt.Instruction, req.MaxTokens = "Which "+Accents+"?", 60
	found := 0
	for _, passage := range []string{"a", "b", "c", "d", "e"} {
		req.Prompt.Evidence[0].Text = passage
		prompt, err := generator.SelfRAGTemplate{}.Render(req.Prompt)
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		for _, p := range Generate(prompt, req.MaxTokens, 0, 0) {
			if p.kind != end {
				want += p.Text
			}
		}
		c, err := generator.Complete(t.Context(), m, req)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, s := range c.Steps {
			got += s.Text + s.Token.String()
		}
		if got != want {
			t.Errorf("%q: want %q", got, want)
		}
		found += strings.Count(want, "é")
	}
	if found == 0 {
		t.Error("no character of two tokens came")
	}
}

// hardLabels asks for no probabilities: none is invented, and the tokens are the
// same.
func hardLabels(t *testing.T, serve serving) {
	sure, _ := serve(t, completions.Config{})
	m, _ := serve(t, completions.Config{NoProbs: true})
	want, err := generator.Complete(t.Context(), sure, Request())
	if err != nil {
		t.Fatal(err)
	}
	got, err := generator.Complete(t.Context(), m, Request())
	if err != nil {
		t.Fatal(err)
	}
	if text(got) != text(want) {
		t.Errorf("%s: want %s", text(got), text(want))
	}
	for _, s := range append(got.Steps, generator.Step{LogProb: got.End}) {
		if s.LogProb.Known != reflection.Unknown || len(s.Watched) > 0 {
			t.Errorf("step %+v holds a probability", s)
		}
	}
	if caps, err := generator.Describe(t.Context(), m); err != nil || caps.Level != reflection.HardLabels || caps.LogProbs || caps.EndLogProb || caps.TopN != 0 {
		t.Errorf("%+v, %v", caps, err)
	}
}

// plain writes prompts without control tokens.
type plain struct{}

func (plain) Name() string { return "plain" }
func (plain) Hash() string { return "1" }
func (plain) Render(p generator.Prompt, special ...string) (string, error) {
	return "Q: " + generator.Neutralize(p.Instruction, special...) + "\nA:", p.Check()
}

// noTokens asks a model that is declared to have no control tokens: its text holds
// what are control tokens for the others.
func noTokens(t *testing.T, serve serving) {
	m, _ := serve(t, completions.Config{NoTokens: true, Template: plain{}})
	c, err := generator.Complete(t.Context(), m, Request())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Steps {
		if s.Token != reflection.None || len(s.Watched) > 0 || s.LogProb.Known != reflection.Exact {
			t.Errorf("step %+v", s)
		}
	}
	if caps, err := generator.Describe(t.Context(), m); err != nil || caps.Level != reflection.LevelUnstated || caps.Template != "plain" {
		t.Errorf("%+v, %v", caps, err)
	}
	m, _ = serve(t, completions.Config{NoTokens: true, NoProbs: true, Template: plain{}})
	if caps, err := generator.Describe(t.Context(), m); err != nil || caps.Level != reflection.LevelUnstated || caps.LogProbs || caps.EndLogProb {
		t.Errorf("without probabilities: %+v, %v", caps, err)
	}
}

// ready: New asks nothing, Check asks and fails if the server does, a failure is
// not kept, and a successful answer of the server is not requested again.
func ready(t *testing.T, serve serving) {
	m, s := serve(t, completions.Config{})
	if n := s.Requests(); n != 0 {
		t.Errorf("New made %d requests", n)
	}
	s.Next(faulthttp.Status(401, `{"error":"no"}`))
	if err := generator.Check(t.Context(), m); err == nil {
		t.Error("Check passed at a server that refuses")
	}
	if err := generator.Check(t.Context(), m); err != nil {
		t.Errorf("the failure was kept: %v", err)
	}
	before := s.Requests()
	if _, err := generator.Complete(t.Context(), m, Request()); err != nil || s.Requests() != before+1 {
		t.Errorf("%v, %d requests for one completion", err, s.Requests()-before)
	}
}
