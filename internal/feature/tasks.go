package feature

import (
	"regexp"
	"strings"
	"sync"
)

// task is what a prompt that begins with a task takes for its text.
type task int

const (
	noTask      task = iota
	onAnyText        // whatever is given, a question too: translate, rephrase
	onStatement      // text that is no question: summarize
)

const (
	polite = `^(?:(?:please|pls|kindly|can you|could you|would you|will you|i need you to|i want you to|i'd like you to|help me(?: to)?|now|then|hi|hello|hey|bitte|kannst du|können sie|por favor|puedes|s'il te plaît|peux-tu|pouvez-vous|per favore|пожалуйста|कृपया|ช่วย|กรุณา|โปรด)[,!.]? ?)*`
	// behind is what comes behind a verb that is meant as one: "translate button" is a name.
	behind = `(?:[,.]?$|[,.]? (?:this|that|these|those|the|following|below|my|a|an|it|into|to|in|from|for|as|me|and|sentence|text|paragraph|word|phrase|passage|email|so|diesen|diese|dieses|den|die|das|folgenden|folgende|folgendes|mir|ins|auf|zum|zur|al|a la|este|esta|el|la|los|ce|cette|le|les|en|cet|questo|questa|il|in|это|этот|эту|на|текст|следующий|следующее|следующую|предложение|для|para|more|again|_)(?:[ ,.:]|$)| \s*$)`
)

var (
	anyTextTasks   = pattern(polite + `(?:translate|rewrite|re-write|rephrase|reword|paraphrase|proofread|spell-?check|punctuate|capitali[sz]e|übersetze|übersetzen sie|übersetz|korrigiere|korrigieren sie|formuliere|umformulieren|traduce|traduzca|traduis|traduisez|traduci|traduzir|traduza|corrige|corrija|corrigez|corriger|reformule|reformula|parafrasea|переведи|переведите|перефразируй|перефразируйте|исправь|исправьте|vertaal|herschrijf)` + behind)
	statementTasks = pattern(polite + `(?:summari[sz]e|shorten|simplify|condense|tl;?dr|fasse|fass|kürze|vereinfache|resume|resuma|resumir|résume|résumez|riassumi|сократи|перескажи|кратко перескажи|vat)` + behind)
	// elsewhere are tasks of other scripts, which may stand anywhere in a short head.
	elsewhere = pattern(`अनुवाद कर|सारांश|दोबारा लिख|सुधार कर|แปล|สรุปข้อความ|เขียนใหม่|แก้ไขประโยค|สรุปย่อหน้า|翻訳し|訳して|要約し|言い換え|書き直し|校正し|번역해|요약해|고쳐|ترجم|لخص`)

	chineseTasks     = pattern(`^(?:请|請|麻烦|麻煩|帮我|帮忙|能否|能不能|可以|你能|您能|你|您|给我|替我|我想|我要|现在)*(?:用.{1,8})?(?:翻译|翻譯|翻成|译成|改写|改寫|重写|重寫|润色|潤色|缩写|縮寫|扩写|续写|續寫|仿写|校对|校對|纠正|糾正|改正|修改|复述|转述|意译)(?:一下|下|成|为|為|到|这|這|以下|下面|下列|下文|此段|该段|上述|如下|句子|段落|文字|病句|错别字|錯別字|语法|故事|短文|$|\s)`)
	chineseSummaries = pattern(`^(?:请|請|麻烦|麻煩|帮我|帮忙|能否|能不能|可以|你能|您能|你|您|给我|替我|我想|我要|现在)*(?:用.{1,8})?(?:总结|總結|概括|归纳|歸納|概述|提炼|精简|简化|缩短|摘要)(?:這|一下|下|成|为|这|以下|下面|下列|下文|此段|该段|上述|如下|段落|文字|$|\s)`)
	chineseMoves     = pattern(`^(?:请|請|麻烦|麻煩|帮我|帮忙|能否|你|您|给我|替我|现在)*(?:把|将|將)(?:\s+|这|這|以下|下面|下列|此|该|該|上述|下文).{0,14}(?:翻译|翻譯|翻成|译|譯|改|重写|重寫|总结|總結|概括|缩|縮|扩|转换|转成|轉成|转为|轉為|润色|潤色|整理|变|變|简化|排序|排列)`)
)

