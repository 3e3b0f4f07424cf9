// Package completion is what all generators over completion servers have in
// common: servers that take a prompt as one string and continue it. It writes the
// prompt, sends the call, and turns the tokens that come back into the steps of
// package generator, with their distributions, bounds and end.
//
// What differs from family to family stands behind [Dialect].
package completion
