package vllm_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator/vllm"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

func TestFaults(t *testing.T) { completiontest.Faults(t, stub{}, vllm.New) }

func TestCommon(t *testing.T) { completiontest.Common(t, stub{}, vllm.New) }

func FuzzAnswer(f *testing.F) { completiontest.Fuzz(f, stub{}, "/v1/completions", vllm.New) }
