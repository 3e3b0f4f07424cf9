package feature

import "math"

// parted is a prompt in two parts, from which features are computed.
type parted struct {
	task, text side
	kind       partingKind
	before     bool // a part of the task is before the text
	behind     bool // a part of the task is after the text
	label      bool // the text is after a label and a colon, such as "Context:"
	asksLabel  bool // the task after the text begins with a label, such as "Question:"
	colon      bool // a colon is before the text
	covered    float64
}

// partingRow returns the features of a parting, as [PartingNames] lists them.
func partingRow(p parting, units []unit) []float64 {
	i, j := 0, len(units)
	for i < len(units) && units[i].at < p.a {
		i++
	}
	for j > i && units[j-1].at >= p.b {
		j--
	}
	head, tail := readSide(units[:i]), readSide(units[j:])
	d := parted{
		kind: p.kind, text: readSide(units[i:j]), before: head.size > 0, behind: tail.size > 0, colon: head.colon,
		label: head.colon && head.last&markLabel != 0, asksLabel: tail.first&markLabel != 0,
		covered: covers(units[:i], units[i:j], units[j:]),
	}
	d.task = head
	d.task.join(&tail)
	row := make([]float64, 1+int(partingKinds), 1+int(partingKinds)+len(partingFeatures))
	row[0], row[1+p.kind] = 1, 1
	for _, f := range partingFeatures {
		row = append(row, f.of(&d))
	}
	return row
}

type partingFeature struct {
	name string
	of   func(d *parted) float64
}

// when makes a feature that is 1 if a condition holds and else 0.
func when(name string, of func(d *parted) bool) partingFeature {
	return partingFeature{name, func(d *parted) float64 { return b2f(of(d)) }}
}

// has makes a feature of a task with one of the marks.
func has(name string, m mark) partingFeature {
	return when(name, func(d *parted) bool { return d.task.has(m) })
}

// both makes a feature of a task with words of two marks.
func both(name string, m, o mark) partingFeature {
	return when(name, func(d *parted) bool { return d.task.has(m) && d.task.has(o) })
}

// openingWith makes a feature of a task that begins with a word with one mark and has words with another.
func openingWith(name string, m, o mark) partingFeature {
	return when(name, func(d *parted) bool { return d.task.opens&m != 0 && d.task.has(o) })
}

func (d *parted) quote() bool { return d.kind == atQuote || d.kind == atFence }

func (d *parted) line() bool {
	return d.kind == atFirstLine || d.kind == atLastLine || d.kind == atFence || d.kind == between
}

func (d *parted) atColon() bool { return d.kind == atColon || d.kind == atArrow }

// question reports whether the text is one question.
func (d *parted) question() bool { return d.text.asked && d.text.questions >= d.text.sentences }

func (d *parted) asks() bool { return d.task.questions > 0 }

func (d *parted) long() bool { return d.text.size >= 6 }

// pointsToText reports whether the task says "this text" or the like.
func (d *parted) pointsToText() bool { return d.task.points&markNoun != 0 }

// title reports whether the words of the text begin with capitals.
func (d *parted) title() bool {
	return d.text.capitals > 0 && d.text.capitals >= 0.6*d.text.words && d.text.words >= 2
}

func (d *parted) fact() bool { return d.task.has(markFact) }

func (d *parted) selves() bool { return d.text.has(markSelf) || d.task.has(markSelf) }

func (d *parted) otherScript() bool { return d.task.script() != d.text.script() }

// code returns the share of signs of code in the text, 1 for half of it.
func (d *parted) code() float64 { return atMost(d.text.code/(d.text.words+1), 0.5) }

// atMost returns x as a share of the greatest value that counts.
func atMost(x, most float64) float64 { return min(x, most) / most }

// only returns x if a condition holds and else 0.
func only(x float64, condition bool) float64 {
	if condition {
		return x
	}
	return 0
}

const works = markTask | markChange | markForm | markJudge

