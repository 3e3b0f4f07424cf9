package store

// staleMark is the value of the number of a removed passage that has no record and no row any
// more, while a graph or a flat index may have it. There it must not take the place of another
// passage.
var staleMark = []byte{1}

// forgotten are numbers of removed passages that were taken out of the dead ones, and those of
// them that are stale now.
type forgotten struct{ all, stale []uint64 }

// add forgets a number in the bucket of the dead ones.
func (f *forgotten) add(dead table, sp *space, number uint64) error {
	f.all = append(f.all, number)
	if !sp.indexes(number) {
		return dead.Delete(numberKey(number))
	}
	f.stale = append(f.stale, number)
	return dead.Put(numberKey(number), staleMark)
}

// forget is called after the commit of what was forgotten. The caller holds writing.
func (s *Store) forget(f forgotten) {
	s.dead = s.dead.without(f.all)
	s.stale = s.stale.with(f.stale)
}

// indexes reports whether a graph or a flat index of s may have a number.
func (s *space) indexes(number uint64) bool {
	if s == nil {
		return false
	}
	for _, g := range s.graphs {
		if g.From <= number && number < g.To {
			return true
		}
	}
	for _, f := range s.flats {
		if f.from <= number && number < f.to {
			return true
		}
	}
	return false
}

// deleteNumbers removes numbers from a bucket.
func deleteNumbers(b table, list []uint64) error {
	for _, n := range list {
		if err := b.Delete(numberKey(n)); err != nil {
			return err
		}
	}
	return nil
}
