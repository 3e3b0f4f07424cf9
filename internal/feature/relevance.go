package feature

import "math/bits"

// Reading is the result of reading a passage for a question, so that
// [Reading.Relevance] need not read it again.
type Reading struct {
	q          *Question
	seen       []sight // by sentence
	title      uint64  // words of the question that the title holds
	titleIn    float64 // share of the title's words in the question
	rank       float64 // how well the passage fits, see Question.rank, as a share
	rankOfRest float64
}

var relevanceNames = []string{
	"one", "score",
	"quote covers", "quote and title cover", "quote and title cover nearly", "quote covers rest", "quote near", "quote tight", "quote fits", "quote phrases",
	"first not in quote", "last not in quote", "rarest not in quote", "figures not in quote",
	"top", "top of two", "top with title", "top rest", "top rest of two", "top near", "top near with title", "top tight", "top phrases", "top fit", "top fit rest", "top square", "top complete",
	"passage", "passage rest", "passage nearly", "passage rest nearly", "complete", "lost", "lost words", "rarest of lost",
	"first lost", "last lost", "rarest lost", "figures lost",
	"title", "title in question", "title all in question", "words", "rarity", "rarity of rest", "rank", "rank of rest",
}

// RelevanceNames returns the names of the features of [Reading.Relevance]. In the
// names, the quote is the sentence with the greatest score, "top" the greatest
// value of a sentence ("of two": of two neighbors together), the rest the
// question's words that the title lacks, and "lost" means that a word occurs
// neither in the passage nor in the title. "Nearly" counts words with the same
// beginning, too.
func RelevanceNames() []string { return append([]string(nil), relevanceNames...) }

// Relevance returns the features of a passage that may hold the answer to the
// question, or be a near miss. z holds the scores of its sentences, in order.
// Without a sentence, all features are 0 but the first. None of them depends on the
// length of the passage.
func (r *Reading) Relevance(z []float64) []float64 {
	f := make([]float64, 0, len(relevanceNames))
	f = append(f, 1)
	if len(r.seen) == 0 || len(z) != len(r.seen) {
		return f[:len(relevanceNames)]
	}
	q := r.q
	every := uint64(1)<<q.n - 1
	rest := every &^ r.title
	restShare := func(set uint64) float64 {
		if rest == 0 {
			return 1
		}
		return min(1, q.mass(set&rest)/q.mass(rest))
	}
	phrases := func(s *sight) float64 { return float64(bits.OnesCount64(s.phrases)) / float64(max(1, len(q.pairs))) }
	absent := func(set uint64) []float64 {
		return []float64{1 - float64(set&1), 1 - float64(set>>max(0, q.n-1)&1), 1 - float64(set>>q.rarest&1), b2f(q.figures&^set != 0)}
	}

	at := 0
	for i := range z {
		if z[i] > z[at] {
			at = i
		}
	}
	s := &r.seen[at]
	f = append(f, max(-20, min(20, z[at])),
		q.Share(s.set), q.Share(s.set|r.title), q.Share(s.set|s.soft|r.title), restShare(s.set), s.near, s.tight, b2f(s.fits), phrases(s))
	f = append(f, absent(s.set)...)

	const tops = 12
	var top [tops]float64
	all, nearly, before := r.title, r.title, uint64(0)
	for i := range r.seen {
		s := &r.seen[i]
		square := 0.0
		for set := s.set | r.title; set != 0; set &= set - 1 {
			w := q.weight[bits.TrailingZeros64(set)]
			square += float64(w * w / q.square)
		}
		titled := q.Share(s.set | r.title)
		for k, x := range [tops]float64{
			q.Share(s.set), q.Share(s.set | before), titled, restShare(s.set), restShare(s.set | before), s.near, s.near * titled, s.tight, phrases(s),
			b2f(s.fits) * titled, b2f(s.fits) * restShare(s.set), square,
		} {
			top[k] = max(top[k], x)
		}
		all, nearly, before = all|s.set, nearly|s.set|s.soft, s.set
	}
	f = append(f, top[:]...)
	f = append(f, b2f(top[2] > 0.999))

	lost, rarest := every&^all, 0.0
	for set := lost; set != 0; set &= set - 1 {
		rarest = max(rarest, q.weight[bits.TrailingZeros64(set)])
	}
	f = append(f, q.Share(all), restShare(all), q.Share(nearly), restShare(nearly),
		b2f(lost == 0), min(6, q.mass(lost)/10), float64(float64(bits.OnesCount64(lost))*q.grain)/4, rarest/10)
	f = append(f, absent(all)...)
	return append(f, q.Share(r.title), r.titleIn, b2f(r.titleIn == 1), float64(float64(q.n)*q.grain)/10, q.total/40, q.mass(rest)/10, r.rank, r.rankOfRest)
}
