package eval

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/goselfrag/goselfrag/internal/regular"
)

// settings is what must be the same for answers to be taken over: the first line of
// the file of -out.
type settings struct {
	Format    int    `json:"eval_format"`
	Generator string `json:"generator,omitempty"` // its URL; empty is the embedded model
	// Embeddings is the URL of the embedding model, if there is one.
	Embeddings string `json:"embeddings,omitempty"`
	// Adapter is the digest of the file of -adapter, if there is one.
	Adapter string `json:"adapter_sha256,omitempty"`
	// Retrieval is the pipeline, or NAME=PIPELINE of each if there are several.
	Retrieval string `json:"retrieval"`
	Corpus    string `json:"corpus_sha256"`
	Questions string `json:"questions_sha256"`
	K         int    `json:"k"`
	Seed      uint64 `json:"seed"`
	Traces    bool   `json:"traces,omitempty"` // with -sensitivity
}

// String tells settings apart.
func (s settings) String() string {
	text := fmt.Sprintf("generator %q, embeddings %q, retrieval %q, k %d, seed %d, corpus %.8s, questions %.8s, traces %t", s.Generator, s.Embeddings, s.Retrieval, s.K, s.Seed, s.Corpus, s.Questions, s.Traces)
	if s.Adapter != "" {
		text += fmt.Sprintf(", adapter %.8s", s.Adapter)
	}
	return text
}

// store keeps answers in a file, so that a run that was broken off can go on. The zero
// store keeps nothing.
type store struct {
	file  *os.File
	known map[[2]string]record // by system and question
}

// openStore makes a new file, or with resume goes on with one. A line is written and
// synced at once, so that only the last can be cut short; it is then taken away.
func openStore(name string, this settings, resume bool) (*store, error) {
	flags := os.O_RDWR | os.O_CREATE
	if !resume {
		flags |= os.O_EXCL
	}
	f, err := regular.OpenFile(name, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there already: go on with it by -resume, or name another file", name)
	}
	if err != nil {
		return nil, err
	}
	s := &store{file: f, known: map[[2]string]record{}}
	if err := s.load(name, this); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// load reads the file, cuts off a last line that is not whole, and leaves the file
// ready for the next. A file that is none of ours is not touched.
func (s *store) load(name string, this settings) error {
	text, err := io.ReadAll(s.file)
	if err != nil {
		return err
	}
	head, err := json.Marshal(this)
	if err != nil {
		return err
	}
	line, rest, whole := bytes.Cut(text, []byte("\n"))
	switch {
	case whole:
		if err := checkSettings(line, this); err != nil {
			return fmt.Errorf("%s:1: %w", name, err)
		}
	case bytes.HasPrefix(head, text): // not even the settings are whole
		return errors.Join(s.truncate(0), s.write(this))
	default:
		return fmt.Errorf("%s:1: %w", name, errForeign)
	}
	end := len(line) + 1
	for n := 2; ; n++ {
		line, rest, whole = bytes.Cut(rest, []byte("\n"))
		if !whole {
			return s.truncate(end)
		}
		if err := s.parseLine(line); err != nil && len(rest) == 0 {
			return s.truncate(end)
		} else if err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
		end += len(line) + 1
	}
}

// truncate ends the file at a place, to go on writing there.
func (s *store) truncate(end int) error {
	if err := s.file.Truncate(int64(end)); err != nil {
		return err
	}
	_, err := s.file.Seek(int64(end), io.SeekStart)
	return err
}

var errForeign = errors.New("this is no file of answers: name another one with -out")

func checkSettings(line []byte, this settings) error {
	var was settings
	if decodeStrict(line, &was) != nil {
		return errForeign
	}
	if was != this {
		return fmt.Errorf("the answers were made with other files or flags (%v; now %v): use the same, or name another file with -out", was, this)
	}
	return nil
}

func (s *store) parseLine(line []byte) error {
	var r record
	if err := decodeStrict(line, &r); err != nil {
		return fmt.Errorf("this is no answer: %w", err)
	}
	if r.System == "" || r.Question == "" {
		return errors.New(`this is no answer: "system" or "question" is missing`)
	}
	s.known[[2]string{r.System, r.Question}] = r
	return nil
}

// decodeStrict refuses fields that v does not have.
func decodeStrict(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more follows the object")
	}
	return nil
}

func (s *store) get(system, question string) (record, bool) {
	r, ok := s.known[[2]string{system, question}]
	return r, ok
}

func (s *store) add(r record) error {
	if s.file == nil {
		return nil
	}
	return s.write(r)
}

func (s *store) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

func (s *store) write(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		return err
	}
	return s.file.Sync()
}

// digest returns the SHA-256 of a file, in hexadecimal digits. A pipe could be read only
// once.
func digest(name string) (string, error) {
	f, err := regular.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// digestOf is the digest of what was read, such as the passages of a folder.
func digestOf(v any) (string, error) {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(v); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
