package ollama_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

func TestFaults(t *testing.T) { completiontest.Faults(t, stub{}, ollama.New) }

func TestCommon(t *testing.T) { completiontest.Common(t, stub{}, ollama.New) }

func FuzzAnswer(f *testing.F) { completiontest.Fuzz(f, stub{}, "/api/generate", ollama.New) }
