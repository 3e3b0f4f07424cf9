// Package completion is the common part of all generators over completion servers:
// servers that take a prompt as one string and continue it. It writes the prompt,
// sends the call, and turns the returned tokens into the steps of package
// generator, with their distributions, bounds and end.
//
// [Dialect] holds what differs from family to family.
package completion
