package keyword

import (
	"iter"
	"strings"
	"sync"

	"github.com/blevesearch/bleve/v2/analysis/lang/ar"
	"github.com/blevesearch/bleve/v2/analysis/lang/bg"
	"github.com/blevesearch/bleve/v2/analysis/lang/ckb"
	"github.com/blevesearch/bleve/v2/analysis/lang/cs"
	"github.com/blevesearch/bleve/v2/analysis/lang/da"
	"github.com/blevesearch/bleve/v2/analysis/lang/de"
	"github.com/blevesearch/bleve/v2/analysis/lang/el"
	"github.com/blevesearch/bleve/v2/analysis/lang/en"
	"github.com/blevesearch/bleve/v2/analysis/lang/es"
	"github.com/blevesearch/bleve/v2/analysis/lang/fa"
	"github.com/blevesearch/bleve/v2/analysis/lang/fi"
	"github.com/blevesearch/bleve/v2/analysis/lang/fr"
	"github.com/blevesearch/bleve/v2/analysis/lang/hr"
	"github.com/blevesearch/bleve/v2/analysis/lang/hu"
	"github.com/blevesearch/bleve/v2/analysis/lang/hy"
	"github.com/blevesearch/bleve/v2/analysis/lang/id"
	"github.com/blevesearch/bleve/v2/analysis/lang/it"
	"github.com/blevesearch/bleve/v2/analysis/lang/nl"
	"github.com/blevesearch/bleve/v2/analysis/lang/no"
	"github.com/blevesearch/bleve/v2/analysis/lang/pt"
	"github.com/blevesearch/bleve/v2/analysis/lang/ro"
	"github.com/blevesearch/bleve/v2/analysis/lang/ru"
	"github.com/blevesearch/bleve/v2/analysis/lang/sv"
	"github.com/blevesearch/bleve/v2/analysis/lang/tr"
	"github.com/blevesearch/snowballstem/danish"
	"github.com/blevesearch/snowballstem/dutch"
	"github.com/blevesearch/snowballstem/finnish"
	"github.com/blevesearch/snowballstem/hungarian"
	"github.com/blevesearch/snowballstem/norwegian"
	"github.com/blevesearch/snowballstem/russian"
	"github.com/blevesearch/snowballstem/swedish"
	"github.com/blevesearch/snowballstem/tamil"
	"github.com/blevesearch/snowballstem/turkish"

	"github.com/goselfrag/goselfrag/internal/analysis/token"
)

// Language is a language with stop words or stems, or Plain.
type Language uint8

// Plain is no language: words are not stemmed, and none is a stop word.
const Plain Language = 0

// language holds the properties of a language.
type language struct {
	code   string // ISO 639-1, or 639-3 if there is none
	script token.Script
	stops  []byte              // words separated by spaces; a | or # begins a comment
	stem   func(string) string // of a word in lower case; nil if words are not stemmed
	// accents is set if a word with other accents is another word: Vietnamese.
	accents bool
	// elided lists the words of their own before an apostrophe: "l'eau".
	elided string
	// suffixed is set if the text after an apostrophe is an ending.
	suffixed bool
	every    bool   // it applies to words of every script
	letters  string // that few other languages of the script have
}

const elided = "l m t qu n s j d c jusqu lorsqu puisqu quoiqu"

