package training

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/eval/dataset"
)

func FuzzParse(f *testing.F) {
	for _, tc := range kinds {
		f.Add(tc.text)
	}
	f.Add("[Retrieval]<paragraph>a</paragraph>[Relevant]b[Fully supported]")
	f.Add("[[[[<<<<")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := Parse(text)
		var malformed *MalformedError
		if err != nil {
			if !errors.As(err, &malformed) || malformed.Offset < 0 || malformed.Offset > len(text) || malformed.Reason == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		again := o.String()
		if utf8.RuneCountInString(again) != utf8.RuneCountInString(text) {
			t.Fatalf("%q becomes %q", text, again)
		}
		back, err := Parse(again)
		if err != nil || !cmp.Equal(shape(o), shape(back)) {
			t.Fatalf("%q: %+v, %v", again, back, err)
		}
		for _, kind := range maskKinds.Names {
			spans, err := Mask(text, kind)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := SpansOf(text, Runes(spans)); err != nil || !cmp.Equal(spans, back) {
				t.Fatalf("%v becomes %v, %v", spans, back, err)
			}
		}
	})
}

func FuzzReader(f *testing.F) {
	for _, in := range []string{released, released + "\n" + released, "[" + released + "]", "[{\"a\":\"\\\"]\"},3,null", "{\"masked\":[[0,1]]}\n[]", "\uFEFF\n"} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		all := read[Record](strings.NewReader(in))
		if diff := cmp.Diff(all, read[Record](iotest.OneByteReader(strings.NewReader(in)))); diff != "" {
			t.Fatalf("byte by byte: %s", diff)
		}
		r, last := NewReader[Record](strings.NewReader(in), "f"), 0
		for v, err := range r.All() {
			var line *dataset.LineError
			if err == nil && v.Check() != nil || errors.As(err, &line) && line.Line != r.Line() {
				t.Fatalf("%+v, %v", v, err)
			}
			if r.Line() < last || r.Line() > strings.Count(in, "\n")+1 {
				t.Fatalf("line %d after %d", r.Line(), last)
			}
			last = r.Line()
		}
	})
}
