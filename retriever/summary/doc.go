// Package summary indexes summaries in place of passages: a query is compared with
// the summary of a passage, and the result is the passage itself. It helps if
// passages are long and contain much besides their subject.
//
//	vectors, err := dense.New(ctx, embedder, nil, dense.Options{})
//	…
//	index, err := summary.New(ctx, vectors, summary.Sentences{}, passages, summary.Options{})
//
// An [Index] maintains the link from summary to passage on adding, updating and
// deleting. [Sentences] makes summaries from a passage's own sentences, without a
// model; [NewModel] uses a model. Text written by a model is data: it is searched,
// never shown as evidence.
//
// Add and Update first ask the summarizer and then change the index. Other calls do
// not wait for the summarizer: meanwhile passages may be found, added and deleted.
// Before the change, the ids are checked again. So an Add fails if another call has
// added one of its passages meanwhile, and an Update fails if one was deleted.
package summary
