package ollama_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
	"github.com/goselfrag/goselfrag/modelserver"
)

func BenchmarkStream(b *testing.B) {
	type line struct {
		Response string
		LogProbs []stubLogProb
	}
	completiontest.Benchmark[line](b, stub{}, func(s modelserver.Config) (generator.Generator, error) {
		return ollama.New(ollama.Config{Server: s})
	})
}
