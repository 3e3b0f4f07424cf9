package feature

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The features of a question that say whether to retrieve before answering.
const (
	rOne        = iota // always 1
	rWh                // 1 if it begins with a question word
	rWhInside          // 1 if a question word stands further on
	rVerbFirst         // 1 if it begins with a form of be, do, have or can
	rMark              // 1 if it ends with a question mark
	rImperative        // 1 if it begins with explain, describe, list and the like
	rTask              // 1 if it begins with a task on a text, such as rewrite
	rText              // 1 if the prompt says that it gives a text to work on
	rAround            // 1 if sentences stand around the question
	rGiven             // share of the question's words, by rarity, in these texts, if they are not marked
	rGreets            // 1 for a greeting or thanks of up to six words
	rCounts            // 1 if it only asks for arithmetic
	rFigures           // share of its words that are numbers
	rSigns             // 1 if it holds a sign of arithmetic between numbers
	rCreates           // 1 if it asks to write something new
	rCode              // 1 if it asks about writing code
	rYou               // 1 if it speaks to or about the program ("you")
	rYouShort          // 1 if it does so in up to eight words
	rTool              // 1 if it holds a word for the program, its abilities or its commands
	rMe                // 1 if it speaks of the user ("I", "me", "my")
	rFeels             // 1 if it holds a word of mood, opinion or chance
	rNames             // 1 if it holds a capital past its first word, other than I
	rOneWord           // 1 if it is a single word
	rFew               // 1 if it has two or three words
	rMany              // 1 if it has more than 25 words
	rTopical           // rarity of its content words, in tens, at most 3
	retrieveWidth
)

var retrieveNames = [retrieveWidth]string{
	"one", "wh", "wh inside", "verb first", "mark", "imperative", "task", "text", "around", "given", "greets", "counts", "figures",
	"signs", "creates", "code", "you", "you short", "tool", "me", "feels", "names", "one word", "few", "many", "topical",
}

// RetrieveNames returns the names of the features of [Asked.Retrieve].
func RetrieveNames() []string { return retrieveNames[:] }

var (
	whWords     = set("who whom whose what when where why which how whats whos")
	auxiliaries = set("is are was were do does did can could will would should has have had")
	imperatives = set("explain describe list name tell define find give show compare outline discuss identify state search look")
	codeWords   = set("code function script program regex sql python javascript java golang html css bash loop class unit debug compile refactor json algorithm snippet query command")
	toolWords   = set(`chatbot bot assistant ai tool app help capabilities abilities version settings mode start restart stop reset clear menu
		commands screen language understand remember memory conversation chat answer answers talk`)
	meWords   = set("i me my mine myself we us our im ive id")
	moodWords = set("feel feeling bored happy sad tired joke fun funny favourite favorite love like opinion think coin dice random guess pick choose flip roll story song poem weekend lunch mood nice")
	rootWords = set("root square squared cubed percent half double")
)

// Retrieve returns the features of the question; given is the share of its
// words, by rarity, that stand in the texts it gives.
func (a *Asked) Retrieve(given, rarity float64) []float64 {
	f := make([]float64, retrieveWidth)
	f[rOne] = 1
	if !a.Marked {
		f[rGiven] = given
	}
	numbers, others := 0, 0
	for i, w := range a.Words {
		switch {
		case strings.Trim(w, "0123456789") == "":
			numbers++
		case !sums[w]:
			others++
		}
		for _, g := range [...]struct {
			feature int
			words   map[string]bool
		}{{rYou, youWords}, {rTool, toolWords}, {rMe, meWords}, {rFeels, moodWords}, {rCode, codeWords}} {
			if g.words[w] {
				f[g.feature] = 1
			}
		}
		if i > 0 && whWords[w] {
			f[rWhInside] = 1
		}
	}
	ask := strings.TrimSpace(a.Ask)
	for i, w := range strings.Fields(ask) {
		first, _ := utf8.DecodeRuneInString(w)
		if i > 0 && w != "I" && !strings.HasPrefix(w, "I'") && unicode.IsUpper(first) {
			f[rNames] = 1
		}
	}
	n := len(a.Words)
	if n > 0 {
		f[rFigures] = float64(numbers) / float64(n)
	}
	f[rTopical] = min(3, rarity/10)
	for _, on := range [...]struct {
		feature int
		on      bool
	}{
		{rWh, whWords[a.First]},
		{rVerbFirst, auxiliaries[a.First]},
		{rMark, strings.HasSuffix(ask, "?")},
		{rImperative, imperatives[a.First]},
		{rTask, taskVerbs[a.First]},
		{rText, a.Marked},
		{rAround, len(a.Given) > 0 && !a.Marked},
		{rGreets, greetings[a.First] && n <= 6},
		{rCounts, numbers > 0 && others == 0 && (numbers > 1 || n <= 8 && anyIn(a.Words, rootWords))},
		{rSigns, numbers > 1 && strings.ContainsAny(ask, "+*/=^×÷")},
		{rCreates, creations[a.First]},
		{rYouShort, f[rYou] == 1 && n <= 8},
		{rOneWord, n <= 1},
		{rFew, n == 2 || n == 3},
		{rMany, n > 25},
	} {
		if on.on {
			f[on.feature] = 1
		}
	}
	return f
}

var youWords = set("you your yours yourself u")
