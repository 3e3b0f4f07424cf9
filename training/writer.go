package training

import (
	"bytes"
	"encoding/json"
	"io"
)

// Writer writes records as JSON lines. It is not safe for concurrent use.
type Writer struct {
	out    io.Writer
	buffer bytes.Buffer
	json   *json.Encoder
}

// NewWriter returns a writer to w, which it does not buffer: each record is one call.
func NewWriter(w io.Writer) *Writer {
	out := &Writer{out: w}
	out.json = json.NewEncoder(&out.buffer)
	out.json.SetEscapeHTML(false) // <paragraph> is to be read by people, too
	return out
}

// Write writes a record. The error is that of its Check, or of the writing; the first
// writes nothing.
func (w *Writer) Write(v Checked) error {
	if err := v.Check(); err != nil {
		return err
	}
	w.buffer.Reset()
	if err := w.json.Encode(v); err != nil {
		return err
	}
	_, err := w.out.Write(w.buffer.Bytes())
	return err
}