// languages lists all of them. The first of a script is the usual one.
var languages = [...]language{
	Plain: {},
	1:     {code: "en", script: token.Latin, stops: en.EnglishStopWords, stem: porter},
	2:     {code: "de", script: token.Latin, stops: de.GermanStopWords, stem: filtered(de.NewGermanLightStemmerFilter()), letters: "äöüß"},
	3:     {code: "fr", script: token.Latin, stops: fr.FrenchStopWords, stem: filtered(fr.NewFrenchLightStemmerFilter()), elided: elided, letters: "çèêàùœ"},
	4:     {code: "es", script: token.Latin, stops: es.SpanishStopWords, stem: filtered(es.NewSpanishLightStemmerFilter()), letters: "ñ"},
	5:     {code: "it", script: token.Latin, stops: it.ItalianStopWords, stem: filtered(it.NewItalianLightStemmerFilterFilter()), elided: "c l all dall dell nell sull coll pell gl agl dagl degl negl sugl un m t s v d quest quell", letters: "ìò"},
	6:     {code: "pt", script: token.Latin, stops: pt.PortugueseStopWords, stem: filtered(pt.NewPortugueseLightStemmerFilter()), letters: "ãõç"},
	7:     {code: "nl", script: token.Latin, stops: nl.DutchStopWords, stem: snowball(dutch.Stem)},
	8:     {code: "sv", script: token.Latin, stops: sv.SwedishStopWords, stem: snowball(swedish.Stem), letters: "åäö"},
	9:     {code: "da", script: token.Latin, stops: da.DanishStopWords, stem: snowball(danish.Stem), letters: "åøæ"},
	10:    {code: "no", script: token.Latin, stops: no.NorwegianStopWords, stem: snowball(norwegian.Stem), letters: "åøæ"},
	11:    {code: "fi", script: token.Latin, stops: fi.FinnishStopWords, stem: snowball(finnish.Stem), letters: "äö"},
	12:    {code: "hu", script: token.Latin, stops: hu.HungarianStopWords, stem: snowball(hungarian.Stem), letters: "őű"},
	13:    {code: "ro", script: token.Latin, stops: ro.RomanianStopWords, stem: romanianStem, letters: "ăâîșțşţ"},
	14:    {code: "tr", script: token.Latin, stops: tr.TurkishStopWords, stem: snowball(turkish.Stem), suffixed: true, letters: "ığşç"},
	15:    {code: "hr", script: token.Latin, stops: hr.CroatianStopWords, stem: filtered(hr.NewCroatianStemmerFilter()), letters: "čćžšđ"},
	16:    {code: "cs", script: token.Latin, stops: cs.CzechStopWords, letters: "řěůčžš"},
	17:    {code: "pl", script: token.Latin, stops: []byte(polishStops), letters: "łąężśńćź"},
	18:    {code: "id", script: token.Latin, stops: id.IndonesianStopWords},
	19:    {code: "vi", script: token.Latin, stops: []byte(vietnameseStops), accents: true, letters: "ơưđăạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ"},
	20:    {code: "ru", script: token.Cyrillic, stops: ru.RussianStopWords, stem: snowball(russian.Stem), letters: "ыэё"},
	21:    {code: "bg", script: token.Cyrillic, stops: bg.BulgarianStopWords, letters: "ъ"},
	22:    {code: "uk", script: token.Cyrillic, stops: []byte(ukrainianStops), letters: "іїєґ"},
	23:    {code: "el", script: token.Greek, stops: el.GreekStopWords, stem: greek},
	24:    {code: "ar", script: token.Arabic, stops: ar.ArabicStopWords, stem: filtered(ar.NewArabicStemmerFilter())},
	25:    {code: "fa", script: token.Arabic, stops: fa.PersianStopWords, letters: "پچژگی"},
	26:    {code: "ckb", script: token.Arabic, stops: ckb.SoraniStopWords, stem: filtered(ckb.NewSoraniStemmerFilter()), letters: "ێۆڵڕڤە"},
	27:    {code: "ur", script: token.Arabic, letters: "ٹڈڑںےہ"},
	28:    {code: "hi", script: token.Devanagari, stops: []byte(hindiStops), stem: hindi},
	29:    {code: "hy", script: token.Armenian, stops: hy.ArmenianStopWords},
	30:    {code: "ta", script: token.Tamil, stem: snowball(tamil.Stem)},

	eastern:   {script: token.EastAsian},
	southern:  {script: token.SouthEast},
	unstemmed: {every: true},
	standard:  {every: true, stops: en.EnglishStopWords},
}

const english Language = 1

// Text of scripts without spaces is not divided into languages.
const (
	eastern Language = 31 + iota
	southern
)

// The pseudo-languages that leave words of every language unchanged: all words, or
// all but English stop words.
const (
	unstemmed Language = 33 + iota
	standard
)

// Count is the number of languages, with Plain and the pseudo-languages.
const Count = Language(len(languages))

