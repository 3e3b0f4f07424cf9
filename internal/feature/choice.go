package feature

import (
	"math/bits"
	"slices"

	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
)

// The features of a sentence as the answer to a question, each about -1 to 1.
const (
	cOne        = iota // always 1
	cCovered           // share of the question's words, by rarity, in the sentence
	cSoft              // share that is not in it except as a word with the same beginning
	cBefore            // share that is not in it but in the sentence before
	cAfter             // share that is not in it but in the sentence after
	cTitle             // share that is not in it but in the title
	cPassage           // share that is in neither but elsewhere in the passage
	cMissing           // share that occurs nowhere
	cRarest            // 1 if it holds the rarest word of the question
	cRarestGone        // 1 if neither passage nor title holds it
	cMass              // rarity of the words it holds, in tens
	cPairs             // share of neighboring question words that are close together and in order
	cAdjacent          // share of neighboring question words that are adjacent in it
	cTight             // matches as a share of the words of its smallest window over all matches
	cNear              // nearness of the question's words to the best candidate for an answer
	cLead              // how much more it covers than the best other sentence of the passage, -1 to 1
	cFirst             // 1 for the first sentence of a passage, 1/2 for the second, and so on
	cShort             // how far it is below four words
	cNothingNew        // 1 if all its content words are in the question
	cAsks              // 1 if it is a question itself
	cOpen              // 1 if it begins with a pronoun
	cOpenLinked        // 1 if it does and the sentence before or the title has a word of the question
	cNames             // share of its matches, by rarity, that have a capital
	cTitleIn           // share of the title's words in the question
	cTitleSaid         // share of the title's words in the sentence
	cBest              // 1 if no sentence of the passage covers more
	cLost              // rarity of the words that occur nowhere, in tens
	cElse              // rarity of the words that occur only in the title or elsewhere in the passage, in tens
	cSharp             // rarity of the words it holds times the share of the passage's sentences that lack them, in tens
	cPhrases           // share of the question's pairs of neighbors, stop words included, that are adjacent in it
	cPhraseMass        // their number, up to ten, in tens
	cSquare            // share of the question's squared rarity in it
	cFigures           // share of the question's numbers in it, 0 if there are none
	cNoFigures         // 1 if the question has numbers and it has none of them
	cFit               // 1 if it holds what the question word asks for, beyond the question's words
	cRank              // how well the passage fits the question: Σ rarity · tf / (tf + 1.2), title included, as a share of the question's rarity
	cRankMass          // the same sum in tens
	cTop               // greatest share of the question in one sentence of the passage
	cTopPhrases        // greatest share of its pairs of neighbors in one sentence
	cTopNear           // greatest nearness of a sentence
	cTopFit            // share of the question in the sentences that hold what is asked for, the greatest
	cLinked            // 1 if it opens with a pronoun, times cBefore
	choiceBase
)

var choiceNames = [choiceBase]string{
	"one", "covered", "soft", "before", "after", "title", "passage", "missing", "rarest", "rarest gone", "mass", "pairs",
	"adjacent", "tight", "near", "lead", "first", "short", "nothing new", "asks", "open", "open linked", "names",
	"title in question", "title in sentence", "best", "lost", "else", "sharp", "phrases", "phrase mass", "square", "figures", "no figures", "fit", "rank", "rank mass", "top", "top phrases", "top near", "top fit", "linked",
}

// The shapes: what a sentence has beyond the question's own words. They count in
// pairs with the kind of question.
const (
	sNone     = iota // always 1
	sPerson          // two or more capitals in a row
	sName            // a capital past the first word
	sFresh           // a capital that the title does not hold either
	sYear            // a year
	sMonth           // a month or a day of the week
	sDate            // a month next to a number
	sNumber          // a number that is not a year
	sCounted         // a number before a unit or a small-letter word of the question
	sMoney           // a sign of money or percent
	sPlace           // a capital after a preposition of place
	sBy              // a capital after "by"
	sCause           // a word that gives a reason
	sMade            // a word for making, playing, winning
	sLocated         // a word that says where something is
	sDefines         // opens like a definition of a word of the question
	sQuotes          // a quotation mark
	sBrackets        // an opening bracket
	sListed          // two commas or more
	sCovered         // share of the question in it
	sNear            // as above
	sFirst           // as above
	sTitle           // as above
	shapes
)

