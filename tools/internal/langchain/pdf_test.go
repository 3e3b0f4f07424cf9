package langchain_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tmc/langchaingo/documentloaders"

	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/ingest/langchain"
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
	ps, err := langchain.Passages(t.Context(), "a/report.pdf", documentloaders.NewPDF(bytes.NewReader(data), int64(len(data))), ingest.Split{Unit: ingest.Sentences, Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range ps {
		got = append(got, fmt.Sprintf("%s|%s|%s|%v of %v|%v", p.ID, p.Title, p.Text, p.Metadata["page"], p.Metadata["total_pages"], p.Source))
	}
	want := []string{
		"a/report.pdf#1|report|The bridge was opened in 1932.|1 of 2|a/report.pdf",
		"a/report.pdf#2|report|Dr. Smith came.|1 of 2|a/report.pdf",
		"a/report.pdf#3|report|It is [Relevant] and long.|2 of 2|a/report.pdf",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	// A file that is cut off gives an error, and no panic gets out.
	for n := range len(data) {
		_, err := langchain.Passages(t.Context(), "a.pdf", documentloaders.NewPDF(bytes.NewReader(data[:n]), int64(n)), ingest.Split{})
		var file *ingest.FileError
		if n < len(data)-10 && !errors.As(err, &file) {
			t.Fatalf("%d of %d bytes: %v", n, len(data), err)
		}
	}
}
