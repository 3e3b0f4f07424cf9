package hnsw

import "unsafe"

// Stats describe an Index.
type Stats struct {
	Len int // vectors
	// Dead is how many deleted vectors are still part of the graph.
	Dead int
	// Levels is how many layers the graph has.
	Levels int
	// Bytes is the memory that the index holds, spare room included, as far as it is
	// not a file's: what the vectors, the links and the keys take, but not what keys
	// such as strings point to, nor what searches under way work in.
	Bytes int64
	// MappedBytes is the size of the file that the index was opened from.
	MappedBytes int64
	// Clipped is how many components lay outside the range that the codes were fitted
	// to, and were encoded as its ends. Many mean that the first vectors were not like
	// the later ones, and that results have suffered.
	Clipped int64
	// Hardness is from 0 to 1: how late, on average, recent additions found the last of
	// their nearest neighbors, as a share of the nodes they looked at. Above 0.35,
	// searches look wider than their Ef says: the data has little structure that a
	// graph could use.
	Hardness float64
}

// Stats returns what the index holds now.
func (x *Index[K]) Stats() Stats {
	x.graph.RLock()
	defer x.graph.RUnlock()
	v := x.view.Load()
	s := Stats{Len: x.Len(), Dead: int(x.dead.Load()), Hardness: x.hardness.get()}
	if entry := x.entry.Load(); entry != noEntry {
		s.Levels = int(entry>>32) + 1
	}
	slabs := []*slab{&v.rows, &v.meta, &v.links, &v.inlet, &v.tower, &v.upper}
	if v.guide != nil {
		slabs = append(slabs, &v.guide.slab)
		s.Clipped = v.guide.seen.clipped
	}
	for _, b := range slabs {
		s.Bytes += b.bytes()
	}
	if x.mapped != nil {
		s.MappedBytes = int64(len(x.mapped.data))
		for sec, part := range x.mapped.h.Sections {
			if sec != secFit && sec != secKeys && (sec != secMeta || v.guard != nil) {
				s.Bytes -= int64(part.Size)
			}
		}
	}
	var zero K
	for _, keys := range v.keys {
		s.Bytes += int64(len(keys)) * int64(unsafe.Sizeof(zero))
	}
	x.keys.Lock()
	defer x.keys.Unlock()
	s.Bytes += x.table.bytes()
	return s
}
