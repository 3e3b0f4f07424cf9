// Package madeup makes any number of passages and questions for measurements of search:
// made-up words about made-up topics, with a vocabulary that grows. Equal numbers give equal
// passages and questions.
package madeup

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// A passage is about one of some topics: a third of its words are stop
// words, half are drawn from all words by Zipf's law, the rest from those of its topic. Now
// and then a word is new, so that the vocabulary grows with the corpus.
const (
	// Topics is how many there are.
	Topics    = 5000
	ofTopic   = 400    // words
	common    = 60_000 // words that any passage may hold
	newShare  = 0.011  // of words
	meanWords = 100
)

// word returns a made-up word that stemmers leave as it is.
func word(n int) string {
	var b strings.Builder
	for n += 14 * 5; n > 0; n /= 14 * 5 {
		b.WriteByte("bdfghjklmnprtv"[n%14])
		b.WriteByte("aeiou"[n/14%5])
	}
	b.WriteByte('k')
	return b.String()
}

var stops = strings.Fields("the the the of of and and to in in a a is was for on that with by as it at from he his be are this which or had an were not but have")

// zipf draws numbers below n, number k about as often as 1/(k+3).
func zipf(r *rand.Rand, n int) int {
	const shift = 3
	return min(n-1, int(shift*(math.Pow(float64(n+shift)/shift, r.Float64())-1)))
}

// topicWord returns a word of a topic. Topics share some of their words.
func topicWord(r *rand.Rand, topic int) int {
	t := rand.New(rand.NewPCG(uint64(topic), uint64(zipf(r, ofTopic))))
	return 1000 + t.IntN(200_000)
}

func writeWord(b *strings.Builder, w string) {
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	b.WriteString(w)
}

// Passage returns passage n. Its metadata are "share", an int from 0 to 999, evenly, and
// "topic", the number of its topic.
func Passage(n int) retriever.Passage {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	topic := int(float64(Topics) * math.Pow(r.Float64(), 1.5))
	size := int(meanWords * (0.4 + 1.2*r.Float64()))
	var b strings.Builder
	for i := range size {
		switch x := r.Float64(); {
		case x < 1.0/3:
			writeWord(&b, stops[r.IntN(len(stops))])
		case x < 5.0/6:
			writeWord(&b, word(zipf(r, common)))
		case x < 1-newShare:
			writeWord(&b, word(topicWord(r, topic)))
		default:
			writeWord(&b, word(1_000_000+n*8+i%8))
		}
		if i%15 == 14 {
			b.WriteByte('.')
		}
	}
	return retriever.Passage{
		ID: fmt.Sprintf("passage-%d", n), Title: word(topicWord(r, topic)) + " " + word(zipf(r, common)), Text: b.String(),
		Metadata: filter.Metadata{
			"share": filter.Int(int64(r.IntN(1000))), // even
			"topic": filter.Int(int64(topic)),        // with the words
		},
	}
}

// Question is a made-up question and the topic that it is about.
type Question struct {
	Text  string
	Topic int
}

// Ask returns question n: about a topic, with common words in it.
func Ask(n int) Question {
	r := rand.New(rand.NewPCG(uint64(n), 2))
	q := Question{Topic: int(float64(Topics) * math.Pow(r.Float64(), 1.5))}
	var b strings.Builder
	b.WriteString("what is the")
	for range 2 + r.IntN(3) {
		writeWord(&b, word(topicWord(r, q.Topic)))
	}
	b.WriteString(" of the")
	for range 2 + r.IntN(3) {
		writeWord(&b, word(zipf(r, common)))
	}
	q.Text = b.String() + "?"
	return q
}
