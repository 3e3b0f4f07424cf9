package keyword

import (
	"iter"
	"slices"
	"sync"

	"github.com/goselfrag/goselfrag/internal/analysis/token"
)

// Read calls word with the words of a text of a passage in a language, and term
// with the terms of runs, in order. It returns the number of terms without those
// that repeat. Words that were read before cost no memory. A term is valid until
// term returns.
func (r *Reader) Read(text string, of Language, word func(*Word), term func([]byte)) (length int) {
	scanner := token.Scan(text)
	loud := isLoud(text)
	for tok := (token.Token{}); scanner.Next(&tok); {
		part := text[tok.Start:tok.End]
		if tok.Run {
			r.run = Terms{text: r.run.text[:0], ends: r.run.ends[:0]}
			r.grams(&r.run, part, tok.Script)
			for t := range r.run.All() {
				term(t)
			}
			length += r.run.length
			continue
		}
		l := languageOf(of, tok.Script)
		w := r.cache[l].get(part, l)
		if !loud && named(tok) {
			w = w.name
		}
		if len(w.Terms) > 0 {
			length += w.Length
			word(w)
		}
	}
	return length
}

// named reports whether the capitals of a stop word mean a name.
func named(t token.Token) bool { return t.Capitals || t.Capital && !t.Opens }

// isLoud reports whether capitals have no meaning in text: it has four words or
// more, and no small letter.
func isLoud(text string) bool {
	spaces := 0
	for i := range len(text) {
		if c := text[i]; 'a' <= c && c <= 'z' {
			return false
		} else if c == ' ' {
			spaces++
		}
	}
	return spaces > 2
}

// most is the greatest number of neighboring characters in a term, by script.
func most(s token.Script) int {
	if s == token.SouthEast {
		return 3
	}
	return 2
}

// grams adds the terms of a run: its characters, and every two or three neighbors.
func (r *Reader) grams(t *Terms, run string, s token.Script) {
	run = token.Normal(run)
	r.ends = token.Clusters(run, r.ends[:0])
	longest := min(most(s), len(r.ends))
	for i := range r.ends {
		start := 0
		if i > 0 {
			start = r.ends[i-1]
		}
		for n := range min(longest, len(r.ends)-i) {
			t.text = append(append(t.text, byte(usual[s])), run[start:r.ends[i+n]]...)
			t.end(n+1 < longest)
		}
	}
}

// Group holds the terms by which a word of a query is found, in the order in which
// they are tried: a passage that holds several counts for the first.
type Group []string

// Query is an analyzed query.
type Query struct {
	Groups []Group
	// Words is the number of words and runs, and Stops the number of those that are
	// stop words of one of the languages.
	Words int
	Stops int
	// Language is the likeliest language of the query, and Common is how many of
	// its words are stop words of it.
	Language Language
	Common   int
}

// Query analyzes a query to passages of some languages. Three words do not identify
// a language, so it is split by the rules of each; but the stop words of its
// likeliest language are stop words for all.
func (r *Reader) Query(text string, of []Language) Query {
	var q Query
	guess := Plain // with one language there is nothing to guess
	if len(of) > 1 {
		var e Evidence
		e.Look(text)
		guess = e.among(of)
		q.Language = guess
	}
	q.Groups = make([]Group, 0, 16)
	scanner := token.Scan(text)
	loud := isLoud(text)
	for tok := (token.Token{}); scanner.Next(&tok); {
		q.Words++
		word := text[tok.Start:tok.End]
		if tok.Run {
			if guess != Plain && usual[tok.Script] == guess {
				q.Common += (len(word)/3 + 3) / 4
			}
			r.queryGrams(&q, word, tok.Script)
			continue
		}
		r.queryWord(&q, word, tok, of, guess, loud)
	}
	return q
}

