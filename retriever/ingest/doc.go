// Package ingest makes passages of documents: it loads Markdown, HTML, plain text
// and files of records, and cuts them, and keeps for every passage which bytes of
// the file it came from.
//
//	res, err := ingest.Dir(ctx, "docs", ingest.Options{})
//	…
//	index, err := lexical.New(ctx, res.Passages, lexical.Options{})
//
// [Dir] and [FS] read a folder, [Document] one document that is already in memory,
// and [Stream] one that is too large for it. [Split] says how text is cut. Text of
// documents is data: only the markup of its format is interpreted, and strings with a
// meaning for a model are unchanged. [List] says which files of a folder are read and how
// to exclude others, and [File] reads one of them.
//
// Package clean drops useless passages, package vectors reads embeddings made by other
// programs, and package foldersync keeps an index equal to a folder.
//
// # Formats
//
// The end of the name decides, in upper or lower case: .txt and .text; .md and
// .markdown; .html and .htm; .jsonl and .ndjson; .csv; .tsv. Text that is
// not UTF-8 is converted if its encoding can be detected: by a byte order mark, by the
// declaration in a page of HTML, or by its bytes.
//
//   - Plain text is kept, except that a paragraph whose lines were broken for their width
//     becomes one line.
//   - Markdown (CommonMark with the tables, strikethrough and task lists of GitHub,
//     and footnotes): the text of links and code is kept; images, raw tags and link
//     definitions are dropped. Front matter in YAML or TOML gives the title and
//     metadata. Blocks nested more than 32 deep are text, and so are links and emphasis
//     after the first 2,000 in a paragraph. A document of more than 128 KiB is parsed in
//     parts, so a paragraph, quotation or list item of that length may be cut.
//   - HTML: elements that are not shown as text are dropped (scripts, styles,
//     navigation, templates, form controls and the like). So are elements hidden by
//     their attributes or style, which is noted. Character references are decoded.
//   - Records are passages already: a line of JSON, or a row of a table, with an id,
//     a title and a text; see [Stream].
//   - Other formats have a [Reader] in [Options].Formats. Package pdf has that of PDF.
//
// In the text of Markdown and HTML, white space is collapsed to single spaces except in
// code blocks. A blank line separates paragraphs, list items and table rows, and a tab the
// cells of a row. Line breaks are those that the author marked as such. A superscript that
// would change a number is preceded by "^".
//
// [Note] says what was changed or left out. The size of a file bounds the memory of its
// passages.
package ingest
