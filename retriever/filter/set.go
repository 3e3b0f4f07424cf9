package filter

import "math"

// set holds values that a field is compared with by Eq. A look-up takes a time that
// does not depend on their number.
type set struct {
	kinds   [KindStrings + 1]bool // the kinds of the values; floats count as ints
	longest int                   // length of the longest string, in bytes
	texts   map[string]struct{}
	ints    map[int64]struct{} // and the floats that are whole and no larger
	floats  map[float64]struct{}
	bools   [2]bool
	times   map[instant]struct{}
}

type instant struct {
	sec  int64
	nsec int32
}

func newSet(values []Value) *set {
	s := new(set)
	for _, v := range values {
		switch v.kind {
		case KindString:
			addToSet(&s.texts, v.str, len(values))
			s.longest = max(s.longest, len(v.str))
		case KindInt:
			addToSet(&s.ints, v.num, len(values))
		case KindFloat:
			if i, whole := wholeNumber(v.float()); whole {
				addToSet(&s.ints, i, len(values))
			} else {
				addToSet(&s.floats, v.float(), len(values))
			}
		case KindBool:
			s.bools[v.num] = true
		case KindTime:
			addToSet(&s.times, instant{v.num, v.nsec}, len(values))
		}
		s.kinds[class(v.kind)] = true
	}
	return s
}

func addToSet[K comparable](m *map[K]struct{}, key K, room int) {
	if *m == nil {
		*m = make(map[K]struct{}, room)
	}
	(*m)[key] = struct{}{}
}

// class returns one kind for all kinds that can be compared with values of kind k.
func class(k Kind) Kind {
	switch k {
	case KindFloat:
		return KindInt
	case KindStrings:
		return KindString
	}
	return k
}

// wholeNumber returns f as an int if it is one.
func wholeNumber(f float64) (int64, bool) {
	if f >= 1<<63 || f < -1<<63 || math.Trunc(f) != f {
		return 0, false
	}
	return int64(f), true
}

// test is the Or of the comparisons of v with each value by Eq. Each string that is
// looked up costs weight.
func (s *set) test(v *Value, r *run, weight int) Truth {
	found := false
	switch v.kind {
	case KindInvalid:
		return Unknown
	case KindString:
		found = s.hasText(v.str)
	case KindStrings:
		for _, e := range v.list {
			if r.steps += weight; r.steps > interval && r.ended() {
				return Unknown
			}
			if found = s.hasText(e); found {
				break
			}
		}
	case KindInt:
		_, found = s.ints[v.num]
	case KindFloat:
		if i, whole := wholeNumber(v.float()); whole {
			_, found = s.ints[i]
		} else {
			_, found = s.floats[v.float()]
		}
	case KindBool:
		found = s.bools[v.num]
	case KindTime:
		_, found = s.times[instant{v.num, v.nsec}]
	}
	if found {
		return True
	}
	for k, has := range s.kinds {
		if has && Kind(k) != class(v.kind) { // a kind that v cannot be compared with
			return Unknown
		}
	}
	return False
}

// hasText does not look up a string longer than any in the set: a look-up takes
// time by length.
func (s *set) hasText(text string) bool {
	if len(text) > s.longest {
		return false
	}
	_, found := s.texts[text]
	return found
}