// pattern compiles a regular expression when it is first needed: most prompts need none.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// isTask reports whether an instruction is a task on its input.
func isTask(instruction string) bool {
	return taskOf(strings.TrimRight(instruction, ".:。： ")) != noTask || isWeakTask(instruction)
}

// taskOf returns the task that the part of a prompt before its text begins with.
func taskOf(head string) task {
	head = strings.TrimRight(oneLine(head), ".:。：,， ")
	if pages().MatchString(head) {
		return noTask
	}
	switch {
	case anyTextTasks().MatchString(head), chineseTasks().MatchString(head), chineseMoves().MatchString(head),
		sizeOfText(head) <= 12 && elsewhere().MatchString(head):
		return onAnyText
	case statementTasks().MatchString(head), chineseSummaries().MatchString(head):
		return onStatement
	}
	return noTask
}

// The words for texts.
const (
	nouns        = `(?:text|sentences?|paragraphs?|passages?|phrases?|words?|excerpts?|quotes?|quotations?|statements?|articles?|reviews?|comments?|e-?mails?|letters?|notes?|messages?|headlines?|stor(?:y|ies)|snippets?|lists?|reports?|memos?|abstracts?|poems?|jokes?|dialogues?|conversations?|transcripts?|tweets?|posts?|paragraf|satz|sätze|absatz|nachricht|abschnitt|frase|oraci[oó]n|texto|p[aá]rrafo|pasaje|texte|phrase|paragraphe|passage|extrait|testo|frase|brano|текст[а-я]*|предложени[а-я]*|абзац[а-я]*|отрыв[а-я]*)`
	chineseNouns = `(?:文字|文本|文章|短文|课文|原文|段落|句子|段话|句话|材料|内容|故事|新闻|邮件|信件|评论|对话|通知|代码|程序|报道|报告|介绍|诗|文段|段文字|段文|几句话|资料|片段|文)`
)

