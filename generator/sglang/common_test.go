package sglang_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator/sglang"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

func TestFaults(t *testing.T) { completiontest.Faults(t, stub{}, sglang.New) }

func TestCommon(t *testing.T) { completiontest.Common(t, stub{}, sglang.New) }

func TestMethods(t *testing.T) {
	completiontest.Methods[*sglang.Model](t, "Check", "Describe", "Generate", "GroupProbs", "ResolveTokens", "Score")
}

func TestDecoders(t *testing.T) {
	completiontest.Decoders(t, stub{}, sglang.New, completiontest.Family{Scores: true, End: true})
}

func FuzzAnswer(f *testing.F) { completiontest.Fuzz(f, stub{}, "/generate", sglang.New) }
