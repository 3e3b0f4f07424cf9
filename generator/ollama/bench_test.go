package ollama_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

func BenchmarkStream(b *testing.B) {
	type line struct {
		Response string
		LogProbs []stubLogProb
	}
	completiontest.Benchmark[line](b, stub{}, ollama.New)
}