func (r *Reader) queryWord(q *Query, word string, tok token.Token, of []Language, guess Language, loud bool) {
	first := len(q.Groups)
	stop := false
	one := func(l Language) {
		for i, p := range r.pieces(word, l) {
			if first+i == len(q.Groups) {
				q.Groups = append(q.Groups, nil)
			}
			g := &q.Groups[first+i]
			terms := p.terms
			if p.name != "" {
				stop = true
				if !loud && named(tok) {
					terms = []string{p.name}
				}
			}
			if *g == nil {
				*g = terms[:len(terms):len(terms)]
				continue
			}
			for _, term := range terms {
				if !slices.Contains(*g, term) {
					*g = append(*g, term)
				}
			}
		}
	}
	if len(of) == 1 && languages[of[0]].every {
		one(of[0])
	} else {
		one(usual[tok.Script])
		for _, l := range of {
			if languages[l].script == tok.Script && l != usual[tok.Script] {
				one(l)
			}
		}
		if guess != Plain && languages[guess].script == tok.Script {
			for i, p := range r.pieces(word, guess) {
				if p.name != "" {
					stop = true
					if loud || !named(tok) {
						q.Common++
						if first+i < len(q.Groups) {
							q.Groups[first+i] = nil
						}
					}
				}
			}
		}
	}
	if stop {
		q.Stops++
	}
	kept := q.Groups[:first]
	for _, g := range q.Groups[first:] {
		if len(g) > 0 {
			kept = append(kept, g)
		}
	}
	q.Groups = kept
}

func (r *Reader) queryGrams(q *Query, run string, s token.Script) {
	run = token.Normal(run)
	r.ends = token.Clusters(run, r.ends[:0])
	n := min(most(s), len(r.ends))
	start := 0
	for i := n - 1; i < len(r.ends); i++ {
		q.Groups = append(q.Groups, Group{string(rune(usual[s])) + run[start:r.ends[i]]})
		start = r.ends[i-n+1]
	}
}

// Plainly yields the words of text without case and accents, stop words included. A
// word is valid until the next is requested.
func Plainly(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		scanner := token.Scan(text)
		for tok := (token.Token{}); scanner.Next(&tok); {
			word := text[tok.Start:tok.End]
			for _, p := range token.Split(word).List {
				if !p.Camel && !yield(token.Fold(token.Lower(word[p.Start:p.End]))) {
					return
				}
			}
		}
	}
}

var readers = sync.Pool{New: func() any { return new(Reader) }}

// With calls f with a reader that no other goroutine uses meanwhile.
func With(f func(*Reader)) {
	r := readers.Get().(*Reader)
	defer readers.Put(r)
	f(r)
}

// Place is a term and the range of its bytes in the text.
type Place struct {
	Text       string
	Start, End int
}

// Places yields the terms of a text in a language with their places, in the order
// of the places.
func Places(text string, of Language) iter.Seq[Place] {
	return func(yield func(Place) bool) {
		With(func(r *Reader) {
			scanner := token.Scan(text)
			loud := isLoud(text)
			for tok := (token.Token{}); scanner.Next(&tok); {
				var list []Place
				if tok.Run {
					list = r.places(text[tok.Start:tok.End], tok.Script)
				} else {
					for _, p := range r.pieces(text[tok.Start:tok.End], languageOf(of, tok.Script)) {
						if p.name != "" && !loud && named(tok) {
							list = append(list, Place{p.name, p.start, p.end})
						}
						for _, term := range p.terms {
							list = append(list, Place{term, p.start, p.end})
						}
					}
				}
				slices.SortStableFunc(list, func(a, b Place) int { return a.Start - b.Start })
				for _, p := range list {
					if !yield(Place{p.Text, tok.Start + p.Start, tok.Start + p.End}) {
						return
					}
				}
			}
		})
	}
}

// places returns the terms of a run with their places in it.
func (r *Reader) places(run string, s token.Script) []Place {
	var list []Place
	ends := token.Clusters(run, nil)
	start := 0
	for i := range ends {
		for n := range min(most(s), len(ends)-i) {
			list = append(list, Place{string(rune(usual[s])) + token.Normal(run[start:ends[i+n]]), start, ends[i+n]})
		}
		start = ends[i]
	}
	return list
}

// LanguageOf returns the language whose rules made a term, Plain if the rules are
// those of all.
func LanguageOf(term string) Language {
	if l := Language(term[0]); l < Count {
		return l
	}
	return Plain
}
