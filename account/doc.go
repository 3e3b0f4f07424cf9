// Package account keeps account of one piece of work: what it did, which models it
// asked, and what that may cost.
//
// An [Account] travels in a context. Whoever wants to know or to bound what a
// retriever made of other retrievers costs opens one and passes its context on:
//
//	ctx, a := account.Open(ctx, "search", account.Limits{Calls: 5})
//	res, err := fused.Retrieve(ctx, q)
//	fmt.Println(a.Usage().Calls, a.Steps())
//
// The helpers of package generator, such as generator.Complete, write each call of a
// model down and take it out of the limits before it begins. So all techniques of
// this library share one budget, however they are stacked, and code that asks models
// through those helpers needs nothing more. What asks several at once does so one
// after the other as long as limits hold ([Bounded]), so that what is left never
// depends on which is faster.
package account
