package ollama_test

import (
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/modelserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	s := httptest.NewServer(stub{})
	defer s.Close()
	m, err := ollama.New(ollama.Config{Server: modelserver.Config{URLs: []string{s.URL}, Model: "tiny", Client: s.Client()}})
	if err != nil {
		t.Fatal(err)
	}
	generatortest.TestGenerator(t, m, generatortest.Seeded())
}