var (
	weakTasks = pattern(polite + `(?:correct|edit|fix|check|polish|format|convert|classify|extract|sort|count|reverse|expand|improve|complete|continue|repeat|turn|make|put|change|split|list|underline|find|identify|arrange|order|analy[sz]e|rate|label|find|explain|finish|shorten|give|write|bestimme|zähle|nenne|encuentra|extrae|trouve|extrais)\b.*\b(?:(?:this|these|the following|following|each|the|diesem|diesen|folgenden|este|esta|ce|cette)\b.{0,14}\b` + nouns + `|grammar|spelling|punctuation|typos?|grammatik|rechtschreibung|ortograf[ií]a|gram[aá]tica|orthographe|grammaire)\b`)
	moveTasks = pattern(polite + `(?:turn|put|make|change|convert|format|rewrite|say|express|phrase) (?:this|these|it|the following) (?:into|in|as|to|more|less|sound|shorter|longer|polite|friendly|formal)\b`)

	chineseWeakTasks = pattern(`(?:找出|列出|提取|标出|判断|分析|分类|数一数|统计|检查|解释|指出|摘录|划分|读一下|修改|翻译|总结|概括).{0,6}(?:以下|下面|下列|下文|这|上述|此|该).{0,4}` + chineseNouns)

	// textTasks need no more than their words to be about a text at hand.
	textTasks = pattern(`\bhow (?:do|would) (?:you|i) say (?:the following|this|that|_)(?: |$)|\b(?:translate|summari[sz]e|rewrite|rephrase|paraphrase|shorten|proofread|correct|improve|edit|simplify) (?:the above|this|that|it|the (?:following|preceding|previous)|these)(?: (?:text|sentences?|paragraph|passage|into|in|to|as|so)\b|[.!]?$)` +
		`|\b(?:gist|summary|main points?|key points?) of (?:that|this|the above|the following|it)\b|\b(?:continue|finish|complete|extend|rate|classify|label) (?:this|the|that) (?:story|poem|sentence|paragraph|tale|dialogue|limerick|rhyme|review|headline|tweet)\b` +
		`|^(?:please )?(?:extract|pull|get|list|find|pick) .{2,60}\b(?:from|out of|in)(?: this| the following| these| this text| the text)?$` +
		`|^(?:please )?(?:change|convert|put|turn|rewrite|transform|set)(?: this| it| the following| these)? (?:in)?to (?:the )?(?:passive|active|past|present|future|plural|singular|direct|indirect|reported|upper ?case|lower ?case|title case|third person|first person|json|yaml|csv|xml|markdown|simple|plain|simpler|formal|informal)\b` +
		`|\bread (?:this|the following)(?: (?:text|passage|paragraph|story))? and\b|\bwhat (?:emotion|feeling|mood|tone|sentiment) (?:does|do|is)\b.*\b(?:this|these|the following)\b`)
	// chineseTextTasks are those of Chinese, europeanTextTasks and otherTextTasks those of other languages.
	chineseTextTasks = pattern(`(?:德|法|英|日|韩|韓|俄|西班牙|意大利|葡萄牙|泰|汉|漢|中)(?:语|語|文)(?:怎么|怎麼|如何)(?:说|說|写|寫)` +
		`|(?:这|這)(?:句|段|篇|首|几句|两句|封|条|條)[^，。？]{0,6}(?:翻译|翻譯|译成|改写|润色|缩写|总结|概括|赏析|賞析)` +
		`|(?:以上|上面|上述|上文)(?:内容|內容|文字|这段|這段|这句|两句|这两句|句子|段落|诗句|的?诗)?.{0,8}(?:缩写|縮寫|翻译|翻譯|总结|總結|概括|改写|改寫|润色|赏析|賞析|摘要|续写|仿写)` +
		`|(?:赏析|賞析|续写|翻译|翻譯|总结|概括|改写|缩写)(?:一下)?(?:以上|上面|上述|上文)` +
		`|(?:给|為|为|替)(?:这|這|下面|以下|下列)(?:的|段|篇|则|則|条|條|个|個)*(?:新闻|新聞|文字|文章|短文|故事|标题|標題|话|話|段落).{0,12}(?:标题|標題|题目|分类|分類|打分)|摘要(?:这|這|以下|下面)` +
		`|(?:这|這|下面|以下|下列)(?:的|段|句|篇|条|條|封|首|则)*(?:话|話|文字|句子|短信|评论|評論|评价|郵件|邮件|信|诗|新闻|新聞|标题).{0,6}(?:讲了|讲的|说了|寫了|写了|有没有|有没|是不是|表达了|表達了|属于|是否|哪里)` +
		`|(?:找出|提取|列出|摘出)文中|(?:里|裡)(?:面)?(?:提取|找出|摘出)|^(?:续写|續寫)`)
	europeanTextTasks = pattern(`\b(?:diese[rs]?|die folgende|folgende[rns]?) (?:\w+ )?(?:bewertung|satz|text|absatz|rezension|geschichte)\b|\bformuliere\w*\b` +
		`|\bcorrige (?:las faltas|los errores|la ortografía|la gramática|les fautes|l'orthographe|la grammaire|les erreurs|gli errori)|\bcorrija (?:os erros|as faltas)` +
		`|\b(?:extrae|extrais|extraia|estrai)\b.*\b(?:texto|texte|testo|frase|phrase)|\b(?:continúa|continua|continue|termine|acaba|termina) (?:el|la|le|l'|o|il) ?(?:cuento|historia|histoire|conte|conto|racconto|storia|frase|phrase|poema|poème)` +
		`|\breformul[ea]\w*\b.*\b(?:esta|cette|questa|frase|phrase|oración)|\b(?:ce|cette|este|esta|questa|questo) (?:commentaire|avis|texte|phrase|critique|comentario|reseña|opinión|texto|frase|testo|recensione)\b.*(?:positi|négati|negati)`)
	otherTextTasks = pattern(`исправь\w* (?:ошибк|опечатк|предложени|текст)|(?:исправь|исправьте) (?:ошибки|опечатки)|тональност|(?:продолжи|продолжите|закончи|закончите) (?:рассказ|историю|предложение|стих|текст)|(?:этот|этого|данный) (?:отзыв|текст)|перефразируй` +
		`|(?:इस|निम्न|निम्नलिखित) ?(?:वाक्य|पाठ|अनुच्छेद|समीक्षा|टिप्पणी)|वर्तनी (?:सुधार|ठीक)|यह (?:समीक्षा|टिप्पणी|वाक्य)|แก้(?:ไข)?คำผิด|(?:รีวิว|ประโยค|ย่อหน้า)(?:นี้|ต่อไปนี้|ข้างต้น)` +
		`|(?:この|次の|以下の|上の|上記の)(?:文|文章|レビュー|段落|口コミ|コメント|会話|詩)|(?:敬語|丁寧語|標準語|ひらがな|カタカナ|過去形|受動態|受け身)に(?:直し|変え|訳し|書き換え)|誤字|이 (?:문장|글|리뷰|댓글)|다음 (?:문장|글|리뷰)|맞춤법` +
		`|(?:صحح|صحّح) (?:الأخطاء|هذه الجملة|الجملة)|هذ(?:ا|ه) (?:التعليق|النص|الجملة|الفقرة|المراجعة)|الجملة التالية|النص التالي|صياغة (?:هذه|الجملة|النص)`)

	announcers        = pattern(`\b(?:in|from|according to|based on|given|using|use|read|about|here is|here's|here are|consider|look at|with|after|on|im|in|laut|nach|lies|lesen sie|según|en|lee|selon|dans|lis|secondo|leggi|nel|в|прочитай|прочитайте|согласно|по|из)\b.{0,16}?\b` + nouns + `\b|^(?:text|passage|context|paragraph|article|excerpt|source|document|story|kontext|texto|contexto|texte|contexte|testo|контекст|текст)$`)
	chineseAnnouncers = pattern(`(?:以下|下面|下列|下文|这|這|上面|上述|此|该|给定|所给|给出|阅读|閱讀|根据|根據|依据).{0,6}` + chineseNouns + `|^(?:文本|原文|材料|背景|上下文|短文|文章|资料)$|次の(?:文|文章|段落)|この(?:文|文章)|다음 (?:글|문장)|ข้อความ(?:ต่อไปนี้|นี้)|निम्नलिखित|इस (?:पाठ|वाक्य|अनुच्छेद)`)

	theseTexts = pattern(`\b(?:this|these|the following|below) (?:\w+ )?` + nouns + `\b`)
	lastTexts  = pattern(`\b(?:this|the following) (?:\w+ )?(?:sentence|text|paragraph|passage|excerpt|phrase|story|poem|dialogue)$|(?:这|以下|下面|下列|下文)的?(?:[一几]?[个段句篇])?(?:句子|句话|话|段落|短文|文字|文章|文段)(?:中|里)?$`)
	// pages are what a program translates or rewrites elsewhere.
	pages     = pattern(`\b(?:page|site|website|app|interface|menu|screen|button|feature|setting)s?\b`)
	messages  = pattern(`\b(?:messages?|errors?|codes?|warnings?|i|me|my|we|our|us)\b`)
	aboutCode = pattern(`\b(?:this|the following) (?:code|snippet|function|script|program|regex|query|loop|class|method)\b|(?:这段|以下|下面的?)(?:代码|程序|函数)`)
	aboutText = pattern(`\b(?:main (?:point|idea|topic|message)|tone of|subject of (?:this|the) sentence|sentiment|positive or negative|positiv oder negativ|positi(?:f|ve) ou négati(?:f|ve)|positiv[oa] o negativ[oa]|main points|key points|which language is|what language is|title for|verbs? in (?:this|the)|nouns? in (?:this|the)|adjectives? in (?:this|the)|hauptaussage|idea principal|idée principale)\b|中心思想|主要内容|主旨|大意|什么语言|褒义|贬义|积极还是消极|正面还是负面|肯定的ですか|ポジティブ|सकारात्मक है या|บวกหรือลบ|إيجابي أم سلبي|有几个字|多少个字|主语|谓语|病句`)
)

