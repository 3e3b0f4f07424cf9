package feature

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
	"github.com/goselfrag/goselfrag/internal/analysis/token"
	"github.com/goselfrag/goselfrag/internal/sentence"
)

// ownText looks for texts to work on in a prompt. It returns the prompt without them
// and the texts, or the prompt and nothing: a wrong guess that there is a text leaves a
// question without an answer, a wrong guess that there is none costs one search.
func ownText(prompt string) (ask string, texts []string) {
	if !strings.ContainsAny(prompt, "\n:：→>\"“„«»「『‘") && isOneSentence(prompt) {
		return prompt, nil
	}
	if rest, quoted := cutQuotes(prompt); len(quoted) > 0 && givesQuote(rest, quoted) {
		return strings.TrimSpace(strings.ReplaceAll(" "+rest+" ", hole, " ")), quoted
	}
	if head, tail, ok := cutTail(prompt); ok {
		if ask, text, ok := givesTail(head, tail); ok {
			return ask, []string{text}
		}
	}
	for _, p := range partings(prompt) {
		if worksOn(p[0], p[1]) {
			return p[0], []string{p[1]}
		}
	}
	return tellsStory(prompt)
}

func isOneSentence(text string) bool {
	n := 0
	for range sentence.All(text) {
		if n++; n > 1 {
			return false
		}
	}
	return true
}

// The least sizes of texts, in words: of one that a question is about, and of one to
// summarize.
const (
	leastAsked  = 4
	leastSummed = 6
)

// givesQuote reports whether the quoted parts of a prompt are texts to work on, rather than
// names, titles and messages that a question is about.
func givesQuote(rest string, quoted []string) bool {
	text := strings.Join(quoted, " ")
	if worksOn(strings.Trim(rest, " _"), text) || taskOf(rest) == onAnyText && sizeOfText(text) >= 2 {
		return true
	}
	if sizeOfText(text) < leastAsked || isTitle(text) {
		return false
	}
	return announces(rest) && covers(text, rest) >= halfCovered || endsSentence(text) && asksFact(rest) && covers(text, rest) >= wellCovered
}

// worksOn reports whether a part of a prompt asks to work on the other one.
func worksOn(head, text string) bool {
	size := sizeOfText(text)
	switch taskOf(head) {
	case onAnyText:
		return size >= 2
	case onStatement:
		if _, told := questionsOf(text); sizeOfText(told) >= leastSummed {
			return true
		}
	}
	if size < 3 {
		return false
	}
	if size >= leastSummed && namesText(head) && !asksForHelp(head) {
		return true
	}
	return isTextTask(head) || asksAboutText(head) && size >= leastAsked
}

// givesTail reports whether what stands behind a colon or on lines of its own is a text to
// work on, and returns it without the question that may be behind it.
func givesTail(head, tail string) (ask, text string, ok bool) {
	asked, told := questionsOf(tail)
	task := taskOf(head)
	switch {
	case task == onAnyText, task == onStatement && sizeOfText(told) >= leastSummed,
		isWeakTask(head) && (told != "" || isMove(head)),
		told != "" && (asksAboutText(head) && namesText(head) || endsWithText(head)),
		sizeOfText(told) >= 2 && isTextTask(head),
		asksAboutCode(head) && strings.ContainsAny(tail, "(){}[]=;<>"):
		return head, tail, true
	}
	if told == "" || sizeOfText(told) < leastAsked || !announces(head) || speaksOfSelf(tail) {
		return "", "", false
	}
	if ask = head; asked != "" {
		ask = asked
	}
	if asksAboutText(ask) || asksAboutText(head) || namesText(head) || covers(told, ask) >= halfCovered {
		return ask, told, true
	}
	return "", "", false
}

// partings are the ways to part a prompt of several lines or sentences into a task and a text: the
// first line and the others, the last one and the others, and so with sentences.
func partings(prompt string) (list [][2]string) {
	prompt = strings.TrimSpace(prompt)
	if first, rest, ok := strings.Cut(prompt, "\n"); ok {
		at := strings.LastIndexByte(prompt, '\n')
		return [][2]string{{first, strings.TrimSpace(rest)}, {prompt[at+1:], strings.TrimSpace(prompt[:at])}}
	}
	first, last := 0, 0
	for s := range sentence.All(prompt) {
		if first == 0 {
			first = s.End
		}
		last = s.Start
	}
	if last > 0 {
		list = append(list, [2]string{prompt[last:], prompt[:last]}, [2]string{prompt[:first], prompt[first:]})
	}
	return list
}

// tellsStory returns the sentences around a question for a fact that they hold, if nobody
// speaks of himself, as those do who want help.
func tellsStory(prompt string) (ask string, texts []string) {
	asked, told := questionsOf(prompt)
	if asked == "" || told == "" || speaksOfSelf(prompt) || !asksFact(asked) {
		return prompt, nil
	}
	n := 0
	for range sentence.All(told) {
		n++
	}
	if (n < 2 && sizeOfText(told) < longStory) || covers(told, asked) < wellCovered {
		return prompt, nil
	}
	return asked, []string{told}
}

// longStory is the size from which on one sentence is a story.
const longStory = 15

