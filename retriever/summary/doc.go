// Package summary indexes summaries in place of passages: a query is compared with the
// summary of a passage, and what is found is the passage itself. It serves where
// passages are long and say much besides what they are about.
//
// An [Index] keeps the link from summary to passage on adding, updating and deleting.
// [Sentences] makes summaries of a passage's own sentences, without a model; [NewModel]
// lets a model write them. What a model writes is data: it is searched, never shown as
// evidence.
package summary
