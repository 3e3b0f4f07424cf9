// Package pdf reads PDF files for package ingest: their text in reading order, with the
// number of the page for every passage.
//
//	reader := pdf.New(pdf.Options{})
//	defer reader.Close()
//	docs, err := ingest.Dir(ctx, "docs", ingest.Options{
//		Formats: map[string]ingest.Reader{".pdf": reader},
//	})
//
// It reads with PDFium, which is compiled to WebAssembly and runs in this process without
// cgo: a file cannot reach anything outside of the memory of the reader. Every document
// has a memory of its own, which is dropped after it.
//
// # What the text is
//
// Lines become paragraphs, which are separated by blank lines; the cells of a row of a
// table are separated by tabs. A word that was divided at the end of a line is joined: its
// hyphen stays if the document has the word with a hyphen elsewhere. Columns are read one
// after the other. Lines that repeat at the top or at the bottom of several pages, and the
// numbers of pages, are left out; so is text outside of the page, which no reader sees.
// Ligatures become letters. The text of pictures, form fields and annotations is not read.
//
// A passage's Source has its pages, and the place of its text in [ingest.Text].Body as
// [Reader.Read] returns it: the bytes of the file itself are not text. The same file gives
// the same text with the same version of this module.
//
// # The first use
//
// PDFium is compiled to machine code at the first use of a Reader, which takes some
// seconds. The code is kept in a private folder of the user's cache, see
// [Options].Cache, so that the next process begins within a fraction of a second.
package pdf
