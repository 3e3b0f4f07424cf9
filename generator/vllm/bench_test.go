package vllm_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator/vllm"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

// BenchmarkStream has the natural alternatives of an old server, since a new one
// gives those that are asked for or these.
func BenchmarkStream(b *testing.B) {
	type event struct {
		Choices []struct {
			Text     string
			TokenIDs []int32 `json:"token_ids"`
			LogProbs struct {
				Tokens        []string
				TokenLogProbs []float64            `json:"token_logprobs"`
				TopLogProbs   []map[string]float64 `json:"top_logprobs"`
			}
		}
	}
	completiontest.Benchmark[event](b, stub{old: true}, vllm.New)
}
