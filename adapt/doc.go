// Package adapt trains a retriever for what a reader needs: a query adapter for the
// embeddings of package retriever/dense.
//
//	examples, err := adapt.ReadExamples("questions.jsonl") // questions with the ids of their passages
//	result, err := adapt.Contrastive(ctx, embedder, passages, examples, adapt.Options{})
//	…
//	index, err := dense.New(ctx, result.Adapter.Over(embedder), passages, dense.Options{})
//
// A [*RefusedError] means that an adapter does not help: search without one.
//
// # The adapter
//
// An [Adapter] changes the vector q of a question to
//
//	q' = q + B·A·q
//
// with a matrix A of r rows and a matrix B of r columns. Vectors of passages stay as they
// are, so an index need not be made anew: [Adapter.Over] wraps the embedder, and the wrapped
// one takes its place in a dense.Index.
//
// AAR (Yu et al., arXiv 2305.17331) trains the whole encoder, and RAG (Lewis et al., arXiv
// 2005.11401) the whole query encoder. An adapter can learn only what a linear map of the
// query can do. [WriteTriples] writes the data for training a whole encoder elsewhere.
//
// # Three signals
//
// Labels: the passages that people marked as holding the answer.
//
// Preferences: [Prefer] asks a [Source] how much each retrieved passage helps. [Gains] is the
// gain of the log-probability of the right answer over the prompt without a passage, from any
// generator that scores; [Verdicts] is the judgment of a critic. A file of [Example] values
// holds preferences made elsewhere, such as the attention of a Fusion-in-Decoder model.
// [Contrastive] trains with InfoNCE on labels, on preferences or on the union of both.
//
// Marginal likelihood: [Marginal] trains with the objective of RAG-Sequence,
// −log Σ_z p(z|x) p(y|x,z) over the k passages that the adapted retriever finds, with
// p(z|x) the softmax of the scores divided by T. The derivative of the log-likelihood by the
// score of z is (p(z|x,y) − p(z|x)) / T. T is fitted as well. [WritePosteriors] writes what
// training the generator, the paper's other half, needs.
//
// What one model prefers may not help another one. Options.Transfer names another model, and
// the report says by how much the adapter helps that.
//
// # What is checked
//
// Questions are split in three: for training, for early stopping and for the final test. Two
// questions with a labeled passage in common, or with the same text, are on the same side,
// and no passage by which a held-out question is measured is a positive of training. Those
// are the labeled passages, or the preferred ones of a question without labels. Held-out
// passages stay in the collection that is searched, and can be negatives, as in use.
//
// Training returns a [*RefusedError] unless the adapter is better than none on the test
// part: the paired 95 % interval of the difference must lie above 0. Intervals of fewer than
// metric.MinClusters groups are narrow; Report.Groups says how many there were.
//
// Equal input and seed give equal adapters on processors of the same kind.
package adapt