// partingFeatures holds the features of a parting other than its kind: of the text,
// of the task, and of their combination.
var partingFeatures = []partingFeature{
	when("task long", func(d *parted) bool { return d.task.size > 15 }),
	when("task very long", func(d *parted) bool { return d.task.size > 30 }),
	when("task behind", func(d *parted) bool { return d.behind && !d.before }),
	when("task around", func(d *parted) bool { return d.behind && d.before }),
	{"text size", func(d *parted) float64 { return atMost(math.Log1p(d.text.size), 4) }},
	when("text < 2", func(d *parted) bool { return d.text.size < 2 }),
	when("text < 4", func(d *parted) bool { return d.text.size < 4 }),
	when("text ≥ 8", func(d *parted) bool { return d.text.size >= 8 }),
	when("text ≥ 16", func(d *parted) bool { return d.text.size >= 16 }),
	when("text ≥ 40", func(d *parted) bool { return d.text.size >= 40 }),
	when("text sentences ≥ 2", func(d *parted) bool { return d.text.sentences >= 2 }),
	when("text sentences ≥ 3", func(d *parted) bool { return d.text.sentences >= 3 }),
	when("text lines", func(d *parted) bool { return d.text.lines > 0 }),
	when("text is question", (*parted).question),
	when("text holds question", func(d *parted) bool { return d.text.questions > 0 && !d.question() }),
	when("text stops", func(d *parted) bool { return d.text.stops }),
	when("text self", func(d *parted) bool { return d.text.has(markSelf) }),
	when("text opens task", func(d *parted) bool { return d.text.opens&markTask != 0 }),
	when("text opens change", func(d *parted) bool { return d.text.opens&markChange != 0 }),
	when("text opens ask", func(d *parted) bool { return d.text.opens&(markAsk|markFact) != 0 }),
	when("text trouble", func(d *parted) bool { return d.text.has(markTrouble) }),
	when("text outside", func(d *parted) bool { return d.text.has(markOutside) }),
	when("text points", func(d *parted) bool { return d.text.has(markPoint) }),
	when("text quotes", func(d *parted) bool { return d.text.quotes >= 2 }),
	{"numbers", func(d *parted) float64 { return atMost(d.text.numbers/(d.text.words+1), 0.5) }},
	{"items", func(d *parted) float64 { return atMost(d.text.commas/(d.text.words+1), 0.4) }},
	{"code", (*parted).code},
	{"capitals", func(d *parted) float64 { return d.text.capitals / (d.text.words + 1) }},
	when("title", (*parted).title),

	when("task asks", (*parted).asks),
	when("task sentences ≥ 2", func(d *parted) bool { return d.task.sentences >= 2 }),
	when("task sentences ≥ 3", func(d *parted) bool { return d.task.sentences >= 3 }),
	when("opens task", func(d *parted) bool { return d.task.opens&markTask != 0 }),
	when("opens change", func(d *parted) bool { return d.task.opens&markChange != 0 }),
	when("opens ask", func(d *parted) bool { return d.task.opens&markAsk != 0 }),
	has("task", markTask), has("change", markChange), has("noun", markNoun), has("data", markData), has("point", markPoint),
	has("form", markForm), has("judge", markJudge), has("outside", markOutside), has("trouble", markTrouble),
	has("fact", markFact), has("ask", markAsk), has("self", markSelf),
	when("points to text", (*parted).pointsToText),
	when("points to data", func(d *parted) bool { return d.task.points&markData != 0 }),
	when("points outside", func(d *parted) bool { return d.task.points&markOutside != 0 }),
	when("points to nothing", func(d *parted) bool {
		return d.task.has(markPoint) && d.task.points&(markNoun|markData|markOutside) == 0
	}),
	when("works on this", func(d *parted) bool { return d.task.toWork }),
	when("ends noun", func(d *parted) bool { return d.task.last&markNoun != 0 }),
	when("ends point", func(d *parted) bool { return d.task.last&markPoint != 0 }),
	when("ends form", func(d *parted) bool { return d.task.last&markForm != 0 }),
	when("ends data", func(d *parted) bool { return d.task.last&markData != 0 }),
	when("task < 4", func(d *parted) bool { return d.task.size < 4 }),
	when("no mark", func(d *parted) bool { return !d.task.has(allMarks) }),
	when("task < 3, no work", func(d *parted) bool { return d.task.size < 3 && !d.task.has(works) }),

	when("colon before", func(d *parted) bool { return d.colon }),
	when("label before text", func(d *parted) bool { return d.label }),
	when("label opens text", func(d *parted) bool { return d.text.first&markLabel != 0 }),
	when("label opens task", func(d *parted) bool { return d.behind && d.asksLabel }),
	when("label · label", func(d *parted) bool { return d.label && d.behind && d.asksLabel }),
	when("label · asks", func(d *parted) bool { return d.label && d.asks() }),
	{"covered", func(d *parted) float64 { return d.covered }},
	{"covered · fact", func(d *parted) float64 { return only(d.covered, d.fact()) }},
	when("all covered · fact", func(d *parted) bool { return d.covered > 0.99 && d.fact() }),
	when("hardly covered · fact", func(d *parted) bool { return d.covered < 0.34 && d.fact() }),
	{"story", func(d *parted) float64 { return only(d.covered, d.fact() && !d.selves()) }},
	{"story · sentences", func(d *parted) float64 {
		return only(d.covered, d.fact() && !d.selves() && d.text.sentences >= 2)
	}},
	when("other script", (*parted).otherScript),
	when("other script · form", func(d *parted) bool { return d.otherScript() && d.task.has(markForm) }),
	when("numbers · fact", func(d *parted) bool { return d.text.numbers >= 2 && d.fact() }),
	when("numbers · fact · long", func(d *parted) bool { return d.text.numbers >= 2 && d.fact() && d.long() }),
	when("numbers · comma", func(d *parted) bool { return d.text.numbers >= 2 && d.kind == atComma }),

	both("task · form", markTask, markForm), both("task · points", markTask, markPoint), both("task · outside", markTask, markOutside),
	both("change · outside", markChange, markOutside), both("judge · points", markJudge, markPoint), both("judge · noun", markJudge, markNoun),
	both("form · points", markForm, markPoint), both("self · trouble", markSelf, markTrouble),
	openingWith("opens change · noun", markChange, markNoun), openingWith("opens change · form", markChange, markForm),
	openingWith("opens change · data", markChange, markData), openingWith("opens change · points", markChange, markPoint),
	when("opens task · question", func(d *parted) bool { return d.task.opens&markTask != 0 && d.question() }),
	when("opens task · form · question", func(d *parted) bool {
		return d.task.opens&markTask != 0 && d.task.has(markForm) && d.question()
	}),
	when("opens task · long", func(d *parted) bool { return d.task.opens&markTask != 0 && d.long() }),
	when("task < 4 · opens task", func(d *parted) bool { return d.task.size < 4 && d.task.opens&markTask != 0 }),
	when("task < 4 · opens change", func(d *parted) bool { return d.task.size < 4 && d.task.opens&markChange != 0 }),
	when("judge · long", func(d *parted) bool { return d.task.has(markJudge) && d.long() }),
	when("judge · asks", func(d *parted) bool { return d.task.has(markJudge) && d.asks() }),
	when("outside · no point", func(d *parted) bool { return d.task.has(markOutside) && !d.task.has(markPoint) }),
	when("form · no ask", func(d *parted) bool { return d.task.has(markForm) && !d.task.has(markAsk) }),
	when("self · asks", func(d *parted) bool { return d.task.has(markSelf) && d.asks() }),
	{"code · data", func(d *parted) float64 { return only(d.code(), d.task.has(markData)) }},
	{"code · points", func(d *parted) float64 { return only(d.code(), d.task.has(markPoint)) }},
	when("fact · points", func(d *parted) bool { return d.fact() && d.pointsToText() }),
	when("fact · long", func(d *parted) bool { return d.fact() && d.long() }),

	when("quote · long", func(d *parted) bool { return d.quote() && d.text.size >= 8 }),
	when("quote · stops", func(d *parted) bool { return d.quote() && d.text.stops && d.text.size >= 4 }),
	when("quote · title", func(d *parted) bool { return d.quote() && d.title() }),
	when("quote · judge", func(d *parted) bool { return d.quote() && d.task.has(markJudge) }),
	when("quote · trouble", func(d *parted) bool { return d.quote() && d.task.has(markTrouble) }),
	when("quote · fact", func(d *parted) bool { return d.quote() && d.fact() }),
	when("quote · form", func(d *parted) bool { return d.quote() && d.task.has(markForm) }),
	when("quote · points", func(d *parted) bool { return d.quote() && d.pointsToText() }),
	when("quote · noun", func(d *parted) bool { return d.quote() && d.task.has(markNoun) }),
	when("colon · point", func(d *parted) bool { return d.atColon() && d.task.has(markPoint) }),
	when("colon · noun", func(d *parted) bool { return d.atColon() && d.task.has(markNoun) }),
	when("line · noun", func(d *parted) bool { return d.line() && d.task.has(markNoun) }),
	when("line · points", func(d *parted) bool { return d.line() && d.pointsToText() }),
	when("line · form", func(d *parted) bool { return d.line() && d.task.has(markForm) }),
	when("line · fact", func(d *parted) bool { return d.line() && d.fact() }),

	when("text self · asks", func(d *parted) bool { return d.text.has(markSelf) && d.asks() }),
	when("text self · fact", func(d *parted) bool { return d.text.has(markSelf) && d.fact() }),
	when("text self · no work", func(d *parted) bool { return d.text.has(markSelf) && !d.task.has(works) }),
	when("text self · trouble", func(d *parted) bool { return d.text.has(markSelf) && d.text.has(markTrouble) }),
	when("text self · points", func(d *parted) bool { return d.text.has(markSelf) && d.pointsToText() }),
}
