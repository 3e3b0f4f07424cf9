// Package clean drops passages that are not worth an index: garbage, boilerplate,
// and passages that say what another one says. It changes no passage, and reports
// what it dropped and why.
//
//	kept, report, err := clean.Passages(ctx, passages, clean.Options{
//		Letters: 0.5, Boilerplate: 5, NearDuplicate: 0.8,
//	})
//
// Cleaning what was cleaned with the same options drops nothing more.
package clean
