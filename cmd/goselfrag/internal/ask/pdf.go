package ask

import (
	"fmt"
	"io"

	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/ingest/pdf"
)

// otherFormats returns readers of the formats that package ingest does not read itself, and
// a function that frees them. Preparing them takes some time at the first use; stderr says
// so.
func otherFormats(stderr io.Writer) (readers map[string]ingest.Reader, free func()) {
	reader := pdf.New(pdf.Options{Preparing: func() {
		fmt.Fprintln(stderr, "preparing the reader of PDF, once: about 7 s")
	}})
	return map[string]ingest.Reader{".pdf": reader}, func() { reader.Close() } // an error leaves nothing to do
}
