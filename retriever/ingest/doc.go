// Package ingest makes passages of documents: it loads Markdown, HTML, plain text
// and files of records, and cuts them, keeping for every passage the bytes of the
// file that it came from.
//
// [Dir] and [FS] read a folder, [Document] one document that is already in memory,
// and [Stream] one that is too large for it. [Split] says how text is cut. Text of
// documents is data: nothing in it is understood but the markup of its format, and
// strings that mean something to a model stay as they are. [List] says which files of a
// folder are read and how others are excluded, and [File] reads one of them.
//
// Package clean drops passages that are not worth an index, package vectors reads
// embeddings that were made elsewhere, and package foldersync keeps an index equal to a
// folder.
//
// # Formats
//
// The end of the name decides, in upper or lower case: .txt and .text; .md and
// .markdown; .html and .htm; .jsonl and .ndjson; .csv; .tsv. What is not UTF-8 is
// converted if its encoding can be told: by a byte order mark, by what a page of HTML
// declares, or by its bytes.
//
//   - Plain text is kept, but that a paragraph whose lines were broken for their width
//     becomes one line.
//   - Markdown (CommonMark with the tables, strikethrough and task lists of GitHub,
//     and footnotes): links leave their text, code its text; images, raw tags and link
//     definitions are dropped. Front matter in YAML or TOML gives the title and
//     metadata. Some structure is text when there is very much of it: blocks nested
//     more than 32 deep, and links and emphasis after the first 2,000 in a paragraph.
//     A document of more than 128 KiB is parsed in parts, so that a paragraph, quotation
//     or list item as long as that may be cut.
//   - HTML: what is not shown as text is dropped (scripts, styles, navigation,
//     templates, form controls and the like), and what is hidden by its attributes or
//     its style, which is noted. Character references are decoded.
//   - Records are passages already: a line of JSON, or a row of a table, with an id,
//     a title and a text; see [Stream].
//   - Other formats have a [Reader] in [Options].Formats. Package pdf has that of PDF.
//
// In Markdown and HTML, white space is collapsed to single spaces but in code
// blocks, a blank line separates paragraphs, list items and table rows, a tab
// the cells of a row, and a line break is one that the author wrote as such.
// Superscripts that make another number of one have a "^" before them.
//
// [Note] says what was changed or left out. What the passages of a file take in memory
// is bounded by its size.
package ingest
