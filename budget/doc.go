// Package budget bounds what work may cost in calls of models, generated tokens,
// retrievals and time, and counts what it did cost.
//
// A [Budget] travels in a context. Everything that runs under the context counts, and
// the limits hold for all of it together:
//
//	ctx, b := budget.Open(ctx, "search", budget.Limits{Calls: 5})
//	defer b.Close()
//	res, err := fused.Retrieve(ctx, q)
//	fmt.Println(b.Usage().Calls, errors.Is(err, budget.ErrExceeded))
//
// # Reserve, then settle
//
// A call reserves the most that it can cost before it starts ([Reserve]), and says what
// it did cost after it ([Reservation.Settle]). So no number of goroutines exceeds a
// budget. The helpers of package generator, such as generator.Complete, do both; code
// that asks models through them needs nothing more.
//
// # Nesting
//
// A budget that is opened under another one is a part of it: its calls count in both, and
// the limits of both hold.
//
// # The same result at any speed
//
// What is left of a budget must not depend on which of two concurrent calls is faster. A
// part that is a [Declarer] says the most that one use of it can cost. [Each] sets that
// much aside for every part, in their order, and runs them side by side. A part that
// declares nothing, or more than is left, runs alone, after those before it.
//
// What one budget allows to questions that the caller answers at the same time, however,
// depends on which comes first.
package budget
