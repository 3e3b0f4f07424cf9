package hnsw

import "unsafe"

// Stats describes an Index.
type Stats struct {
	Len int // vectors
	// Dead is the number of deleted vectors that are still part of the graph.
	Dead int
	// Levels is the number of layers of the graph.
	Levels int
	// Bytes is the memory that the index holds, spare room included and mapped
	// files excluded: the vectors, the links and the keys, but not what keys such
	// as strings point to, nor the memory of running searches.
	Bytes int64
	// MappedBytes is the size of the file that the index was opened from.
	MappedBytes int64
	// Clipped is the number of components outside the range that the codes were
	// fitted to, which were encoded as its ends. A large number means that the
	// first vectors were not like the later ones, and that results have suffered.
	Clipped int64
	// Hardness is from 0 to 1: how late, on average, recent additions found the
	// last of their nearest neighbors, as a share of the nodes that they expanded.
	// Above 0.35, searches are wider than their Ef: the data has little structure
	// that a graph can use.
	Hardness float64
}

// Stats returns the current state of the index.
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
