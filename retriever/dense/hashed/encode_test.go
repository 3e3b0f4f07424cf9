package hashed

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An embedder that was marshaled embeds alike, and bytes that are cut or changed are refused.
func TestMarshal(t *testing.T) {
	e := fit(t, Options{Dim: 64, Seed: 3}, "A river in spring.", "The old bridge", "boats")
	data, err := e.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var back Embedder
	if err := back.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"river bridge", "boats on the unknown sea", ""} {
		if diff := cmp.Diff(e.document(text), back.document(text)); diff != "" {
			t.Errorf("document %q: %s", text, diff)
		}
		a, _ := e.EmbedQuery(t.Context(), text)
		b, err := back.EmbedQuery(t.Context(), text)
		if diff := cmp.Diff(a, b); diff != "" || err != nil {
			t.Errorf("query %q: %v %s", text, err, diff)
		}
	}
	for i := range data {
		bad := slices.Clone(data)
		bad[i] ^= 0x40
		for _, b := range [][]byte{bad, data[:i]} {
			if err := new(Embedder).UnmarshalBinary(b); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
}
