package oracle_test

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/goselfrag/goselfrag/tools/internal/toymodel"
	"github.com/goselfrag/goselfrag/tools/internal/toymodel/oracle"
)

func file(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := toymodel.Write(&b, toymodel.UserDefined); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTokens(t *testing.T) {
	m, err := oracle.Load(file(t))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		"":                               {"<s>"},
		"the moon":                       {"<s>", " the", " moon"},
		"The  moon":                      {"<s>", " The", " ", " moon"},
		"mooned":                         {"<s>", " moon", "e", "d"},
		"é\n":                            {"<s>", " ", "<0xC3>", "<0xA9>", "<0x0A>"},
		"<paragraph>Moon</paragraph>":    {"<s>", "<paragraph>", " Moon", "</paragraph>"},
		"[Relevant] the moon.</s>":       {"<s>", "[Relevant]", " ", " the", " moon", ".", "</s>"},
		"[relevant]":                     {"<s>", " ", "[", "r", "e", "l", "e", "v", "a", "n", "t", "]"},
		"[No support / Contradictory]it": {"<s>", "[No support / Contradictory]", " it"},
	} {
		var got []string
		for _, id := range m.Tokens(text) {
			got = append(got, m.Name(id))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q is the tokens %q: want %q", text, got, want)
		}
	}
}

// The state after a text does not depend on how the text came in.
func TestAppend(t *testing.T) {
	m, err := oracle.Load(file(t))
	if err != nil {
		t.Fatal(err)
	}
	whole := m.Start("the moon is")
	parts := m.Start("the")
	for _, id := range m.Tokens("moon is")[1:] {
		parts.Append(id)
	}
	a, b := whole.LogProbs(), parts.LogProbs()
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-12 {
			t.Fatalf("token %d has %v or %v", i, a[i], b[i])
		}
	}
}

func TestBadFiles(t *testing.T) {
	good := file(t)
	changed := func(old, new string) []byte {
		b := bytes.Replace(good, []byte(old), []byte(new), 1)
		if bytes.Equal(b, good) {
			t.Fatalf("%q is not in the file", old)
		}
		return b
	}
	cases := map[string][]byte{
		"empty":      nil,
		"other":      []byte("GGML and so on"),
		"version":    changed("GGUF\x03", "GGUF\x02"),
		"no layers":  changed("llama.block_count", "llama.block_counT"),
		"no tensor":  changed("output_norm.weight", "output_norm.weighT"),
		"no tokens":  changed("tokenizer.ggml.tokens", "tokenizer.ggml.tokenS"),
		"other type": changed("tokenizer.ggml.scores\x09\x00\x00\x00\x06", "tokenizer.ggml.scores\x09\x00\x00\x00\x07"),
	}
	for n := 1; n < len(good); n += 1 + n/7 {
		cases["cut"+string(rune(n))] = good[:n]
	}
	for name, b := range cases {
		if _, err := oracle.Load(b); !errors.Is(err, oracle.ErrFile) {
			t.Errorf("%s, %d bytes: error %v", name, len(b), err)
		}
	}
}

// Any bytes give a model or an error, and neither panics.
func FuzzLoad(f *testing.F) {
	good := file(f)
	f.Add(good[:600])
	f.Add(good[:2000])
	f.Add([]byte("GGUF\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x01\x00\x00\x00\x00\x00\x00\x00t\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := oracle.Load(b); err != nil && !errors.Is(err, oracle.ErrFile) {
			t.Errorf("error %v", err)
		}
	})
}