const (
	vietnameseStops = `là của và các có được cho trong với không này những một đã khi ở từ theo về đến như hoặc thì mà bị ra vào tại
		gì nào bao nhiêu sao ai đâu do bởi để cũng nhưng rằng đó vì nên hay trên dưới sau trước`
	hindiStops = `का के की को में से है हैं था थे थी और या एक यह ये वह वे इस उस इन उन इसे उसे इसका उसका इसके उसके इसकी उसकी पर ने भी तो ही कि जो
		जब तब तक लिए साथ द्वारा कर किया करने करता करते करती गया गई गए जाता जाती जाते रहा रहे रही हुआ हुई हुए होता होती होते हो होना होने
		नहीं अपने अपना अपनी कुछ कोई बाद क्या कौन किस किसी किसने कहां कहाँ कब कैसे क्यों कितने कितना कितनी जिस जिसे जिसके जिसका जिसकी
		जिन जिन्हें उन्हें उन्होंने इन्हें सकता सकते सकती दिया लिया वाले वाला वाली थीं`
	polishStops = `i w na z do się nie że to jest o od po za jak ale przez dla co czy oraz był była było były są być który która które
		których którym tego tej tym ten ta te go jego jej ich przy pod nad ze we lub także tylko już może kiedy gdzie kto`
	ukrainianStops = `і в у на з що не до як за та але від про для по це був була було були є його її їх який яка яке які під час або також
		із при між коли де хто чи цей ця ці після через`
)

// Named returns the language with a code, such as "en", "en-US" or "EN_us".
func Named(code string) (Language, bool) {
	code, _, _ = strings.Cut(strings.ToLower(code), "-")
	code, _, _ = strings.Cut(code, "_")
	for l := range Languages() {
		if languages[l].code == code {
			return l, true
		}
	}
	if code == "nb" || code == "nn" {
		return Named("no")
	}
	return Plain, false
}

// Version is the number of the rules by which texts become terms. It grows with
// every change that gives a text other terms: older saved indexes are then
// rejected.
const Version = 1

// Auto is the name of the analyzer that detects the language of a text.
const Auto = "auto"

// Names returns the names of the analyzers: auto, cjk, standard, and the codes of
// the languages. Package lexical describes them.
func Names() []string {
	names := []string{Auto, "cjk", "standard"}
	for l := range Languages() {
		names = append(names, languages[l].code)
	}
	return names
}

// ByName returns the language of an analyzer that treats all texts as of one
// language, and whether there is such an analyzer.
func ByName(name string) (Language, bool) {
	switch name {
	case "cjk":
		return unstemmed, true
	case "standard":
		return standard, true
	}
	for l := range Languages() {
		if languages[l].code == name {
			return l, true
		}
	}
	return Plain, false
}

// Name returns the name of l for ByName.
func (l Language) Name() string {
	switch l {
	case unstemmed:
		return "cjk"
	case standard:
		return "standard"
	}
	return languages[l].code
}

// Languages yields all languages but Plain.
func Languages() iter.Seq[Language] {
	return func(yield func(Language) bool) {
		for l := Plain + 1; l < eastern && yield(l); l++ {
		}
	}
}

// usual holds the default language of each script, Plain if there is none.
var usual = func() (list [token.Scripts]Language) {
	for l := unstemmed - 1; l > Plain; l-- {
		list[languages[l].script] = l
	}
	return list
}()

// words holds the stop words of all languages, in lower case, each with the
// languages that have it, as bits.
var words = sync.OnceValue(func() map[string]uint64 {
	m := map[string]uint64{}
	m["us"] |= 1<<english | 1<<standard // left out of the list because of the country, which capitals identify
	for l := range Count {
		for line := range strings.Lines(string(languages[l].stops)) {
			if end := strings.IndexAny(line, "|#"); end >= 0 {
				line = line[:end]
			}
			for w := range strings.FieldsSeq(line) {
				m[token.Lower(w)] |= 1 << l
			}
		}
		for _, r := range languages[l].letters {
			letterSets[r] |= 1 << l
		}
	}
	return m
})

// letterSets holds, for some letters, the few languages that have them. It is set
// once words was called.
var letterSets = map[rune]uint64{}

// stops reports whether a word in lower case is a stop word of l.
func (l Language) stops(lower string) bool { return words()[lower]&(1<<l) != 0 }
