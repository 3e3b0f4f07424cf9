package pdf

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/retriever/ingest"
)

// build makes a PDF of objects, numbered from 1; the first is the catalog.
func build(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return b.Bytes()
}

func stream(dict, data string) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(data), data)
}

func deflated(data []byte) string {
	var b bytes.Buffer
	z, err := zlib.NewWriterLevel(&b, zlib.BestSpeed)
	if err != nil {
		panic(err)
	}
	z.Write(data)
	z.Close()
	return stream("/Filter /FlateDecode", b.String())
}

const (
	catalog = "<< /Type /Catalog /Pages 2 0 R >>"
	onePage = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
	font    = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
)

// page is one with the font 4 0 R and a content.
func pageOf(content int) string {
	return fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << /Font << /F1 4 0 R >> >> >>", content)
}

func text(s string) string { return stream("", "BT /F1 12 Tf 72 720 Td ("+s+") Tj ET") }

// exponential is a page that draws a form, which draws another ten times, and so on.
func exponential(depth int) []byte {
	objects := []string{catalog, onePage, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>", stream("", "/X Do")}
	for i := range depth {
		objects = append(objects, stream(fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /XObject << /X %d 0 R >> >>", 6+i), strings.Repeat("/X Do ", 10)))
	}
	return build(append(objects, stream("/Type /XObject /Subtype /Form /BBox [0 0 612 792]", "0 0 m 9 9 l S"))...)
}

// Files made to take a machine down end with a typed error, within the limits.
func TestHostile(t *testing.T) {
	loop := build(catalog, "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>")
	const mega = 1 << 20
	content, memory := testsize.Raced(4*mega, 8*mega), int64(testsize.Raced(32*mega, 64*mega))
	many := make([]string, 300)
	for i := range many {
		many[i] = "3 0 R"
	}
	for name, c := range map[string]struct {
		data []byte
		o    Options
		want []error
	}{
		"empty":           {nil, Options{}, []error{ErrDamaged}},
		"text":            {[]byte("This is no PDF."), Options{}, []error{ErrDamaged}},
		"header":          {[]byte("%PDF-1.7\n"), Options{}, []error{ErrDamaged}},
		"zeros":           {make([]byte, 1<<20), Options{}, []error{ErrDamaged}},
		"page tree loops": {loop, Options{}, []error{ErrDamaged, ErrNoText}},
		"no pages":        {build(catalog, "<< /Type /Pages /Kids [] /Count 0 >>"), Options{}, []error{ErrDamaged}},
		"pages":           {build(catalog, "<< /Type /Pages /Kids ["+strings.Join(many, " ")+"] /Count 300 >>", pageOf(5), font, text("One.")), Options{MaxPages: 299}, []error{ErrLimit}},
		"text limit":      {build(catalog, "<< /Type /Pages /Kids ["+strings.Join(many, " ")+"] /Count 300 >>", pageOf(5), font, text("One.")), Options{MaxText: 100}, []error{ErrLimit}},
		"file":            {make([]byte, 17<<20), Options{MaxMemory: 32 << 20}, []error{ErrLimit}},
		"memory":          {build(catalog, onePage, pageOf(5), font, deflated(bytes.Repeat([]byte("BT (a) Tj ET\n"), content))), Options{MaxMemory: memory}, []error{ErrDamaged, ErrNoText, ErrLimit}},
		"forms":           {exponential(12), Options{MaxTime: 200 * time.Millisecond}, []error{ErrLimit}},
		"nested arrays":   {build(catalog, onePage, pageOf(5), font, stream("", strings.Repeat("[", 1<<20))), Options{}, []error{ErrNoText, ErrDamaged}},
		"deep dictionary": {build(catalog, onePage, strings.Repeat("<< /A ", 1<<18)+strings.Repeat(">>", 1<<18)), Options{}, []error{ErrNoText, ErrDamaged}},
		"encrypted":       {load(t, "qpdf_encrypted"), Options{}, []error{ErrEncrypted}},
		"pictures":        {load(t, "image_only"), Options{}, []error{ErrNoText}},
		"truncated":       {load(t, "truncated"), Options{}, []error{ErrDamaged}},
	} {
		t.Run(name, func(t *testing.T) {
			r := reader()
			if c.o.MaxPages+c.o.MaxText+int(c.o.MaxMemory)+int(c.o.MaxTime) > 0 {
				r = New(c.o)
				defer r.Close()
			}
			got, err := r.Read(t.Context(), c.data)
			for _, want := range c.want {
				if errors.Is(err, want) {
					return
				}
			}
			t.Errorf("%v, want one of %v; %d bytes of text", err, c.want, len(got.Body))
		})
	}
}

// When the context is done the reading ends, whatever PDFium does, and the reader can be
// used on.
func TestInterrupt(t *testing.T) {
	r := reader()
	if _, err := r.Read(t.Context(), load(t, "pdflib")); err != nil { // it is compiled now
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := r.Read(ctx, exponential(12)); err != context.DeadlineExceeded {
		t.Errorf("%v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := r.Read(ctx, load(t, "pdflib")); err != context.Canceled {
		t.Errorf("%v", err)
	}
	if text, err := r.Read(t.Context(), load(t, "pdflib")); err != nil || len(text.Pages) != 3 {
		t.Errorf("%d pages, %v", len(text.Pages), err)
	}
}

// What PDFium can repair is read.
func TestRepaired(t *testing.T) {
	for name, data := range map[string][]byte{
		"lying count": build(catalog, "<< /Type /Pages /Kids [3 0 R] /Count 2000000000 >>", pageOf(5), font, text("One.")),
		"no table":    bytes.Replace(build(catalog, onePage, pageOf(5), font, text("One.")), []byte("xref"), []byte("xxxx"), 1),
		"rubbish":     append([]byte("HTTP/1.1 200 OK\r\n\r\n"), build(catalog, onePage, pageOf(5), font, text("One."))...),
	} {
		got, err := reader().Read(t.Context(), data)
		if err != nil || got.Body != "One." {
			t.Errorf("%s: %q, %v", name, got.Body, err)
		}
	}
}

// Files with any damage give a text or a typed error.
func TestDamaged(t *testing.T) {
	r := New(Options{MaxTime: 10 * time.Second, MaxMemory: 128 << 20})
	defer r.Close()
	typed := []error{ErrDamaged, ErrNoText, ErrEncrypted, ErrLimit}
	for seed := range uint64(testsize.Raced(40, 150)) {
		rng := rand.New(rand.NewPCG(seed, 1))
		data := load(t, []string{"fpdf2", "pdflib", "reportlab", "qpdf_linearized", "pdfkit", "rotated"}[rng.IntN(6)])
		for range 1 + rng.IntN(20) {
			at := rng.IntN(len(data))
			switch rng.IntN(4) {
			case 0:
				data[at] = byte(rng.Uint32())
			case 1:
				data = slices.Delete(data, at, min(at+rng.IntN(40), len(data)))
			case 2:
				data = slices.Insert(data, at, data[at:min(at+rng.IntN(40), len(data))]...)
			case 3:
				if data[at] >= '0' && data[at] <= '9' {
					data[at] = '0' + byte(rng.IntN(10))
				}
			}
		}
		_, err := r.Read(t.Context(), data)
		if err != nil && !slices.ContainsFunc(typed, func(e error) bool { return errors.Is(err, e) }) {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// The same file gives the same text, also if others are read at the same time.
func TestConcurrent(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.pdf")
	files = files[:testsize.Raced(10, len(files))]
	want := map[string]string{}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".pdf")
		text, err := readOnce(t, files[i])
		want[files[i]] = fmt.Sprint(text, err)
	}
	var wg sync.WaitGroup
	for k := range 4 {
		wg.Go(func() {
			for i := range files {
				f := files[(i*(k+1)+k)%len(files)]
				text, err := reader().Read(t.Context(), load(t, f))
				if got := fmt.Sprint(text, err); got != want[f] {
					t.Errorf("%s: %s, want %s", f, got, want[f])
				}
			}
		})
	}
	wg.Wait()
}

func TestClosed(t *testing.T) {
	r := New(Options{})
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Read(t.Context(), load(t, "pdflib")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{MaxPages: -1}, {MaxText: -1}, {MaxTime: -1}, {MaxMemory: 1}, {MaxMemory: 4 << 30}} {
		if _, err := New(o).Read(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "pdf: Options.Max") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// What reading again cannot change is told apart from what it may.
func TestErrorsOfTheDocument(t *testing.T) {
	for err, want := range map[error]bool{ErrNoText: true, ErrEncrypted: true, ErrDamaged: false, ErrLimit: false} {
		if got := errors.Is(fmt.Errorf("x: %w", err), ingest.ErrNoText); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}
