// Package filter holds the typed metadata of passages and the filters over it.
//
// [Metadata] maps the names of fields to values. A [Value] is a string, an int, a
// float, a bool, a time or a list of strings, and keeps its kind in JSON.
//
// A filter is a condition on metadata: an [Expr], made of [And], [Or], [Not],
// [Compare], [In], [Range], [Exists] and [Prefix]. [Parse] reads its text form,
// [Format] writes its canonical text, and [Check] checks whether it is well formed.
// [Eval] is the reference evaluation, with which every index and store must agree.
// [Match] calls it. A [Scan], for the many passages of a search, and [Compile] give
// the same results faster.
//
//	expr, err := filter.Parse(`tenant = "acme" and year >= 2020`)
//	if err != nil {
//		return err // says where the text is wrong: filter: 1:8: ...
//	}
//	res, err := r.Retrieve(ctx, retriever.Query{Text: question, K: 5, Filter: expr})
//
// No function here changes its arguments. All of them may be called from several
// goroutines at once.
package filter
