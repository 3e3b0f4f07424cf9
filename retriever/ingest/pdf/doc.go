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
// cgo. A file cannot access anything outside of that memory. Every document has a memory
// of its own, which is freed after reading.
//
// # Text
//
// Lines become paragraphs, separated by blank lines. Tabs separate the cells of a row of a
// table. A word divided at the end of a line is joined; its hyphen is kept if the document
// has the word with a hyphen elsewhere. Columns are read one after the other. Ligatures
// become letters. These are left out: lines that repeat at the top or bottom of several
// pages, page numbers, and invisible text outside of the page. The text of pictures, form
// fields and annotations is not read.
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