var shapeNames = [shapes]string{
	"any", "person", "name", "fresh name", "year", "month", "date", "number", "counted", "money", "place", "by", "cause", "made",
	"located", "defines", "quotes", "brackets", "list", "covered", "near", "first", "title",
}

// ChoiceNames returns the names of the features of [Question.Choice].
func ChoiceNames() []string {
	out := append([]string(nil), choiceNames[:]...)
	for _, k := range kindNames {
		for _, s := range shapeNames {
			out = append(out, k+" × "+s)
		}
	}
	for i, a := range paired {
		for _, b := range paired[i:] {
			out = append(out, choiceNames[a]+" · "+choiceNames[b])
		}
	}
	return out
}

// ofPassage lists the features that are equal for all sentences of a passage.
var ofPassage = []int{cOne, cMissing, cRarestGone, cLost, cTitleIn, cRank, cRankMass, cTop, cTopPhrases, cTopNear, cTopFit}

// ChoiceOfPassage returns the positions, in the vectors of [Question.Choice], of
// the features that are equal for all sentences of a passage. The first is always
// 1. None of them depends on the length of the passage.
func ChoiceOfPassage() []int {
	out := slices.Clone(ofPassage)
	for k := range int(kinds) {
		out = append(out, choiceBase+k*shapes+sNone)
	}
	k := choiceBase + int(kinds)*shapes
	for i, a := range paired {
		for _, b := range paired[i:] {
			if slices.Contains(ofPassage, a) && slices.Contains(ofPassage, b) {
				out = append(out, k)
			}
			k++
		}
	}
	return out
}

// paired lists the features that count in pairs, with each other and themselves.
var paired = [...]int{cRank, cRankMass, cTop, cTopNear, cTopFit, cCovered, cSoft, cTitle, cMissing, cMass, cLead, cFirst, cNear, cPhrases, cFit, cTight, cSharp, cBefore, cPassage, cLost}

