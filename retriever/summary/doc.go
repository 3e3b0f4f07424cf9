// Package summary indexes summaries in place of passages: a query is compared with the
// summary of a passage, and what is found is the passage itself. It serves where
// passages are long and say much besides what they are about.
//
// An [Index] keeps the link from summary to passage on adding, updating and deleting.
// [Sentences] makes summaries of a passage's own sentences, without a model; [NewModel]
// lets a model write them. What a model writes is data: it is searched, never shown as
// evidence.
//
// A call of Add or Update asks the summarizer first and changes the index afterwards.
// Other calls do not wait for that: meanwhile passages may be found, added and deleted.
// Before the change, the ids are checked once more. So an Add fails if another call has
// added one of its passages meanwhile, and an Update fails if one was deleted.
package summary
