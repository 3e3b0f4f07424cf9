// Package budget bounds the cost of work in calls of models, generated tokens,
// retrievals and time, and counts the actual cost.
//
// A [Budget] travels in a context. Everything that runs under the context counts,
// and the limits apply to all of it together:
//
//	ctx, b := budget.Open(ctx, "search", budget.Limits{Calls: 5})
//	defer b.Close()
//	res, err := fused.Retrieve(ctx, q)
//	fmt.Println(b.Usage().Calls, errors.Is(err, budget.ErrExceeded))
//
// # Reserve, then settle
//
// A call reserves the most that it can cost before it starts ([Reserve]), and
// reports its actual cost afterwards ([Reservation.Settle]). So no number of
// goroutines exceeds a budget. The helpers of package generator, such as
// generator.Complete, do both; code that asks models through them needs nothing
// more.
//
// # Nesting
//
// A budget that is opened under another one is part of it: its calls count in both,
// and the limits of both apply.
//
// # The same result at any speed
//
// The rest of a budget must not depend on which of two concurrent calls is faster.
// The parts of a composition are critics, retrievers, rerankers, embedders and the
// like. A part that is a [Declarer] declares the most that one use of it can cost.
// [Each] sets that much aside for every part, in their order, and runs them
// concurrently. A part that declares nothing, or more than is left, runs alone,
// after those before it.
//
// If a caller answers several questions concurrently under one budget, however,
// their shares depend on which comes first.
package budget
