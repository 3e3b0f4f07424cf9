package sglang_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/sglang"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
	"github.com/goselfrag/goselfrag/modelserver"
)

func TestFaults(t *testing.T) {
	completiontest.Faults(t, stub{}, func(s modelserver.Config) (generator.Generator, error) {
		return sglang.New(sglang.Config{Server: s})
	})
}

func TestCommon(t *testing.T) {
	completiontest.Common(t, stub{}, func(s modelserver.Config, noProbs, noTokens bool, template generator.PromptTemplate) (generator.Generator, error) {
		return sglang.New(sglang.Config{Server: s, NoProbs: noProbs, NoTokens: noTokens, Template: template})
	})
}

func FuzzAnswer(f *testing.F) {
	completiontest.Fuzz(f, stub{}, "/generate", func(s modelserver.Config) (generator.Generator, error) {
		return sglang.New(sglang.Config{Server: s})
	})
}
