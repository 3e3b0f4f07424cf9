package ingest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Fields names the fields of records that hold the id, the title and the text. For an
// empty name the well-known names are tried, in upper or lower case. The first in this
// list whose field has a fitting value is used:
//
//   - ID: id, _id, docid, doc_id, pid, passage_id, document_id, uuid.
//   - Title: title, heading, headline, subject.
//   - Text: text, contents, content, body, passage, page_content, passage_text,
//     paragraph, chunk, abstract.
type Fields struct {
	ID, Title, Text string
	// Types gives the kinds of metadata fields by name: KindString, KindInt, KindFloat,
	// KindBool, KindTime or KindStrings. A text in a table or in JSON is converted to
	// that kind, so that a filter such as year >= 2021 holds. Times are as in RFC 3339,
	// or only the date; strings are separated by commas. A value that cannot be converted
	// is left out, and the note about the field says so. Other fields of tables are
	// strings.
	Types map[string]filter.Kind
}

// The well-known names.
var (
	idNames    = strings.Fields("id _id docid doc_id pid passage_id document_id uuid")
	titleNames = strings.Fields("title heading headline subject")
	textNames  = strings.Fields("text contents content body passage page_content passage_text paragraph chunk abstract")
)

// maxFields is how many fields of a record become metadata, and maxValue how many bytes
// one may have.
const (
	maxFields = 1000
	maxValue  = 64 << 10
)

func (f Fields) check() error {
	seen := map[string]bool{}
	for _, name := range []string{f.ID, f.Title, f.Text} {
		if name != "" && seen[name] {
			return fmt.Errorf("%w: Fields: %q is named twice", ErrOption, name)
		}
		seen[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(f.Types)) {
		if k := f.Types[name]; k == filter.KindInvalid || k > filter.KindStrings {
			return fmt.Errorf("%w: Fields.Types: the kind of %q is %v: want KindString to KindStrings", ErrOption, name, k)
		}
	}
	return nil
}

// find returns the index in names of own or, if own is empty, of the first of the known
// names that is fit; -1 if there is none.
func find(names []string, own string, known []string, fit func(int) bool) int {
	if own != "" {
		return slices.Index(names, own)
	}
	for _, want := range known {
		for i, name := range names {
			if strings.EqualFold(strings.TrimSpace(name), want) && fit(i) {
				return i
			}
		}
	}
	return -1
}

// missing is the error about a record or table without text.
func (f Fields) missing(what string) error {
	if f.Text != "" {
		return fmt.Errorf("%w: no %s %q, which Options.Fields names", ErrRecord, what, f.Text)
	}
	return nil
}

// typed converts text to the kind of a field; ok is false if it cannot.
func (f Fields) typed(name, text string) (v filter.Value, ok bool) {
	s := strings.TrimSpace(text)
	switch f.Types[name] {
	case filter.KindInt:
		n, err := strconv.ParseInt(s, 10, 64)
		return filter.Int(n), err == nil
	case filter.KindFloat:
		x, err := strconv.ParseFloat(s, 64)
		v = filter.Float(x)
		return v, err == nil && v.Kind() == filter.KindFloat
	case filter.KindBool:
		switch strings.ToLower(s) {
		case "true", "yes", "1":
			return filter.Bool(true), true
		case "false", "no", "0":
			return filter.Bool(false), true
		}
		return v, false
	case filter.KindTime:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
			if t, err := time.Parse(layout, s); err == nil {
				v = filter.Time(t)
				return v, v.Kind() == filter.KindTime
			}
		}
		return v, false
	case filter.KindStrings:
		var list []string
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		v = filter.Strings(list...)
		return v, v.Kind() == filter.KindStrings
	}
	v = filter.String(text)
	return v, v.Kind() == filter.KindString
}

// value converts v, the value of a JSON record, to the kind of its field.
func (f Fields) value(name string, v filter.Value) (filter.Value, bool) {
	want, ok := f.Types[name]
	if !ok || v.Kind() == want {
		return v, true
	}
	switch text, isText := v.AsString(); {
	case isText:
		return f.typed(name, text)
	case v.Kind() == filter.KindInt && (want == filter.KindFloat || want == filter.KindString),
		want == filter.KindString && v.Kind() != filter.KindStrings:
		return f.typed(name, strings.Trim(v.String(), `"`))
	}
	return v, false
}
