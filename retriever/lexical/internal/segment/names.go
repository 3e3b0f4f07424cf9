package segment

import (
	"bytes"
	"hash/maphash"
)

// names numbers terms. It holds them in one piece of memory, without a pointer for each.
type names struct {
	text  []byte
	ends  []uint32
	slots []uint32 // open addressing: a number plus one, or 0; a power of two
	hash  []uint32 // of each name
}

var seed = maphash.MakeSeed()

func (n *names) len() int { return len(n.ends) }

// of returns the name with a number. It is valid until another is added.
func (n *names) of(id uint32) []byte {
	from := uint32(0)
	if id > 0 {
		from = n.ends[id-1]
	}
	return n.text[from:n.ends[id]]
}

// number returns the number of a name, and whether it is new.
func (n *names) number(name []byte) (id uint32, fresh bool) {
	if 2*len(n.ends) >= len(n.slots) {
		n.grow()
	}
	h := uint32(maphash.Bytes(seed, name))
	mask := uint32(len(n.slots) - 1)
	at := h & mask
	for ; n.slots[at] != 0; at = (at + 1) & mask {
		if id := n.slots[at] - 1; n.hash[id] == h && bytes.Equal(n.of(id), name) {
			return id, false
		}
	}
	id = uint32(len(n.ends))
	n.text = append(n.text, name...)
	n.ends = append(n.ends, uint32(len(n.text)))
	n.hash = append(n.hash, h)
	n.slots[at] = id + 1
	return id, true
}

func (n *names) grow() {
	n.slots = make([]uint32, max(1024, 2*len(n.slots)))
	mask := uint32(len(n.slots) - 1)
	for id, h := range n.hash {
		at := h & mask
		for n.slots[at] != 0 {
			at = (at + 1) & mask
		}
		n.slots[at] = uint32(id) + 1
	}
}
