// Package training holds the records of Self-RAG's training data: how they are read,
// written, parsed and masked. The trainers themselves are programs of others.
//
// To make data, read questions with answers by package training/seed, and give them to
// package training/label for a critic or training/interleave for a generator; package
// training/check looks for what is wrong with a file. The command goselfrag data does the
// same without a program.
//
// The released program, file or trainer is that of the paper's authors, AkariAsai/self-rag
// at commit 1fcdc42.
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
// A model is not to learn to write passages. So their tokens have no loss: a trainer leaves
// them out of the sum that it minimizes. [Mask] returns the spans without loss. A token is masked if and only if one of its bytes lies
// in a span. Spans are counted in bytes, as Go counts, and in code points, as Python
// counts.
//
// # Files
//
// [Record] is a line of the generator's data, [CriticRecord] one of the critic's data and
// [JudgeRecord] one of the file that a judge labels. [Reader] and [Writer] stream them as
// JSON lines in bounded memory.
package training
