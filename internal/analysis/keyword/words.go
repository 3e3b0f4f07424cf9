package keyword

import (
	"hash/maphash"
	"strings"
)

// Word is a word in the text of a passage. Readers keep words and return them
// again.
type Word struct {
	// Terms holds the forms by which it is found.
	Terms []string
	// Length is the number of terms without those that repeat.
	Length int

	// Owner and Numbers are for the caller of Read: it may store numbers for the
	// terms, with a mark that identifies its own.
	Owner   uint64
	Numbers []uint32

	pieces []piece
	name   *Word // the same word in capitals; w itself if that is the same
}

// newWord splits a word into terms.
func newWord(word string, l Language) *Word {
	w := &Word{pieces: piecesOf(word, l)}
	w.name = w
	for _, p := range w.pieces {
		if p.name != "" {
			w.name = &Word{pieces: w.pieces}
		}
	}
	for _, p := range w.pieces {
		if p.name != "" {
			w.name.add(p.name, p.extra)
			continue
		}
		for i, term := range p.terms {
			w.add(term, p.extra || i > 0)
			if w.name != w {
				w.name.add(term, p.extra || i > 0)
			}
		}
	}
	return w
}

func (w *Word) add(term string, again bool) {
	if term == "" {
		return
	}
	w.Terms = append(w.Terms, term)
	if !again {
		w.Length++
	}
}

// mostCached is half the number of words of a language that a reader keeps.
const mostCached = 1 << 16

// cache keeps the words that were read last: those in young and those in old, which
// was young before.
type cache struct{ young, old table }

// get returns a word, which must not be changed except for the fields of the
// caller.
func (c *cache) get(word string, l Language) *Word {
	h := maphash.String(seed, word)
	if w := c.young.find(word, h); w != nil {
		return w
	}
	w := c.old.find(word, h)
	if w == nil {
		w = newWord(word, l)
	}
	if c.young.words >= mostCached {
		c.old, c.young = c.young, table{}
	}
	c.young.add(word, h, w)
	return w
}

var seed = maphash.MakeSeed()

// table is a hash table of words with open addressing. Short words are in the table
// itself: following a pointer to each would take longer than all other work.
type table struct {
	slots []slot // a power of two, at most half of them filled
	long  map[string]*Word
	words int // in both
}

type slot struct {
	word *Word // nil if the slot is free
	size uint8
	text [23]byte
}

// find returns a word with a hash, nil if it is not there.
func (t *table) find(word string, hash uint64) *Word {
	if len(word) > len(slot{}.text) {
		return t.long[word]
	}
	if t.slots == nil {
		return nil
	}
	mask := uint64(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.word == nil {
			return nil
		}
		if int(s.size) == len(word) && string(s.text[:s.size]) == word {
			return s.word
		}
	}
}

// add adds a new word. It keeps no part of the text.
func (t *table) add(word string, hash uint64, w *Word) {
	t.words++
	if len(word) > len(slot{}.text) {
		if t.long == nil {
			t.long = map[string]*Word{}
		}
		t.long[strings.Clone(word)] = w
		return
	}
	if 2*t.words > len(t.slots) {
		old := t.slots
		t.slots = make([]slot, max(64, 2*len(old)))
		for _, s := range old {
			if s.word != nil {
				t.put(maphash.String(seed, string(s.text[:s.size])), s)
			}
		}
	}
	s := slot{word: w, size: uint8(len(word))}
	copy(s.text[:], word)
	t.put(hash, s)
}

// put stores a slot.
func (t *table) put(hash uint64, s slot) {
	mask := uint64(len(t.slots) - 1)
	i := hash & mask
	for t.slots[i].word != nil {
		i = (i + 1) & mask
	}
	t.slots[i] = s
}
