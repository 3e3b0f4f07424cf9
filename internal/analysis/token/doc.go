// Package token cuts text into the words of its scripts and gives them their normal form.
//
// [Scanner] finds words: runs of letters, marks and digits. What joins letters within a
// name (an apostrophe, a hyphen, a full stop, an underscore) stays in the word, and [Split]
// takes such a word apart. Letters of scripts that put no spaces between words make runs,
// which [Clusters] parts into characters as readers see them. Offsets are those of the
// text as it was given.
//
// [Normal] is the normal form of a text, [Fold] that of a word without case and accents.
//
// Everything may be called from several goroutines at once; a Scanner belongs to one.
package token
