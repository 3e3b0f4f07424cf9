package ask

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// pdfOf is a PDF with a page for each text.
func pdfOf(texts ...string) string {
	var b bytes.Buffer
	var offsets []int
	object := func(format string, args ...any) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(offsets), fmt.Sprintf(format, args...))
	}
	b.WriteString("%PDF-1.4\n")
	var kids strings.Builder
	for i := range texts {
		fmt.Fprintf(&kids, "%d 0 R ", 4+2*i)
	}
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Kids [ %s] /Count %d >>", &kids, len(texts))
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	for i, text := range texts {
		object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>", 5+2*i)
		content := "BT /F1 12 Tf 72 720 Td (" + text + ") Tj ET"
		object("<< /Length %d >>\nstream\n%s\nendstream", len(content), content)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, start)
	return b.String()
}

// PDF files are read beside the others, and alone; one that cannot be read is named. The
// source of an answer has its page.
func TestAskReadsPDF(t *testing.T) {
	files := map[string]string{
		"a/tower.PDF": pdfOf("This page is about the harbour and its inn.", "The lighthouse of Brannock was built in 1871 by Ada Kerr."),
		".hidden.pdf": pdfOf("The lighthouse was built by nobody."),
		".git/x.pdf":  pdfOf("The lighthouse was built by nobody."),
		"bad.pdf":     "no PDF",
		"table.xlsx":  "x",
	}
	for _, more := range []string{"", "notes.txt"} {
		if more != "" {
			files[more] = "Ferries leave at nine."
		}
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"-docs", folder(t, files), "-mode", "always", "-filter", `format = "pdf"`, "Who built the lighthouse of Brannock?"}, &out, &errs)
		if code != 0 || !strings.Contains(out.String(), "by Ada Kerr [1]") || !strings.Contains(out.String(), "(a/tower.PDF, page 2)") || strings.Contains(out.String(), "nobody") {
			t.Errorf("exit code %d: %s%s", code, out.String(), errs.String())
		}
		if s := errs.String(); !strings.Contains(s, "skipped bad.pdf") || !strings.Contains(s, "1 skipped, 2 of other formats") {
			t.Errorf("%s", s)
		}
	}
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"-docs", folder(t, map[string]string{"bad.pdf": "no PDF"}), "x?"}, new(bytes.Buffer), &errs); code != 1 || !strings.Contains(errs.String(), "skipped bad.pdf") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}
