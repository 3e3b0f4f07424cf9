// Package foldersync keeps a store of documents equal to a folder of files.
//
//	report, err := foldersync.Sync(ctx, store, "docs", foldersync.Options{Root: "docs/"})
//
// [Sync] reads only files that changed since the last sync, cuts them by package ingest and
// gives their passages to the store, some hundred documents in a step; documents whose files
// are gone are removed. What a sync knows of a file it keeps in a note that the store commits
// together with the document. So a sync that was interrupted goes on where it was, whatever
// interrupted it.
//
// # What counts as a change
//
// A file of another size is read. One of another time is hashed, and read if its content is
// another one. So is one whose time was less than two seconds before the last sync read it,
// since another change in the same moment may have left the time as it is. A later change
// that keeps size and time is not seen, such as a file moved over one of the same size and
// time. If the options that passages depend on
// are other ones, every file is read again; [Options].Version says what a sync cannot see of
// them.
//
// A file that is renamed is a new document, and the old one is removed. Package embedcache
// has the embeddings of its passages: none is computed again, unless the title changes, as
// that of a document that is named after its file.
//
// # What is kept
//
// A sync owns the documents that syncs with the same Options.Root have put into the store,
// and changes no others. Documents of files and folders that cannot be read stay as they
// are. A folder that is not there, or cannot be listed, is an error, and nothing changes.
package foldersync