// questionsOf parts a text into its questions and the rest.
func questionsOf(text string) (asked, told string) {
	var questions, others []string
	for s := range sentence.All(text) {
		t := s.Of(text)
		if r, _ := utf8.DecodeLastRuneInString(strings.TrimRight(t, " \"”」')）")); r == '?' || r == '？' || r == '؟' || isLine(text, s) && opensQuestion(t) {
			questions = append(questions, t)
		} else {
			others = append(others, t)
		}
	}
	return strings.Join(questions, " "), strings.Join(others, " ")
}

// isLine reports whether a sentence is the last line of a text of several.
func isLine(text string, s sentence.Span) bool {
	return s.Start > 0 && strings.TrimSpace(text[s.End:]) == "" && strings.Contains(text[max(0, s.Start-2):s.Start], "\n")
}

// cutTail parts a prompt at its first colon or, if it comes first, its first line break.
func cutTail(prompt string) (head, tail string, ok bool) {
	at := strings.IndexAny(prompt, ":：\n→")
	if arrow := strings.Index(prompt, "->"); arrow >= 0 && (at < 0 || arrow < at) {
		return strings.TrimSpace(prompt[:arrow]), strings.TrimSpace(prompt[arrow+2:]), arrow > 0
	}
	if at < 0 {
		return "", "", false
	}
	_, size := utf8.DecodeRuneInString(prompt[at:])
	head, tail = strings.TrimSpace(prompt[:at]), strings.TrimSpace(prompt[at+size:])
	return head, tail, head != "" && sizeOfText(tail) > 0
}

// quotes are the marks that open and close a quotation.
var quotes = map[rune]rune{'"': '"', '“': '”', '„': '“', '«': '»', '»': '«', '「': '」', '『': '』', '‘': '’', '《': '》'}

// hole stands where a quoted text was.
const hole = " _ "

// cutQuotes returns s with holes for what it holds in quotation marks, and the quoted texts.
// One in 《》 is a title and stays.
func cutQuotes(s string) (rest string, quoted []string) {
	var b strings.Builder
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		closing, opens := quotes[r]
		end := -1
		if opens && r != '《' {
			end = strings.IndexRune(s[size:], closing)
		}
		if end < 0 && r == '„' {
			end = strings.IndexAny(s[size:], "”\"")
		}
		if end <= 0 {
			b.WriteString(s[:size])
			s = s[size:]
			continue
		}
		quoted = append(quoted, s[size:size+end])
		s = s[size+end:]
		_, size = utf8.DecodeRuneInString(s)
		s = s[size:]
		b.WriteString(hole)
	}
	return strings.TrimSpace(b.String()), quoted
}

// sizeOfText returns about how many words a text has.
func sizeOfText(text string) float64 {
	n := 0.0
	scanner := token.Scan(text)
	for t := (token.Token{}); scanner.Next(&t); {
		switch {
		case !t.Run:
			n++
		case t.Script == token.EastAsian:
			n += float64(utf8.RuneCountInString(text[t.Start:t.End])) / 2
		default:
			n += float64(utf8.RuneCountInString(text[t.Start:t.End])) / 6
		}
	}
	return n
}

// isTitle reports whether the words of a text, but for short ones, begin with capitals.
func isTitle(text string) bool {
	for _, w := range strings.Fields(text) {
		if r, _ := utf8.DecodeRuneInString(w); utf8.RuneCountInString(w) > 3 && !unicode.IsUpper(r) {
			return false
		}
	}
	return true
}

func endsSentence(text string) bool {
	r, _ := utf8.DecodeLastRuneInString(strings.TrimSpace(text))
	return sentence.Terminal(r) && sizeOfText(text) >= leastAsked
}

// Shares of the content words of a question in a text.
const (
	halfCovered = 0.5
	wellCovered = 0.99
)

// covers returns the share of the content words of a question, but for words for texts,
// that a text holds. In Chinese and Japanese it goes by single characters.
func covers(text, question string) float64 {
	if l := lexicon.LanguageOf(question); l.Code() == "east" {
		return coversChars(text, question)
	}
	lex := lexicon.New(64, lexicon.LanguageOf(question, text))
	in := map[int32]bool{}
	for _, w := range lex.Words(text) {
		in[w.Term] = true
	}
	found, all := 0, 0
	for word := range keyword.Plainly(question) {
		for _, w := range lex.Words(word) {
			if w.Term < 0 || w.Is&lexicon.Stop != 0 || textNouns[word] {
				continue
			}
			all++
			if in[w.Term] {
				found++
			}
		}
	}
	if all == 0 {
		return 0
	}
	return float64(found) / float64(all)
}

func coversChars(text, question string) float64 {
	found, all := 0, 0
	for _, r := range question {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) || strings.ContainsRune(plainChars, r) {
			continue
		}
		all++
		if strings.ContainsRune(text, r) {
			found++
		}
	}
	if all == 0 {
		return 0
	}
	return float64(found) / float64(all)
}

// plainChars say nothing about what a question is about.
const plainChars = "的了是在吗呢吧什么谁哪几多少个里时候何年月日天为怎样如这那请问根据文中段话句以下面上述材料内容短文章原写到"

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}
