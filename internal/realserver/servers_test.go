package realserver

import (
	"bytes"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/internal/toymodel"
	"github.com/goselfrag/goselfrag/internal/toymodel/oracle"
	"github.com/goselfrag/goselfrag/modelserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a real server with the toy model.
type server struct {
	name  string
	model generator.Generator
	probs bool   // whether it tells probabilities
	log   string // the file with Ollama's log
}

// address returns where Ollama is. Without one the test is skipped.
func address(t *testing.T) modelserver.Config {
	t.Helper()
	url := os.Getenv("GOSELFRAG_OLLAMA_URL")
	if url == "" {
		t.Skip("GOSELFRAG_OLLAMA_URL is not set: run .ci/ollama go test ./internal/realserver")
	}
	return modelserver.Config{URLs: []string{url}, Model: os.Getenv("GOSELFRAG_OLLAMA_MODEL"), Retries: -1, Client: client(t)}
}

// onServers runs a test on every server there is, in each way there is to speak to
// it.
func onServers(t *testing.T, test func(t *testing.T, s server)) {
	t.Helper()
	config := completions.Config{Server: address(t)}
	own, err := ollama.New(config)
	if err != nil {
		t.Fatal(err)
	}
	config.NoProbs = true // Ollama's /v1/completions takes the field logprobs and ignores it
	open, err := completions.New(config)
	if err != nil {
		t.Fatal(err)
	}
	log := os.Getenv("GOSELFRAG_OLLAMA_LOG")
	for _, s := range []server{{"ollama", own, true, log}, {"completions", open, false, log}} {
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
