package langchain

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/tmc/langchaingo/schema"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// docs is a loader of given documents.
type docs []schema.Document

func (d docs) Load(ctx context.Context) ([]schema.Document, error) { return d, ctx.Err() }

type loaderFunc func() ([]schema.Document, error)

func (f loaderFunc) Load(context.Context) ([]schema.Document, error) { return f() }

func TestMetadata(t *testing.T) {
	ps, err := Passages(t.Context(), "n", docs{{PageContent: " One. ", Metadata: map[string]any{
		"title": "T", "path": "own", "i": 3, "u": uint8(4), "f": 2.0, "b": true, "s": []string{"x"}, "t": time.Unix(0, 0), "none": nil, "m": map[string]int{"a": 1},
	}}}, ingest.Split{})
	if err != nil {
		t.Fatal(err)
	}
	want := []retriever.Passage{{ID: "n#1", Title: "T", Text: "One.", Source: retriever.Source{URI: "n"}, Metadata: filter.Metadata{
		"title": filter.String("T"), "path": filter.String("own"), "i": filter.Int(3), "u": filter.Int(4), "f": filter.Float(2), "b": filter.Bool(true),
		"s": filter.Strings("x"), "t": filter.Time(time.Unix(0, 0)), "m": filter.String(`{"a":1}`),
	}}}
	if d := cmp.Diff(want, ps); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestErrors(t *testing.T) {
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		loader Loader
		want   error
	}{
		"nothing":  {docs{}, ingest.ErrNoText},
		"blank":    {docs{{PageContent: " \n"}}, ingest.ErrNoText},
		"bytes":    {docs{{PageContent: "\xff"}}, ingest.ErrNotUTF8},
		"loader":   {loaderFunc(func() ([]schema.Document, error) { return nil, broken }), broken},
		"panic":    {loaderFunc(func() ([]schema.Document, error) { panic("index out of range") }), ErrPanic},
		"metadata": {docs{{PageContent: "a", Metadata: map[string]any{"c": func() {}}}}, nil},
		"no name":  {docs{{PageContent: "a", Metadata: map[string]any{"": 1}}}, nil},
	} {
		_, err := Passages(t.Context(), "n", tc.loader, ingest.Split{})
		var file *ingest.FileError
		var field *filter.MetadataError
		if !errors.As(err, &file) || file.Path != "n" || tc.want != nil && !errors.Is(err, tc.want) || tc.want == nil && !errors.As(err, &field) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	if _, err := Passages(t.Context(), "n", docs{{PageContent: "a"}}, ingest.Split{Size: -1}); !errors.Is(err, ingest.ErrOption) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Passages(ctx, "n", docs{{PageContent: "a"}}, ingest.Split{}); err != context.Canceled {
		t.Error(err)
	}
	// In the middle of a document, too.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	count := func(text string) int { cancel(); return len(text) }
	if _, err := Passages(ctx, "n", docs{{PageContent: "One. Two. Three."}}, ingest.Split{Unit: ingest.Tokens, Count: count}); err != context.Canceled {
		t.Error(err)
	}
}

func TestLongTitle(t *testing.T) {
	for n, want := range map[int]int{60: 299, 61: 299} {
		title := strings.TrimSpace(strings.Repeat("word ", n))
		if got := utf8.RuneCountInString(shorten(title)); got > 300 || n == 60 && got != want {
			t.Errorf("%d words: %d characters", n, got)
		}
	}
	if got := shorten(strings.Repeat("é", 301)); utf8.RuneCountInString(got) != 300 {
		t.Errorf("%q", got)
	}
}
