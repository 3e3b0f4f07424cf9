package feature

import (
	"math"
	"math/bits"

	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
)

// sight is the result of reading a sentence.
type sight struct {
	words            int
	set, soft, pairs uint64
	adjacent, names  uint64
	tight, near      float64
	fresh            int // content words that are not in the question
	open, asks       bool
	phrases          uint64
	fits             bool
	shape            [shapes]float64
}

// fade is the nearness of words by distance in words: e^(-n/6). Sentences have at
// most sentence.MaxWords words. If one had more, far words would fade as if they
// were nearer, which does no harm.
var fade = func() (f [128]float64) {
	for n := range f {
		f[n] = math.Exp(-float64(n) / 6)
	}
	return f
}()

// readSentence reads a sentence.
func (q *Question) readSentence(sentence []lexicon.Word, title map[int32]bool) sight {
	const (
		reach   = 3 // words up to which neighbors of the question count as close together
		opening = 8 // words within which a definition has its verb
		most    = 80
	)
	var (
		s       sight
		last    [MaxTerms]int
		before  lexicon.Word // the word before
		prior   lexicon.Word // the word before that
		run     int          // capitals in a row
		commas  int
		matches [most]struct{ at, place int }
		nMatch  int
		found   [most]int // positions of candidates for the answer
		nFound  int
	)
	want := q.want
	for _, w := range sentence {
		if w.Term < 0 {
			if w.Is != 0 {
				s.asks = w.Is&lexicon.Asks != 0
				s.shape[sQuotes] = max(s.shape[sQuotes], b2f(w.Is&lexicon.Quotes != 0))
				s.shape[sBrackets] = max(s.shape[sBrackets], b2f(w.Is&lexicon.Opens != 0))
				s.shape[sMoney] = max(s.shape[sMoney], b2f(w.Is&lexicon.Money != 0))
				if w.Is&lexicon.Comma != 0 {
					commas++
				}
				run = 0
			}
			continue
		}
		s.asks = false
		s.words++
		at := s.words
		if at == 1 {
			s.open = w.Is&lexicon.Pronoun != 0
		}
		p := q.place(w.Term)
		if k, ok := q.pairs[[2]int32{before.Term, w.Term}]; ok && at > 1 {
			s.phrases |= 1 << k
		}
		if p >= 0 {
			bit := uint64(1) << p
			if w.Is&lexicon.Capital != 0 {
				s.names |= bit
			}
			if p > 0 && last[p-1] > 0 {
				if at-last[p-1] <= reach {
					s.pairs |= bit
				}
				if at-last[p-1] == 1 {
					s.adjacent |= bit
				}
			}
			s.set |= bit
			last[p] = at
			if nMatch < most {
				matches[nMatch] = struct{ at, place int }{at, p}
				nMatch++
			}
		} else if w.Is&lexicon.Gram == 0 {
			s.soft |= q.like(w.Term)
		}
		content := w.Is&lexicon.Stop == 0
		if p < 0 && content {
			s.fresh++
			if (want == 0 || w.Is&want != 0 && (at > 1 || w.Is&lexicon.Capital&want == 0)) && nFound < most {
				found[nFound] = at
				nFound++
			}
		}
		capital := p < 0 && content && w.Is&lexicon.Capital != 0 && w.Is&lexicon.Month == 0
		if capital {
			run++
			if run == 2 {
				s.shape[sPerson] = 1
			}
			if at > 1 {
				s.shape[sName] = 1
				if !title[w.Term] {
					s.shape[sFresh] = 1
				}
				if (before.Is|prior.Is)&lexicon.Place != 0 {
					s.shape[sPlace] = 1
				}
				if (before.Is|prior.Is)&lexicon.Agent != 0 {
					s.shape[sBy] = 1
				}
			}
		} else {
			run = 0
		}
		if p < 0 {
			switch {
			case w.Is&lexicon.Year != 0:
				s.shape[sYear] = 1
			case w.Is&lexicon.Month != 0:
				s.shape[sMonth] = 1
			case w.Is&lexicon.Number != 0:
				s.shape[sNumber] = 1
			}
		}
		if before.Is&lexicon.Number != 0 && (w.Is&lexicon.Month != 0) || before.Is&lexicon.Month != 0 && w.Is&lexicon.Number != 0 {
			s.shape[sDate] = 1
		}
		if (before.Is|prior.Is)&lexicon.Number != 0 && before.Is&lexicon.Year == 0 && q.place(before.Term) < 0 && (w.Is&lexicon.Unit != 0 || p >= 0 && w.Is&lexicon.Capital == 0) {
			s.shape[sCounted] = 1
		}
		for i, t := range [...]lexicon.Trait{lexicon.Cause, lexicon.Made, lexicon.Located} {
			if w.Is&t != 0 {
				s.shape[sCause+i] = 1
			}
		}
		if w.Is&lexicon.Copula != 0 && s.set != 0 && at <= opening {
			s.shape[sDefines] = 1
		}
		prior, before = before, w
	}
	s.fits = nFound > 0
	s.shape[sListed] = b2f(commas >= 2)
	if nMatch > 1 {
		s.tight = q.tightest(matches[:nMatch], s.set)
	}
	for _, at := range found[:nFound] {
		var nearest [MaxTerms]float64
		for _, m := range matches[:nMatch] {
			nearest[m.place] = max(nearest[m.place], fade[int(float64(max(m.at-at, at-m.at))*q.grain)&127])
		}
		sum := 0.0
		for p := range q.n {
			sum += float64(nearest[p] * q.weight[p])
		}
		if q.total > 0 {
			s.near = max(s.near, sum/q.total)
		}
	}
	return s
}

// tightest returns the number of different matches divided by the width of the
// smallest window that holds all of them.
func (q *Question) tightest(matches []struct{ at, place int }, set uint64) float64 {
	all := bits.OnesCount64(set)
	var count [MaxTerms]int
	in, from, best := 0, 0, math.MaxInt
	for _, m := range matches {
		if count[m.place]++; count[m.place] == 1 {
			in++
		}
		for in == all {
			best = min(best, m.at-matches[from].at+1)
			if count[matches[from].place]--; count[matches[from].place] == 0 {
				in--
			}
			from++
		}
	}
	if best == math.MaxInt || all < 2 {
		return 0
	}
	return float64(all) / float64(best)
}
