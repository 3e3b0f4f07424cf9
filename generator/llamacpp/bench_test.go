package llamacpp_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator/llamacpp"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

type benchToken struct {
	ID      int32
	Token   string
	LogProb float64
	Top     []benchToken `json:"top_logprobs"`
}

type benchEvent struct {
	Content string
	Tokens  []int32
	Probs   []benchToken `json:"completion_probabilities"`
}

func BenchmarkStream(b *testing.B) {
	completiontest.Benchmark[benchEvent](b, stub{special: true}, llamacpp.New)
}
