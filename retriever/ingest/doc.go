// Package ingest makes passages of documents: it loads Markdown, HTML, plain text
// and files of records, and cuts them, keeping for every passage the bytes of the
// file that it came from.
//
// [Dir] and [FS] read a folder, [Document] one document that is already in memory,
// and [Stream] one that is too large for it. [Split] says how text is cut. Text of
// documents is data: nothing in it is understood but the markup of its format, and
// strings that mean something to a model stay as they are.
//
// Package clean drops passages that are not worth an index, and package vectors
// reads embeddings that were made elsewhere.
//
// # Formats
//
// The end of the name decides, in upper or lower case: .txt and .text; .md and
// .markdown; .html and .htm; .jsonl and .ndjson; .csv; .tsv. All must be UTF-8; a
// byte order mark is passed over.
//
//   - Plain text is kept byte for byte.
//   - Markdown (CommonMark with tables, strikethrough and task lists): links leave
//     their text, code its text; images, raw tags, link definitions and front
//     matter are dropped, but that a "title:" of the front matter names the document.
//   - HTML: what is not shown as text is dropped (scripts, styles, navigation,
//     templates, form controls and the like), character references are decoded.
//   - Records are passages already: a line of JSON, or a row of a table, with an id,
//     a title and a text; see [Stream].
//
// In Markdown and HTML, white space is collapsed to single spaces but in code
// blocks, a blank line separates paragraphs, list items and table rows, and a tab
// the cells of a row.
package ingest
