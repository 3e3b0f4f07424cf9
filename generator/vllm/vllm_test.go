package vllm_test

import (
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/generator/vllm"
	"github.com/goselfrag/goselfrag/modelserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	for name, stub := range map[string]stub{"exact": {}, "bundled": {bundle: 3}, "old": {old: true, capped: true}} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(stub)
			defer s.Close()
			m, err := vllm.New(vllm.Config{Server: modelserver.Config{URLs: []string{s.URL}, Client: s.Client()}})
			if err != nil {
				t.Fatal(err)
			}
			opts := []generatortest.Option{generatortest.Seeded()}
			if stub.bundle > 0 {
				opts = append(opts, generatortest.Skip("next", "tokens that come together show their text with the last one"))
			}
			generatortest.TestGenerator(t, m, opts...)
		})
	}
}
