package vllm_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator/vllm"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

func TestFaults(t *testing.T) { completiontest.Faults(t, stub{}, vllm.New) }

func TestCommon(t *testing.T) { completiontest.Common(t, stub{}, vllm.New) }

func TestMethods(t *testing.T) {
	completiontest.Methods[*vllm.Model](t, "Check", "Describe", "Generate", "GroupProbs", "Next", "ResolveTokens", "Score")
}

func TestDecoders(t *testing.T) {
	completiontest.Decoders(t, stub{}, vllm.New, completiontest.Family{Whole: true, Scores: true, End: true})
}

func FuzzAnswer(f *testing.F) { completiontest.Fuzz(f, stub{}, "/v1/completions", vllm.New) }

func TestSoak(t *testing.T) { completiontest.Soak(t, stub{}, vllm.New) }