// Choice calls each with the feature vector of every sentence of a passage, in
// order. The vector is valid during the call only. Its length is that of
// [ChoiceNames] for all questions and passages. The result holds what was read, for
// the features of the passage as a whole.
func (q *Question) Choice(title []lexicon.Word, sentences [][]lexicon.Word, each func(i int, features []float64)) *Reading {
	inTitle := q.Holds(title)
	titleTerms := map[int32]bool{}
	titleAsked := 0
	for _, w := range title {
		if w.Term >= 0 && w.Is&lexicon.Stop == 0 && !titleTerms[w.Term] {
			titleTerms[w.Term] = true
			if q.place(w.Term) >= 0 {
				titleAsked++
			}
		}
	}
	seen := make([]sight, len(sentences))
	all := inTitle
	best, second := -1, -1
	for i, s := range sentences {
		seen[i] = q.readSentence(s, titleTerms)
		all |= seen[i].set
		seen[i].shape[sCovered] = q.Share(seen[i].set)
		switch {
		case best < 0 || seen[i].shape[sCovered] > seen[best].shape[sCovered]:
			best, second = i, best
		case second < 0 || seen[i].shape[sCovered] > seen[second].shape[sCovered]:
			second = i
		}
	}
	missing := 1 - q.Share(all)
	var in [MaxTerms]int
	for i := range seen {
		for set := seen[i].set; set != 0; set &= set - 1 {
			in[bits.TrailingZeros64(set)]++
		}
	}
	rank, rankOfRest := q.rank(title, sentences, inTitle)
	var top, topPhrases, topNear, topFit float64
	for i := range seen {
		s := &seen[i]
		cover := s.shape[sCovered]
		top, topNear = max(top, cover), max(topNear, s.near)
		topPhrases = max(topPhrases, float64(bits.OnesCount64(s.phrases))/float64(max(1, len(q.pairs))))
		if s.fits {
			topFit = max(topFit, cover)
		}
	}
	f := make([]float64, choiceWidth)
	for i := range sentences {
		s := &seen[i]
		clear(f)
		f[cOne] = 1
		cover := s.shape[sCovered]
		f[cCovered] = cover
		f[cSoft] = q.Share(s.soft &^ s.set)
		have := s.set
		var before, after uint64
		if i > 0 {
			before = seen[i-1].set
		}
		if i+1 < len(seen) {
			after = seen[i+1].set
		}
		f[cTitle] = q.Share(inTitle &^ have)
		f[cBefore] = q.Share(before &^ have)
		f[cAfter] = q.Share(after &^ (have | before))
		f[cPassage] = q.Share(all &^ (have | before | after | inTitle))
		f[cMissing] = missing
		if q.n > 0 {
			f[cRarest] = float64(s.set >> q.rarest & 1)
			f[cRarestGone] = 1 - float64(all>>q.rarest&1)
		}
		f[cMass] = min(6, q.mass(s.set)/10)
		f[cLost] = min(6, (q.total-q.mass(all))/10)
		f[cElse] = min(6, q.mass(all&^have)/10)
		for set := have; set != 0; set &= set - 1 {
			p := bits.TrailingZeros64(set)
			f[cSharp] += float64(q.weight[p] * (1 - float64(in[p])/float64(len(sentences))) / 10)
			f[cSquare] += float64(q.weight[p] * q.weight[p] / q.square)
		}
		if len(q.pairs) > 0 {
			n := float64(bits.OnesCount64(s.phrases))
			f[cPhrases], f[cPhraseMass] = n/float64(len(q.pairs)), min(1, float64(n*q.grain)/10)
		}
		if q.figures != 0 {
			f[cFigures] = float64(bits.OnesCount64(q.figures&have)) / float64(bits.OnesCount64(q.figures))
			f[cNoFigures] = b2f(q.figures&have == 0)
		}
		if q.n > 1 {
			f[cPairs] = float64(bits.OnesCount64(s.pairs)) / float64(q.n-1)
			f[cAdjacent] = float64(bits.OnesCount64(s.adjacent)) / float64(q.n-1)
		}
		f[cTop], f[cTopPhrases], f[cTopNear], f[cTopFit] = top, topPhrases, topNear, topFit
		f[cRankMass] = min(6, rank/10)
		if q.total > 0 {
			f[cRank] = rank / q.total
		}
		f[cFit] = b2f(s.fits)
		f[cTight], f[cNear] = s.tight, s.near
		rival := best
		if i == best {
			rival = second
			f[cBest] = 1
		}
		if rival >= 0 {
			f[cLead] = cover - seen[rival].shape[sCovered]
		}
		f[cFirst] = 1 / float64(1+i)
		f[cShort] = max(0, (4-float64(float64(s.words)*q.grain))/4)
		f[cNothingNew] = b2f(s.fresh == 0)
		f[cAsks], f[cOpen] = b2f(s.asks), b2f(s.open)
		f[cLinked] = f[cOpen] * f[cBefore]
		f[cOpenLinked] = b2f(s.open && (before|inTitle)&^have != 0)
		if m := q.mass(s.set); m > 0 {
			f[cNames] = q.mass(s.names) / m
		}
		if len(titleTerms) > 0 {
			f[cTitleIn] = float64(titleAsked) / float64(len(titleTerms))
			said := 0
			counted := map[int32]bool{}
			for _, w := range sentences[i] {
				if titleTerms[w.Term] && !counted[w.Term] {
					counted[w.Term] = true
					said++
				}
			}
			f[cTitleSaid] = float64(said) / float64(len(titleTerms))
		}
		s.shape[sNone] = 1
		s.shape[sNear] = s.near
		s.shape[sFirst] = f[cFirst]
		s.shape[sTitle] = f[cTitle]
		copy(f[choiceBase+int(q.kind)*shapes:], s.shape[:])
		k := choiceBase + int(kinds)*shapes
		for i, a := range paired {
			for _, b := range paired[i:] {
				f[k] = f[a] * f[b]
				k++
			}
		}
		each(i, f)
	}
	r := &Reading{q: q, title: inTitle, seen: seen, rankOfRest: rankOfRest}
	if len(titleTerms) > 0 {
		r.titleIn = float64(titleAsked) / float64(len(titleTerms))
	}
	if q.total > 0 {
		r.rank = rank / q.total
	}
	return r
}

const choiceWidth = choiceBase + int(kinds)*shapes + len(paired)*(len(paired)+1)/2

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
