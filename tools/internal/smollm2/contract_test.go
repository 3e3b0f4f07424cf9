//go:build slow

package smollm2

import (
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
)

// The contract suites make hundreds of calls, which take many minutes.
func TestContract(t *testing.T) {
	for name, m := range map[string]generator.Generator{"ollama": continuing(t), "chat": chatting(t, 20)} {
		t.Run(name, func(t *testing.T) {
			generatortest.TestGenerator(t, m, generatortest.Tolerance(1e-2), generatortest.Seeded(), generatortest.MaxTokens(2))
		})
	}
}
