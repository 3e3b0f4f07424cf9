package seed

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/training"
)

type asqaItem struct {
	Question    string `json:"ambiguous_question"`
	Annotations []struct {
		Answer string `json:"long_answer"`
	} `json:"annotations"`
}

func (i asqaItem) id() training.ID { return "" }
func (i asqaItem) Check() error {
	if i.Question == "" {
		return missing("ambiguous_question")
	}
	return nil
}

func (i asqaItem) questionAnswer(string) (string, string, error) {
	if len(i.Annotations) == 0 {
		return "", "", Unanswered
	}
	return i.Question, i.Annotations[0].Answer, nil
}

// asqaItems yields the items of "train" in their order, one at a time.
func asqaItems(r io.Reader, name string) func(yield func(string, int, item, error) bool) {
	return func(yield func(string, int, item, error) bool) {
		in := &breaks{in: r}
		d := json.NewDecoder(in)
		err := toTrain(d)
		for err == nil && d.More() {
			var key json.Token
			var raw json.RawMessage
			if key, err = d.Token(); err != nil {
				break
			}
			line := in.line(d.InputOffset())
			if err = d.Decode(&raw); err != nil {
				break
			}
			i, wrong := asqaOf(raw)
			if wrong != nil {
				wrong = &dataset.LineError{File: name, Line: line, Err: wrong}
			}
			if !yield(fmt.Sprint(key), line, i, wrong) {
				return
			}
		}
		if err == nil {
			_, err = d.Token() // the end of "train"
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			yield("", 0, nil, fmt.Errorf("%s:%d: %w", name, in.line(d.InputOffset()), err))
		}
	}
}

func asqaOf(raw []byte) (i asqaItem, err error) {
	if !utf8.Valid(raw) {
		return i, fmt.Errorf("%w: not UTF-8", training.ErrRecord)
	}
	if err := json.Unmarshal(raw, &i); err != nil {
		return i, fmt.Errorf("%w: %w", training.ErrRecord, err)
	}
	return i, i.Check()
}

// toTrain reads to the first entry of "train".
func toTrain(d *json.Decoder) error {
	wrong := fmt.Errorf("%w: want an object with the object \"train\"", training.ErrRecord)
	t, err := d.Token()
	if err != nil || t != json.Delim('{') {
		return cmp.Or(err, wrong)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if key == "train" {
			if t, err = d.Token(); err != nil || t != json.Delim('{') {
				return cmp.Or(err, wrong)
			}
			return nil
		}
		if err := skip(d); err != nil {
			return err
		}
	}
	return wrong
}

// skip passes over a value.
func skip(d *json.Decoder) error {
	for depth := 0; ; {
		t, err := d.Token()
		switch {
		case err != nil:
			return err
		case t == json.Delim('{'), t == json.Delim('['):
			depth++
		case t == json.Delim('}'), t == json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// breaks knows where the line breaks are in what was read.
type breaks struct {
	in    io.Reader
	read  int64
	ahead []int64 // the offsets of those that line has not passed
	lines int
}

// Read implements io.Reader.
func (b *breaks) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	for i := range n {
		if p[i] == '\n' {
			b.ahead = append(b.ahead, b.read+int64(i))
		}
	}
	b.read += int64(n)
	return n, err
}

// line returns the line, from 1, of an offset. Offsets must not decrease.
func (b *breaks) line(offset int64) int {
	for len(b.ahead) > 0 && b.ahead[0] < offset {
		b.ahead = b.ahead[1:]
		b.lines++
	}
	return b.lines + 1
}
