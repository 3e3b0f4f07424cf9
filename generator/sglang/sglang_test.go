package sglang_test

import (
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/generator/sglang"
	"github.com/goselfrag/goselfrag/modelserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	for name, stub := range map[string]stub{"whole": {}, "incremental": {incremental: true}} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(stub)
			defer s.Close()
			m, err := sglang.New(sglang.Config{Server: modelserver.Config{URLs: []string{s.URL}, Client: s.Client()}})
			if err != nil {
				t.Fatal(err)
			}
			generatortest.TestGenerator(t, m)
		})
	}
}
