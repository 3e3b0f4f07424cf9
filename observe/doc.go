// Package observe reports every step of a question to observers: the decision, the
// retrieval and its parts, each call of a model, critiques, reranking, rewriting,
// embedding.
//
// An [Observer] travels in a context, independent of a budget (package budget).
// Without one nothing is recorded and nothing is spent.
//
//	var steps observe.Recorder
//	answer, err := engine.Answer(observe.With(ctx, &steps), question)
//	fmt.Println(steps.Steps())
//
// The work of a step runs under the context that [Observer.Start] returns. So steps
// nest, and values that an observer adds, such as a span of a tracing library,
// reach the HTTP transports of the model servers.
//
// Code that composes parts of its own reports them with [Start] and [Span.End].
//
//	ctx, step := observe.Start(ctx, observe.Part, "glossary")
//	hits, err := glossary.Search(ctx, text)
//	step.End(err)
package observe
