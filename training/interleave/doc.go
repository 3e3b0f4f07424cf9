// Package interleave makes the data that a generator of Self-RAG is trained on: it puts
// passages and control tokens into answers that are there already, as the paper describes
// (arXiv 2310.11511, section 3.2.2).
//
//	memory, err := label.Remember(source, "labels.memory", "the name of the model")
//	for result, err := range interleave.Make(ctx, memory, passages, seeds, interleave.Options{}) { … }
//
// Write each Result.Record that is not nil by training.NewWriter; Result.Dropped says why there
// is none.
//
// # The algorithm
//
// A seed is a record with a plain answer. A source of labels (package label) decides whether
// the answer needs passages, and how useful it is. An answer that needs none becomes
// [No Retrieval], the answer and its utility. Another one is cut into sentences:
//
//   - Where there are more than two, one of fewer than 30 characters stays as it is, without
//     a token.
//   - The first sentence retrieves. For each later one the source decides between
//     [Retrieval], [No Retrieval] and, if there is a passage at hand, [Continue to Use
//     Evidence]. The passage at hand is the last one in the answer so far.
//   - A sentence that retrieves searches for the question and the sentence. The source judges
//     whether each passage is relevant and how far a relevant one supports the sentence.
//     Of those that are relevant and support it fully or in part the first is taken; without
//     one, any of the judged ones, as Options.Seed decides.
//
// The released program does otherwise in many ways. Each is a [Rule], and [Released] is all of
// them.
//
// # Guarantees
//
// The results are in the order of the seeds and do not depend on the concurrency. With a
// label.Memory, a run that was broken off asks only for labels that are missing, and ends with
// equal results; so do runs with other rules or wrong labels. A label that is missing
// neither stops a run nor vanishes: it is in the result, with the reason, and no record is
// made of a guess. Texts are data: reserved strings in them are neutralized.
package interleave
