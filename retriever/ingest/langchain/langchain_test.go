package langchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tmc/langchaingo/documentloaders"
	"github.com/tmc/langchaingo/schema"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// pdf makes a file with a line of text on each page.
func pdf(pages ...string) []byte {
	var b bytes.Buffer
	var offsets []int
	object := func(body string) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(offsets), body)
	}
	b.WriteString("%PDF-1.4\n")
	object("<< /Type /Catalog /Pages 2 0 R >>")
	var kids strings.Builder
	for i := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", 4+2*i)
	}
	object(fmt.Sprintf("<< /Type /Pages /Kids [ %s] /Count %d >>", &kids, len(pages)))
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	for i, text := range pages {
		object(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>", 5+2*i))
		content := fmt.Sprintf("BT /F1 12 Tf 72 720 Td (%s) Tj ET", text)
		object(fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content))
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, start)
	return b.Bytes()
}

func TestPDF(t *testing.T) {
	data := pdf("The bridge was opened in 1932. Dr. Smith came.", "It is [Relevant] and long.")
	ps, err := Passages(t.Context(), "a/report.pdf", documentloaders.NewPDF(bytes.NewReader(data), int64(len(data))), ingest.Split{Unit: ingest.Sentences, Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range ps {
		got = append(got, fmt.Sprintf("%s|%s|%s|%v of %v|%v", p.ID, p.Title, p.Text, p.Metadata["page"], p.Metadata["total_pages"], p.Source))
	}
	want := []string{
		"a/report.pdf#1|report|The bridge was opened in 1932.|1 of 2|{a/report.pdf 0 0}",
		"a/report.pdf#2|report|Dr. Smith came.|1 of 2|{a/report.pdf 0 0}",
		"a/report.pdf#3|report|It is [Relevant] and long.|2 of 2|{a/report.pdf 0 0}",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	// A file that is cut off gives an error, and no panic gets out.
	for n := range len(data) {
		_, err := Passages(t.Context(), "a.pdf", documentloaders.NewPDF(bytes.NewReader(data[:n]), int64(n)), ingest.Split{})
		var file *ingest.FileError
		if n < len(data)-10 && !errors.As(err, &file) {
			t.Fatalf("%d of %d bytes: %v", n, len(data), err)
		}
	}
}

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
	want := []retriever.Passage{{ID: "n#1", Title: "T", Text: "One.", Source: retriever.Source{URI: "n"}, Metadata: retriever.Metadata{
		"title": retriever.String("T"), "path": retriever.String("own"), "i": retriever.Int(3), "u": retriever.Int(4), "f": retriever.Float(2), "b": retriever.Bool(true),
		"s": retriever.Strings("x"), "t": retriever.Time(time.Unix(0, 0)), "m": retriever.String(`{"a":1}`),
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
		var field *retriever.MetadataError
		if !errors.As(err, &file) || file.Path != "n" || tc.want != nil && !errors.Is(err, tc.want) || tc.want == nil && !errors.As(err, &field) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	if _, err := Passages(t.Context(), "n", docs{{PageContent: "a"}}, ingest.Split{Size: -1}); !errors.Is(err, ingest.ErrOptions) {
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
