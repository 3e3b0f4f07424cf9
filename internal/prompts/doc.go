// Package prompts lists every prompt of the library.
//
// [All] returns them with their texts, placeholders, hashes and purposes, and says how to
// replace each. Use it to review the instructions to models, to derive a prompt from a
// default one, and to find the text of a hash in a trace. docs/prompts.md shows the same
// list.
//
// Programs that replace a prompt do not need this package: the defaults are variables and
// functions of the packages that use them.
package prompts
