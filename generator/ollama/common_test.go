package ollama_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

func TestFaults(t *testing.T) { completiontest.Faults(t, stub{}, ollama.New) }

func TestCommon(t *testing.T) { completiontest.Common(t, stub{}, ollama.New) }

func TestMethods(t *testing.T) {
	completiontest.Methods[*ollama.Model](t, "Check", "Describe", "Generate")
}

func TestDecoders(t *testing.T) {
	completiontest.Decoders(t, stub{}, ollama.New, completiontest.Family{})
}

func FuzzAnswer(f *testing.F) { completiontest.Fuzz(f, stub{}, "/api/generate", ollama.New) }

func TestSoak(t *testing.T) { completiontest.Soak(t, stub{}, ollama.New) }
