package realserver

import (
	"bytes"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/generator/llamacpp"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/tools/internal/toymodel"
	"github.com/goselfrag/goselfrag/tools/internal/toymodel/oracle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a real server with the toy model.
type server struct {
	name  string
	model generator.Generator
	probs bool // whether it returns probabilities
	end   bool // whether it returns that of the end token
	// tolerance is how far its log-probabilities may be from those of the oracle.
	// llama-server adds the probabilities of all tokens up in single precision.
	tolerance float64
	// count begins to watch the server. What it returns tells how many tokens the
	// server generated since for each prompt endless(name, titleWords).
	count func(t *testing.T, s server) func(names ...string) []int
}

// exact returns the oracle of what the server should say.
func (s server) exact(m *oracle.Model) exact { return exact{model: m, blind: !s.probs, end: s.end} }

// config returns where Ollama is, and false if nowhere.
func config(t *testing.T) (completions.Config, bool) {
	url := os.Getenv("GOSELFRAG_OLLAMA_URL")
	return completions.Config{Server: modelserver.Config{
		URLs: []string{url}, Model: os.Getenv("GOSELFRAG_OLLAMA_MODEL"), Retries: -1, Timeout: time.Minute, Client: client(t),
	}}, url != ""
}

// skip skips a test without its server.
func skip(t *testing.T) {
	t.Skip("GOSELFRAG_OLLAMA_URL is not set: run .ci/ollama go -C tools test ./internal/realserver")
}

// onServers runs a test on every server there is, in each way there is to speak to
// it.
func onServers(t *testing.T, test func(t *testing.T, s server)) {
	t.Helper()
	var list []server
	add := func(s server, model generator.Generator, err error) {
		if err != nil {
			t.Fatal(err)
		}
		s.model = model
		list = append(list, s)
	}
	if c, found := config(t); found {
		log := os.Getenv("GOSELFRAG_OLLAMA_LOG")
		count := func(t *testing.T, s server) func(names ...string) []int { return countInLog(t, s, log) }
		m, err := ollama.New(c)
		add(server{name: "ollama", probs: true, tolerance: 1e-5, count: count}, m, err)
		c.NoProbs = true // Ollama's /v1/completions takes the field logprobs and ignores it
		open, err := completions.New(c)
		add(server{name: "completions", tolerance: 1e-5, count: count}, open, err)
	}
	if url, found := llamaServer(t); found {
		// It closes the connection behind every stream without saying so, which takes
		// another try.
		m, err := llamacpp.New(completions.Config{Server: modelserver.Config{URLs: []string{url}, Timeout: time.Minute, Client: client(t)}})
		add(server{name: "llamacpp", probs: true, end: true, tolerance: 1e-3, count: func(t *testing.T, _ server) func(names ...string) []int {
			return func(names ...string) []int { return decoded(t, url, names...) }
		}}, m, err)
	}
	if len(list) == 0 {
		skip(t)
	}
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			if err := generator.Check(t.Context(), s.model); err != nil {
				t.Fatal(err)
			}
			test(t, s)
		})
	}
}

// toy returns the oracle of the toy model.
func toy(t *testing.T) *oracle.Model {
	t.Helper()
	var b bytes.Buffer
	if err := toymodel.Write(&b, toymodel.UserDefined); err != nil {
		t.Fatal(err)
	}
	m, err := oracle.Load(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return m
}
