package linear

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
)

// Format and Version are at the head of every model file.
const (
	Format  = "goselfrag-linear"
	Version = 1
)

// maxFile is the greatest length of a model file in bytes.
const maxFile = 64 << 20

// Errors of Read, wrapped in a [*FileError].
var (
	ErrFormat    = errors.New("not a model file")
	ErrTruncated = errors.New("truncated model file")
	ErrAltered   = errors.New("altered model file")
	ErrNewer     = errors.New("model file of a newer version")
	ErrContent   = errors.New("bad content of a model file")
)

// FileError says why a model file cannot be used and what to do. It wraps one of
// the errors above.
type FileError struct {
	Err    error
	Reason string
}

// Error implements error.
func (e *FileError) Error() string { return "linear: " + e.Err.Error() + ": " + e.Reason }

// Unwrap returns the kind of error.
func (e *FileError) Unwrap() error { return e.Err }

// File is what a model file holds: models and tables of numbers by name, and
// where they come from.
type File struct {
	// Provenance says in words what was fitted to what and how.
	Provenance map[string]string `json:"provenance,omitempty"`
	Models     map[string]*Model `json:"models"`
	// Tables hold numbers by name, such as the rarity of stems.
	Tables map[string]map[string]float64 `json:"tables,omitempty"`
}

// Model returns the model of that name after checking that it has these features
// and classes, or a [*FileError].
func (f *File) Model(name string, features, classes []string) (*Model, error) {
	m := f.Models[name]
	if m == nil {
		return nil, &FileError{ErrContent, fmt.Sprintf("there is no model %q: want one that was fitted for this use", name)}
	}
	if err := m.Expects(features, classes); err != nil {
		return nil, &FileError{ErrContent, fmt.Sprintf("model %q: %v", name, err)}
	}
	return m, nil
}

func (f *File) check() error {
	for _, name := range slices.Sorted(maps.Keys(f.Models)) {
		if f.Models[name] == nil {
			return fmt.Errorf("model %q is null", name)
		}
		if err := f.Models[name].Check(); err != nil {
			return fmt.Errorf("model %q: %w", name, err)
		}
	}
	return nil
}

// envelope is the outer layer of a file. The checksum is the SHA-256 of the body
// without white space between its values, in hexadecimal.
type envelope struct {
	Format   string          `json:"format"`
	Version  int             `json:"version"`
	Checksum string          `json:"checksum"`
	Body     json.RawMessage `json:"body"`
}

func checksum(body []byte) (string, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, body); err != nil {
		return "", err
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:]), nil
}

// Write writes the file as JSON, weights rounded to six significant digits.
// Equal files give equal bytes.
func (f *File) Write(w io.Writer) error {
	if err := f.check(); err != nil {
		return &FileError{ErrContent, err.Error()}
	}
	body, err := json.Marshal(f.rounded())
	if err != nil {
		return fmt.Errorf("linear: writing a model file: %w", err)
	}
	sum, err := checksum(body)
	if err != nil {
		return fmt.Errorf("linear: writing a model file: %w", err)
	}
	b, err := json.Marshal(envelope{Format, Version, sum, body})
	if err != nil {
		return fmt.Errorf("linear: writing a model file: %w", err)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func (f *File) rounded() *File {
	out := &File{Provenance: f.Provenance, Models: map[string]*Model{}, Tables: f.Tables}
	for name, m := range f.Models {
		c := *m
		c.Weights = make([][]float64, len(m.Weights))
		for r, row := range m.Weights {
			for _, w := range row {
				c.Weights[r] = append(c.Weights[r], round(w))
			}
		}
		out.Models[name] = &c
	}
	return out
}

// round rounds to six significant digits.
func round(x float64) float64 {
	if x == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(x)))-5)
	if unit == 0 || math.IsInf(unit, 0) {
		return 0
	}
	// Dividing by a power of ten, not multiplying by its inverse, gives the
	// shortest decimal.
	if unit < 1 {
		return math.Round(x/unit) / math.Round(1/unit)
	}
	return math.Round(x/unit) * unit
}

// Read reads what Write writes. Every error about the content is a [*FileError];
// errors of r itself are returned wrapped.
func Read(r io.Reader) (*File, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("linear: reading a model file: %w", err)
	}
	if len(b) > maxFile {
		return nil, &FileError{ErrFormat, fmt.Sprintf("it is longer than %d bytes", maxFile)}
	}
	var e envelope
	if err := json.Unmarshal(b, &e); err != nil {
		var syntax *json.SyntaxError
		if bytes.HasPrefix(bytes.TrimSpace(b), []byte(`{"format":"`+Format)) && errors.As(err, &syntax) && syntax.Offset >= int64(len(b)) {
			return nil, &FileError{ErrTruncated, fmt.Sprintf("it ends after %d bytes: copy it anew", len(b))}
		}
		return nil, &FileError{ErrFormat, err.Error()}
	}
	switch {
	case e.Format != Format:
		return nil, &FileError{ErrFormat, fmt.Sprintf("its format is %.40q: want %q", e.Format, Format)}
	case e.Version > Version:
		return nil, &FileError{ErrNewer, fmt.Sprintf("it has version %d, this program reads up to %d: use a newer program or fit the model again", e.Version, Version)}
	case e.Version < 1:
		return nil, &FileError{ErrFormat, fmt.Sprintf("its version is %d: want 1 to %d", e.Version, Version)}
	}
	sum, err := checksum(e.Body)
	if err != nil || sum != e.Checksum {
		return nil, &FileError{ErrAltered, "the checksum does not match: copy the file anew, or fit the model again after a change"}
	}
	var f File
	if err := json.Unmarshal(e.Body, &f); err != nil {
		return nil, &FileError{ErrContent, err.Error()}
	}
	if err := f.check(); err != nil {
		return nil, &FileError{ErrContent, err.Error()}
	}
	return &f, nil
}