// oneLine returns a text in lower case with one space between words.
func oneLine(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }

// asksForHelp reports whether a part of a prompt is about a message of a machine, or about who
// writes it.
func asksForHelp(head string) bool {
	head = oneLine(head)
	return messages().MatchString(head) || strings.ContainsAny(head, "我咱俺")
}

func isWeakTask(head string) bool {
	head = oneLine(head)
	return weakTasks().MatchString(head) || moveTasks().MatchString(head) || chineseWeakTasks().MatchString(head)
}

// announces reports whether a part of a prompt says that a text is given.
func announces(head string) bool {
	head = oneLine(head)
	return announcers().MatchString(head) || chineseAnnouncers().MatchString(head)
}

// isMove reports whether a part of a prompt asks to put a text into another form, which may be
// a question.
func isMove(head string) bool { return moveTasks().MatchString(oneLine(head)) }

// namesText reports whether a part of a prompt speaks of a text that is at hand.
func namesText(head string) bool {
	return theseTexts().MatchString(oneLine(head)) || chineseAnnouncers().MatchString(head)
}

// endsWithText reports whether a part of a prompt ends by naming the text behind it.
func endsWithText(head string) bool { return lastTexts().MatchString(oneLine(head)) }

// isTextTask reports whether a part of a prompt is a task that only a text can be meant by, in
// any place of it.
func isTextTask(head string) bool {
	head = oneLine(head)
	return textTasks().MatchString(head) || chineseTextTasks().MatchString(head) || europeanTextTasks().MatchString(head) || otherTextTasks().MatchString(head)
}

