package completions_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

func TestFaults(t *testing.T) { completiontest.Faults(t, stub{}, completions.New) }

func TestCommon(t *testing.T) { completiontest.Common(t, stub{}, completions.New) }

func TestMethods(t *testing.T) {
	completiontest.Methods[*completions.Model](t, "Check", "Describe", "Generate")
}

func TestDecoders(t *testing.T) {
	completiontest.Decoders(t, stub{}, completions.New, completiontest.Family{})
}

func FuzzAnswer(f *testing.F) { completiontest.Fuzz(f, stub{}, "/v1/completions", completions.New) }
