// Package clean drops useless passages: garbage, boilerplate and duplicates. It changes no
// passage, and reports which it dropped and why.
//
//	kept, report, err := clean.Passages(ctx, passages, clean.Options{
//		Letters: 0.5, Boilerplate: 5, NearDuplicate: 0.8,
//	})
//
// Cleaning the kept passages again with the same options drops nothing more.
package clean
