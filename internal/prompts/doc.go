// Package prompts lists every prompt of the library.
//
// [All] returns them with their texts, placeholders and hashes, what each is for, and how
// another takes its place. It serves to review what models are told, to make a prompt
// from a default one, and to find the text behind a hash of a trace. docs/prompts.md shows
// the same list.
//
// Programs that replace a prompt do not need this package: the defaults are variables and
// functions of the packages that use them.
package prompts
