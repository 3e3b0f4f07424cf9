package lexicon

import (
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis/token"
)

// Characters of Chinese and Japanese: those of little content, pronouns, negations,
// numerals, and those that are a month or a day after a number.
const (
	particles = "的了是在吗呢吧什么麼哪谁誰这這那被把与與及其之和或也都就而以于於为為你您我咱们們多少久何几幾怎样樣请請问問 のはがをにでとへもやからですますたしれ"
	pronouns  = "他她它其这這此該该彼"
	negations = "不没沒未无無非否"
	numerals  = "〇零一二三四五六七八九十百千万萬亿億两兩"
	monthDay  = "月日号號"
)

// gramLength is the number of characters of a run that count as a word: in Chinese
// and similar scripts one is enough. Features of neighboring words cover pairs.
func gramLength(s token.Script) int {
	if s == token.SouthEast {
		return 3
	}
	return 1
}

// appendGrams appends every sequence of that many neighboring characters of a run,
// or all of them if it has fewer. counted says that a number immediately precedes
// the run.
func (l *Lexicon) appendGrams(out []Word, d *dictionary, run string, s token.Script, counted bool) []Word {
	run = token.Normal(run)
	l.ends = token.Clusters(run, l.ends[:0])
	n := min(gramLength(s), len(l.ends))
	start := 0
	for i := n - 1; i < len(l.ends); i++ {
		gram := run[start:l.ends[i]]
		p := d.gram(gram, s)
		w := Word{Term: l.term(p.term), Is: p.is}
		if counted && i == n-1 {
			w.Is |= Unit
			if w.Is&dayOfMonth != 0 {
				w.Is |= Month
			}
		}
		out = append(out, w)
		start = l.ends[i-n+1]
	}
	return out
}

func traitsOfChar(c string) Trait {
	is := Trait(0)
	r, _ := utf8.DecodeRuneInString(c)
	for _, t := range [...]struct {
		chars string
		is    Trait
	}{{particles, Stop}, {negations, Negation}, {pronouns, Pronoun}, {numerals, Number}, {monthDay, dayOfMonth}} {
		if strings.ContainsRune(t.chars, r) {
			is |= t.is
		}
	}
	return is
}
