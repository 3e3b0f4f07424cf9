// Package pipeline builds a retriever from a text, in the manner of a Unix pipe.
// The text can come from a flag or a configuration file:
//
//	hybrid | variants | rerank depth=10 | mmr lambda=0.7
//
// A program parses the text once and builds it over passages:
//
//	p, err := pipeline.Parse("hybrid | rerank depth=20")
//	if err != nil {
//		log.Fatal(err) // names the place in the text
//	}
//	corpus := pipeline.NewCorpus(pipeline.Env{}, passages)
//	r, err := corpus.Build(ctx, p)
//	if err != nil {
//		log.Fatal(err)
//	}
//	engine, err := selfrag.New(extractive.New(), r)
//
// [OverStore] builds it over the indexes of a store instead, and makes none.
//
// # The language
//
// The first element is a base, which searches the passages. Each later element is a
// stage, which changes the query or the hits. An element is a name and options,
// written name=value. A value with blanks or one of | ( ) , " is quoted as in JSON.
// The bases fuse and route contain pipelines. Each of these may have a label before
// it and options of the part after it:
//
//	fuse(lexical, vectors: dense weight=0.8, lexical | rerank weight=0.8) constant=2
//
// [Usage] lists all techniques, [UsageOf] the options of one with defaults and
// ranges. docs/retrieval-techniques.md describes the techniques and their gains.
//
// # Guarantees
//
// Parse does no I/O. Every error is an *[Error] with the line and column in the
// text. Any text gives a pipeline or an error, never a panic; its length and depth
// are limited. The text names no servers unless [Env] allows it.
//
// Options have the defaults of this language. They can differ from those of the Go
// constructors.
package pipeline