func asksAboutCode(head string) bool { return aboutCode().MatchString(oneLine(head)) }

// asksAboutText reports whether what is asked is about a text as such, rather than about what
// it says.
func asksAboutText(ask string) bool { return aboutText().MatchString(oneLine(ask)) }

var (
	// selves are the words of those who speak of themselves or to somebody.
	selves = set(`i me my mine we us our ours im ive you your yours ich mich mir mein meine meinen meiner wir uns unser unsere sie ihr ihre du dein
		yo me mi mis nosotros nuestro nuestra je j m moi mon ma mes nous notre nos vous votre vos io mio mia noi nostro я мне мой моя мои мы нас наш вы вас ваш
		मैं मेरा मेरी मेरे हम हमारा आप आपका`)
	textNouns = set(`text passage sentence paragraph phrase statement article excerpt quote quotation according`)
	facts     = set(`who whom whose when where which wer wem wen wann wo welche welcher welches quien quienes cuando donde cual qui quand ou quel quelle chi quando dove quale кто когда где какой`)
)

// speaksOfSelf reports whether a prompt speaks of who writes it or to who reads it.
func speaksOfSelf(prompt string) bool {
	for _, w := range plainWords(prompt) {
		if selves[w] {
			return true
		}
	}
	return strings.ContainsAny(prompt, "我你您咱俺") || strings.Contains(prompt, "私") || strings.Contains(prompt, "ฉัน") || strings.Contains(prompt, "ผม")
}

// asksFact reports whether a question asks who, when, where, which or how many.
func asksFact(question string) bool {
	words := plainWords(question)
	for i, w := range words {
		if facts[w] || w == "how" && i+1 < len(words) && (words[i+1] == "many" || words[i+1] == "old") {
			return true
		}
	}
	return strings.Contains(question, "谁") || strings.Contains(question, "多少") || strings.ContainsRune(question, '几')
}

// opensQuestion reports whether a line begins like a question though no mark ends it.
func opensQuestion(line string) bool {
	words := plainWords(line)
	return len(words) > 0 && (facts[words[0]] || words[0] == "what" || words[0] == "how" || words[0] == "why")
}
