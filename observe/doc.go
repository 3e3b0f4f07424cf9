// Package observe tells observers of every step of a question: the decision, the retrieval
// and its parts, each call of a model, critiques, reranking, rewriting, embedding.
//
// An [Observer] travels in a context, beside a budget (package budget), with which it has
// nothing to do. Without one nothing is recorded and nothing is spent.
//
//	var steps observe.Recorder
//	answer, err := engine.Answer(observe.With(ctx, &steps), question)
//	fmt.Println(steps.Steps())
//
// The work of a step runs under the context that [Observer.Start] returns: steps nest, and
// what an observer puts there, such as a span of a tracing library, reaches the HTTP
// transports of the model servers.
//
// Code that composes parts of its own tells of them by [Start] and [Span.End].
package observe
