package llamacpp_test

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator/llamacpp"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
)

func TestFaults(t *testing.T) { completiontest.Faults(t, stub{}, llamacpp.New) }

func TestCommon(t *testing.T) { completiontest.Common(t, stub{}, llamacpp.New) }

func TestMethods(t *testing.T) {
	completiontest.Methods[*llamacpp.Model](t, "Check", "Describe", "Generate", "GroupProbs", "Next", "ResolveTokens")
}

func TestDecoders(t *testing.T) {
	completiontest.Decoders(t, stub{}, llamacpp.New, completiontest.Family{Whole: true, End: true})
}

func FuzzAnswer(f *testing.F) { completiontest.Fuzz(f, stub{}, "/completion", llamacpp.New) }
