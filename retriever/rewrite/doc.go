// Package rewrite changes what is searched for.
//
// A [Source] makes other texts of a question: a model writes them ([NewLines],
// [NewPassages]), or they are made without one ([Conjunctions], [Spelling]). What is
// done with the texts is a retriever of a retriever:
//
//   - [Fusion] searches for all of them and for the question, and fuses the lists. With
//     variants of a model this is RAG-Fusion.
//   - [Decompose] does so with the parts of a question, and the parts of those.
//   - [Retry] searches for them one by one as long as nothing relevant was found.
//   - [HyDE] moves the embedding of a question towards that of invented passages.
//   - [RM3] adds words of the first hits to the question, without a Source.
//
// [Router] chooses parts of retriever.Route by a model, [Nearest] by the vectors of
// example questions.
//
// A question that depends on a conversation is made to stand on its own by the engine (selfrag.WithHistory).
//
// Filters reach every search. The other wordings and the parts of the question that
// were searched for stand in retriever.Result.Queries, and every step in the account of
// the context (package account). What a model writes is data: it is searched for, never
// shown as evidence. Every prompt is a generator.TaskTemplate with a default
// ([VariantsTemplate] and so on) that can be replaced by one with the same
// placeholders.
package rewrite
