// Package rewrite searches for other texts than the question itself, such as
// variants of it, its parts, or its corrected spelling.
//
//	variants, err := rewrite.NewLines(model, rewrite.VariantsTemplate, rewrite.ModelOptions{})
//	…
//	r, err := rewrite.Fusion(index, variants, rewrite.FusionOptions{})
//
// An [Expander] makes other texts from a question: a model writes them ([NewLines],
// [NewPassages]), or no model is needed ([Spelling]). These functions return a
// retriever, or an embedder, that uses the texts:
//
//   - [Fusion] searches for all of them and for the question, and fuses the
//     lists. With variants of a model this is RAG-Fusion.
//   - [Decompose] does so with the parts of a question, and their parts.
//   - [Retry] searches for them one by one until something relevant is found.
//   - [HyDE] moves the embedding of a question towards that of invented passages.
//
// [ModelRouter] chooses parts of retriever.Route by a model, [NearestRouter] by the
// vectors of example questions.
//
// The engine makes a question independent of its conversation
// (selfrag.WithHistory); this package does not.
//
// Filters reach every search. retriever.Result.Queries holds the other wordings and
// the parts of the question that were searched for, and every step is reported to
// the observers of the context (package observe). Text written by a model is data:
// it is searched for, never shown as evidence. Every prompt is a
// generator.TaskTemplate with a default ([VariantsTemplate] and so on) that can be
// replaced by one with the same placeholders.
package rewrite
