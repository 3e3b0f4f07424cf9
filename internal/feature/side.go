package feature

import "math/bits"

// side describes one side of a parting.
type side struct {
	size      float64 // in words
	words     float64 // units that are words
	sentences float64
	questions float64
	lines     float64 // breaks of lines
	code      float64 // signs of code
	commas    float64
	quotes    float64
	numbers   float64
	capitals  float64
	marks     [markCount]float64 // words by mark
	scripts   [scripts]float64   // words by script
	first     mark               // of the first word
	opens     mark               // of the first word after polite ones
	last      mark               // of its last word
	asked     bool               // it ends with a question mark
	stops     bool               // it ends like a sentence
	colon     bool               // it ends with a colon
	points    mark               // of words after a word that points: "this sentence"
	toWork    bool               // a task or change is followed by a word that points: "fix this"
}

// readSide sums up units.
func readSide(units []unit) side {
	var s side
	polite := 0 // the end of polite words
	pointed, worked := -far, -far
	opened := false
	for k := range units {
		u := &units[k]
		if u.kind != wordUnit {
			s.sign(u.kind)
			continue
		}
		s.word(u)
		switch {
		case opened || u.at < polite:
		case u.marks&markPolite != 0 && u.marks&markTask == 0:
			polite = u.to
		default:
			opened, s.opens = true, u.marks
		}
		if u.marks == 0 {
			continue
		}
		reach := 3
		if u.script == scriptEast || u.script == scriptThai {
			reach = 7
		}
		if k-pointed <= reach {
			s.points |= u.marks
		}
		if u.marks&markPoint != 0 {
			pointed = k
			s.toWork = s.toWork || k-worked <= reach
		}
		if u.marks&(markTask|markChange) != 0 {
			worked = k
		}
	}
	s.last = lastMarks(units)
	return s
}

// far is greater than any reach.
const far = 10

// sign counts a unit that is no word.
func (s *side) sign(kind unitKind) {
	switch kind {
	case questionUnit, endUnit:
		s.sentences++
		s.asked, s.stops = kind == questionUnit, true
		if s.asked {
			s.questions++
			s.colon = false
		}
	case commaUnit:
		s.commas++
	case colonUnit:
		s.colon = true
	case quoteUnit:
		s.quotes++
	case codeUnit:
		s.code++
	case breakUnit:
		s.lines++
	}
}

// word counts a word.
func (s *side) word(u *unit) {
	s.asked, s.stops, s.colon = false, false, false
	if s.words == 0 {
		s.first = u.marks
	}
	s.words++
	s.size += u.size
	s.scripts[u.script] += u.size
	s.numbers += b2f(u.number)
	s.capitals += b2f(u.capital)
	for m := u.marks; m != 0; m &= m - 1 {
		s.marks[bits.TrailingZeros32(uint32(m))]++
	}
}

// lastMarks returns the marks of the words of the lexicon that end where units do.
func lastMarks(units []unit) mark {
	var marks mark
	end := 0
	for k := len(units) - 1; k >= max(0, len(units)-8); k-- {
		u := &units[k]
		if u.kind == wordUnit && end == 0 {
			end = u.end
		}
		if end > 0 && u.to >= end {
			marks |= u.marks
		}
	}
	return marks
}

// join adds the side after the text to the side before it.
func (s *side) join(o *side) {
	switch {
	case o.size == 0:
		return
	case s.size == 0:
		*s = *o
		return
	}
	s.size += o.size
	s.words += o.words
	s.sentences += o.sentences
	s.questions += o.questions
	s.lines += o.lines
	s.code += o.code
	s.commas += o.commas
	s.quotes += o.quotes
	s.numbers += o.numbers
	s.capitals += o.capitals
	for i := range s.marks {
		s.marks[i] += o.marks[i]
	}
	for i := range s.scripts {
		s.scripts[i] += o.scripts[i]
	}
	s.opens |= o.opens
	s.last |= o.last
	s.points |= o.points
	s.toWork = s.toWork || o.toWork
	s.asked = s.asked || o.asked
}

// has reports whether the side has a word with one of the marks.
func (s *side) has(m mark) bool {
	for ; m != 0; m &= m - 1 {
		if s.marks[bits.TrailingZeros32(uint32(m))] > 0 {
			return true
		}
	}
	return false
}

// script returns the script that most words are written in.
func (s *side) script() int {
	most := 0
	for i := range s.scripts {
		if s.scripts[i] > s.scripts[most] {
			most = i
		}
	}
	return most
}

// covers returns the share of the content words of a task that a text holds, 0 if the task
// has none.
func covers(before, text, behind []unit) float64 {
	var seen [1024]bool
	for i := range text {
		if id := text[i].id; id != 0 {
			seen[id%1024] = true
		}
	}
	found, all := 0.0, 0.0
	for _, part := range [2][]unit{before, behind} {
		for i := range part {
			if id := part[i].id; id != 0 {
				all += part[i].size
				if seen[id%1024] {
					found += part[i].size
				}
			}
		}
	}
	if all == 0 {
		return 0
	}
	return found / all
}
