package token

import "unicode/utf8"

// Part is a part of a word: the bytes from Start up to but not including End.
type Part struct {
	Start, End int
	Camel      bool // part of an earlier part, by its capitals: the "Tokens" of "maxTokens"
}

// Parts is a word split into parts.
type Parts struct {
	List []Part
	// Letters is set if the word is an abbreviation of single letters, "U.S.A": it
	// is one part.
	Letters bool
	// Stop is set if a full stop precedes the word. Sign is "++", "+" or "#" if
	// that follows it.
	Stop bool
	Sign string
}

// Bounds of what is split: longer strings are keys, hashes or addresses.
const (
	mostParts  = 16
	mostCamels = 4
)

// Split splits a word that a Scanner found.
func Split(word string) Parts {
	var p Parts
	i := 0
	if word[0] == '.' {
		p.Stop = true
		i = 1
	}
	start, last := i, separator
	single := true // every part so far is one letter, and dots join them
	letters := 0   // of the part
	var camels []int
	caps := 0 // capitals in a row before i
	lastStart := i
	finish := func(end int) {
		single = single && letters == 1
		p.List = append(p.List, Part{Start: start, End: end})
		if n := len(camels); n > 0 && n <= mostCamels {
			for k, from := range append([]int{start}, camels...) {
				to := end
				if k < n {
					to = camels[k]
				}
				if utf8.RuneCountInString(word[from:to]) > 1 {
					p.List = append(p.List, Part{from, to, true})
				}
			}
		}
		camels = camels[:0]
		caps, letters = 0, 0
	}
	for i < len(word) {
		in, size := at(word, i)
		c := in.class()
		switch c {
		case letter:
			switch {
			case in&upper != 0:
				if last == letter && caps == 0 && letters > 0 {
					camels = append(camels, i)
				}
				caps++
			case in&lower != 0:
				if caps > 1 && last == letter && lastStart > start && word[lastStart-1] != '\'' {
					camels = append(camels, lastStart)
				}
				caps = 0
			default:
				caps = 0
			}
			letters++
			last, lastStart = c, i
		case digit, raised:
			single = single && c != digit
			letters += 2
			caps = 0
			last, lastStart = digit, i
		case plus, hash:
			finish(i)
			p.Sign = "++"
			if len(word[i:]) == size {
				p.Sign = "+"
			}
			if c == hash {
				p.Sign = "#"
			}
			return p.done(single)
		case hyphen, underscore, ampersand, dot:
			if c == dot && last == digit && next(word, i+size).class() == digit {
				break
			}
			single = single && c == dot
			if i > start {
				finish(i)
			}
			start = i + size
			last = separator
		case apostrophe:
			last = apostrophe
			caps = 0
		}
		i += size
	}
	finish(len(word))
	return p.done(single)
}

func (p Parts) done(single bool) Parts {
	switch {
	case single && len(p.List) > 1:
		p.Letters = true
		p.List = []Part{{Start: p.List[0].Start, End: p.List[len(p.List)-1].End}}
	case len(p.List) > mostParts:
		p.List = p.List[:mostParts]
	}
	return p
}
