// Package rewrite changes what is searched for.
//
// An [Expander] makes other texts of a question: a model writes them ([NewLines],
// [NewPassages]), or they are made without one ([Spelling]). What is
// done with the texts is a retriever of a retriever:
//
//   - [Fusion] searches for all of them and for the question, and fuses the lists. With
//     variants of a model this is RAG-Fusion.
//   - [Decompose] does so with the parts of a question, and the parts of those.
//   - [Retry] searches for them one by one as long as nothing relevant was found.
//   - [HyDE] moves the embedding of a question towards that of invented passages.
//
// [ModelRouter] chooses parts of retriever.Route by a model, [NearestRouter] by the vectors of
// example questions.
//
// A question that depends on a conversation is made to stand on its own by the engine (selfrag.WithHistory).
//
// Filters reach every search. The other wordings and the parts of the question that
// were searched for stand in retriever.Result.Queries, and every step is told to
// the observers of the context (package observe). What a model writes is data: it is searched for, never
// shown as evidence. Every prompt is a generator.TaskTemplate with a default
// ([VariantsTemplate] and so on) that can be replaced by one with the same
// placeholders.
package rewrite
