package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// onePage is a PDF with one line of text.
func onePage(text string) string {
	content := "BT /F1 12 Tf 72 720 Td (" + text + ") Tj ET"
	var b bytes.Buffer
	var offsets []int
	b.WriteString("%PDF-1.4\n")
	for i, body := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [ 3 0 R ] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> >> >>",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content),
	} {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, body)
	}
	start := b.Len()
	b.WriteString("xref\n0 6\n0000000000 65535 f \n")
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", start)
	return b.String()
}

// PDF files are read beside the others, and alone; one that cannot be read is named.
func TestAskReadsPDF(t *testing.T) {
	files := map[string]string{
		"a/tower.PDF": onePage("The lighthouse of Brannock was built in 1871 by Ada Kerr."),
		".hidden.pdf": onePage("The lighthouse was built by nobody."),
		".git/x.pdf":  onePage("The lighthouse was built by nobody."),
		"bad.pdf":     "no PDF",
		"table.xlsx":  "x",
	}
	for _, more := range []string{"", "notes.txt"} {
		if more != "" {
			files[more] = "Ferries leave at nine."
		}
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"-docs", folder(t, files), "-mode", "always", "-filter", `format = "pdf"`, "Who built the lighthouse of Brannock?"}, &out, &errs)
		if code != 0 || !strings.Contains(out.String(), "by Ada Kerr [1]") || !strings.Contains(out.String(), "a/tower.PDF") || strings.Contains(out.String(), "nobody") {
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
