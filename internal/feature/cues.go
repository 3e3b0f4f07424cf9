package feature

import (
	"strings"

	"github.com/goselfrag/goselfrag/internal/analysis/token"
)

// cues holds the question words of languages. Earlier kinds take precedence, since
// "what year" asks when. A cue with a space in it is several words in a row. A cue
// that ends with - matches the beginning of a word. In scripts without spaces a cue
// is found anywhere.
var cues = map[string][]cue{
	"east": {
		{askWhen, "什么时候 什麼時候 何时 何時 哪年 哪一年 几年 哪天 哪一天 几月 哪个世纪 哪个年代 什么年 哪个月 哪几年 いつ 何年 何月 何日 언제 몇년"},
		{askNumber, "多少 多大 多长 多遠 多远 多高 多久 多快 多重 多深 几个 几次 几名 几种 幾 百分之几 几 いくつ 何人 いくら 何個 何回 どのくらい どれくらい 何パーセント 얼마 몇"},
		{askWho, "谁 誰 何人 哪位 哪个人 什么人 哪名 누구 누가"},
		{askWhere, "哪里 哪裡 哪儿 何处 何地 在哪 什么地方 哪个国家 哪个城市 哪座城市 哪国 哪个州 哪个地区 どこ 何処 어디"},
		{askWhy, "为什么 為什麼 为何 何以 什么原因 なぜ どうして 왜"},
		{askDefinition, "什么是 是什么意思 的定义 とは何 무엇입니까"},
		{askHow, "怎么 怎麼 怎样 怎樣 如何 どのように どうやって どうすれば 어떻게"},
		{askWhat, "什么 什麼 哪 何 どの どんな どれ 무엇 무슨 어떤 어느"},
	},
	"southeast": {
		{askWhen, "เมื่อไหร่ เมื่อไร เมื่อใด ปีใด ปีไหน ปีอะไร วันที่เท่าไร วันไหน วันใด ศตวรรษใด ศตวรรษที่เท่าไร"},
		{askNumber, "เท่าไหร่ เท่าไร เท่าใด กี่ นานแค่ไหน มากแค่ไหน"},
		{askWho, "ใคร ผู้ใด"},
		{askWhere, "ที่ไหน ที่ใด ประเทศใด ประเทศไหน เมืองใด เมืองไหน"},
		{askWhy, "ทำไม เพราะอะไร เพราะเหตุใด เหตุใด"},
		{askHow, "อย่างไร ยังไง"},
		{askWhat, "อะไร ใด ไหน"},
	},
	"de": {
		{askWhen, "wann|welch- jahr|welch- jahrhundert|welch- tag|welch- monat|welch- datum"},
		{askNumber, "wie viel-|wieviel-|wie lange|wie hoch|wie groß|wie alt|wie weit|wie oft|wie schnell|wie schwer|wie tief|welch- anteil|welch- prozentsatz"},
		{askWho, "wer|wen|wem|wessen"},
		{askWhere, "wo|wohin|woher|welch- land|welch- stadt|welch- ort|welch- staat|welch- region"},
		{askWhy, "warum|weshalb|wieso|weswegen"},
		{askHow, "wie"},
		{askWhat, "was|welch-|worin|woraus|womit|wofür|wodurch|worauf|wovon"},
	},
	"hi": {
		{askWhen, "कब|किस वर्ष|किस साल|किस सदी|किस तारीख|किस दिन"},
		{askNumber, "कितन-"},
		{askWho, "कौन|किसने|किसे|किसको|किनके|किसके"},
		{askWhere, "कहां|कहाँ|किस देश|किस शहर|किस स्थान|किस राज्य"},
		{askWhy, "क्यों"},
		{askHow, "कैसे|किस प्रकार|किस तरह"},
		{askWhat, "क्या|किस-|किन-|कौन-"},
	},
	"fr": {
		{askWhen, "quand|quelle année|quel siècle|quelle date|quel jour"}, {askNumber, "combien"}, {askWho, "qui"},
		{askWhere, "où|quel pays|quelle ville"}, {askWhy, "pourquoi"}, {askHow, "comment"}, {askWhat, "que|quoi|quel-|qu"},
	},
	"es": {
		{askWhen, "cuándo|cuando|qué año|que año|qué fecha|qué siglo"}, {askNumber, "cuánt-|cuantos|cuantas"}, {askWho, "quién-|quien-"},
		{askWhere, "dónde|donde|qué país|qué ciudad"}, {askWhy, "por qué|por que"}, {askHow, "cómo|como"}, {askWhat, "qué|cuál-|que"},
	},
	"pt": {
		{askWhen, "quando|que ano"}, {askNumber, "quant-"}, {askWho, "quem"}, {askWhere, "onde"}, {askWhy, "por que|por quê|porquê"}, {askHow, "como"}, {askWhat, "que|qual|quais|o que"},
	},
	"it": {
		{askWhen, "quando|che anno"}, {askNumber, "quant-"}, {askWho, "chi"}, {askWhere, "dove"}, {askWhy, "perché|perche"}, {askHow, "come"}, {askWhat, "cosa|quale|quali|che"},
	},
	"nl": {
		{askWhen, "wanneer|welk jaar"}, {askNumber, "hoeveel"}, {askWho, "wie"}, {askWhere, "waar"}, {askWhy, "waarom"}, {askHow, "hoe"}, {askWhat, "wat|welk-"},
	},
	"ru": {
		{askWhen, "когда|каком году|какой день|каком веке"}, {askNumber, "сколько"}, {askWho, "кто|кого|кому|кем"}, {askWhere, "где|куда|откуда"},
		{askWhy, "почему|зачем"}, {askHow, "как"}, {askWhat, "что|чем|как-"},
	},
}

type cue struct {
	kind kind
	// Words are separated by | or, in scripts without spaces, by a space.
	words string
}

// cueKind returns the kind of question by the cues of a language, askOther if there
// are none.
func cueKind(a Asked, code string) kind {
	if code == "east" || code == "southeast" {
		for _, c := range cues[code] {
			for w := range strings.FieldsSeq(c.words) {
				if strings.Contains(a.Ask, w) {
					return c.kind
				}
			}
		}
		return askOther
	}
	for _, c := range cues[code] {
		for w := range strings.SplitSeq(c.words, "|") {
			if saysInRow(a.Words, strings.Fields(token.Fold(w))) {
				return c.kind
			}
		}
	}
	return askOther
}

// saysInRow reports whether words has all of cue in a row.
func saysInRow(words, cue []string) bool {
	for i := range words {
		n := 0
		for n < len(cue) && i+n < len(words) {
			head, open := strings.CutSuffix(cue[n], "-")
			if words[i+n] != cue[n] && !(open && strings.HasPrefix(words[i+n], head)) {
				break
			}
			n++
		}
		if n == len(cue) {
			return true
		}
	}
	return false
}
