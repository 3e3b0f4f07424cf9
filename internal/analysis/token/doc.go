// Package token cuts text into the words of its scripts and gives them their normal
// form.
//
// [Scanner] finds words: runs of letters, marks and digits. Characters that join
// letters within a name (an apostrophe, a hyphen, a full stop, an underscore) stay
// in the word, and [Split] splits such a word. Letters of scripts without spaces
// between words form runs, which [Clusters] divides into characters as readers see
// them. Offsets are those of the original text.
//
// [Normal] is the normal form of a text, [Fold] that of a word without case and
// accents.
//
// Everything may be called from several goroutines at once; a Scanner belongs to
// one.
package token
