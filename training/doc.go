// Package training holds the records of Self-RAG's training data: how they are read,
// written, parsed and masked. The trainers themselves are programs of others.
//
// # The interleaved output
//
// A generator is trained on answers in which the control tokens are part of the text. An
// [Output] has the parts of such a text, [Parse] reads one and [Output.String] writes one:
//
//	[Retrieval]<paragraph>Title
//	Passage.</paragraph>[Relevant]A sentence.[Fully supported][No Retrieval]Another.[Utility:5]
//
// # The mask
//
// A model is not to learn to write passages, so that their tokens have no loss. [Mask]
// returns the spans without loss. A token is masked if and only if one of its bytes lies
// in a span. Spans are counted in bytes, as Go counts, and in code points, as Python
// counts.
//
// # Files
//
// [Record] is a line of the generator's data, [CriticRecord] one of the critic's data and
// [JudgeRecord] one of the file that a judge labels. [Reader] and [Writer] stream them as
// JSON lines in bounded memory.
package training
