package hashed

import (
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/internal/analysis"
)

// kind is the kind of a feature. The lowest bits of the feature's hash hold it.
type kind uint64

const (
	word   kind = iota
	prefix      // the first prefixLength characters of a word
	triple      // 3 neighboring characters of a word, its ends counted as characters
	quad        // 4 of them
	pair        // two neighboring words
)

const (
	kindBits     = 3
	kindMask     = 1<<kindBits - 1
	prefixLength = 5
	edge         = '\x00' // marks both ends of a word
)

// shares is how much each kind counts.
var shares = [...]float64{word: 0.5, prefix: 0.5, triple: 0.15, quad: 0.15, pair: 0.15}

// features are those of one text.
type features struct {
	hashes []uint64 // one for each occurrence of a feature, sorted
	words  int
}

// featuresOf takes a text apart. The first line, if others follow, is taken twice:
// it is the title.
func featuresOf(text string, seed uint64) features {
	r := reader{seed: mix(seed), word: make([]rune, 0, 32)}
	r.out.hashes = make([]uint64, 0, 3*len(text))
	if title := strings.IndexByte(text, '\n'); title > 0 {
		r.read(text[:title])
	}
	r.read(text)
	slices.Sort(r.out.hashes)
	return r.out
}

// reader makes features of the words of a text, as package analysis cuts it into runs.
type reader struct {
	seed uint64
	out  features
	word []rune // between two edges
	last uint64 // the hash of the word before, 0 if there is none
}

func (r *reader) read(text string) {
	r.last = 0
	for run := range analysis.Runs(text) {
		r.add(run)
	}
}

// add puts out the features of a word.
func (r *reader) add(run []rune) {
	r.out.words++
	r.word = append(append(append(r.word[:0], edge), run...), edge)
	w := r.word
	whole := r.hash(w)
	r.emit(word, whole)
	r.emit(prefix, r.hash(w[:min(1+prefixLength, len(w))]))
	for i := 0; i+3 <= len(w); i++ {
		r.emit(triple, r.hash(w[i:i+3]))
	}
	for i := 0; i+4 <= len(w); i++ {
		r.emit(quad, r.hash(w[i:i+4]))
	}
	if r.last != 0 {
		r.emit(pair, mix(r.last)+whole)
	}
	r.last = whole
}

// hash is FNV-1a, by characters instead of bytes.
func (r *reader) hash(text []rune) uint64 {
	h := r.seed ^ 14695981039346656037
	for _, c := range text {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

func (r *reader) emit(k kind, hash uint64) {
	r.out.hashes = append(r.out.hashes, mix(hash)<<kindBits|uint64(k))
}

// mix is the finalizer of splitmix64 (Steele, Lea and Flood, "Fast Splittable
// Pseudorandom Number Generators", 2014): it spreads differences over all bits.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
