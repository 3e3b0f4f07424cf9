// Package foldersync keeps a store of documents, such as a Store of package
// retriever/store, equal to a folder of files.
//
//	report, err := foldersync.Sync(ctx, store, "docs", foldersync.Options{Root: "docs/"})
//
// [Sync] reads only files that changed since the last sync, cuts them by package ingest and
// gives their passages to the store, some hundred documents in a step; documents whose files
// are gone are removed. For each file it keeps a note, which the store commits together with
// the document: size, time, hash and options. So the sync after an interrupted one, even one
// that was killed, continues where that ended.
//
// # What counts as a change
//
// A file whose size changed is read. A file whose time of modification changed is hashed,
// and read if the hash changed. The same is done if the time is less than two seconds before
// the last sync read the file: a second change so soon can leave the time as it was. A later
// change that keeps size and time is not seen, such as a file moved over one of the same
// size and time. If the options that passages depend on changed, every file is read again.
// Describe in [Options].Version what a sync cannot compare, such as functions.
//
// A file that is renamed is a new document, and the old one is removed. With package
// embedcache its passages are not embedded again, unless their title changes. It does if
// the document has no title but the name of its file.
//
// # What is kept
//
// A sync owns the documents that syncs with the same Options.Root have put into the store,
// and changes no others. Documents of files and folders that cannot be read stay as they
// are. A folder that is not there, or cannot be listed, is an error, and nothing changes.
package foldersync
