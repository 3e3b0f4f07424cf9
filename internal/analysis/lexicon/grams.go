package lexicon

import (
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis/token"
)

// Characters of Chinese and Japanese that say little by themselves, turn a statement round,
// stand for numbers, and stand for something else with a number before them.
const (
	particles = "的了是在吗呢吧什么麼哪谁誰这這那被把与與及其之和或也都就而以于於为為你您我咱们們多少久何几幾怎样樣请請问問 のはがをにでとへもやからですますたしれ"
	pronouns  = "他她它其这這此該该彼"
	negations = "不没沒未无無非否"
	numerals  = "〇零一二三四五六七八九十百千万萬亿億两兩"
	monthDay  = "月日号號"
)

// gramLength is how many characters of a run make a word of its own: in Chinese and its like one
// says enough. Features of neighboring words see pairs.
func gramLength(s token.Script) int {
	if s == token.SouthEast {
		return 3
	}
	return 1
}

// appendGrams appends every few neighboring characters of a run, or all if it has
// fewer. counted says that a number stands right before it.
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
