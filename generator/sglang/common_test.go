package sglang_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator/sglang"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

func TestFaults(t *testing.T) { completiontest.Faults(t, stub{}, sglang.New) }

func TestCommon(t *testing.T) { completiontest.Common(t, stub{}, sglang.New) }

func FuzzAnswer(f *testing.F) { completiontest.Fuzz(f, stub{}, "/generate", sglang.New) }
