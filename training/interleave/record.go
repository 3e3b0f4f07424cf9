package interleave

import (
	"context"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/label"
)

// inputMark parts the task from the question in the instruction of the published records.
const inputMark = "## Input:\n\n"

// record is one seed at work.
type record struct {
	*maker
	seed     training.Record
	draws    draws
	question string // with its task, for the source
	asked    string // without it, for the retriever
	missing  []Missing
}

// makeRecord works on one seed.
func (m *maker) makeRecord(ctx context.Context, seed training.Record) (Result, error) {
	r := &record{maker: m, seed: seed, draws: m.draws(seed)}
	r.question, r.asked = label.Question(seed)
	output, dropped, err := r.output(ctx)
	if err != nil {
		return Result{}, err
	}
	if dropped != "" {
		return Result{Dropped: dropped, Missing: r.missing}, nil
	}
	if m.rules[VerdictWords] {
		output = strings.NewReplacer("REFUTES", "false", "SUPPORTS", "true").Replace(output)
	}
	spans, err := training.Mask(output, m.Mask)
	if err != nil {
		return Result{}, err
	}
	made := r.seed
	made.Instruction, made.Input, made.Output, made.Masked = neutral(made.Instruction), neutral(made.Input), output, training.Runes(spans)
	if err := made.Check(); err != nil {
		return Result{Dropped: err.Error(), Missing: r.missing}, nil
	}
	return Result{Record: &made, Missing: r.missing}, nil
}

// neutral neutralizes an instruction, but for the mark between task and question.
func neutral(text string) string {
	task, question, ok := strings.Cut(text, inputMark)
	if !ok {
		return generator.Neutralize(text)
	}
	return generator.Neutralize(task) + inputMark + generator.Neutralize(question)
}

// output returns the output of the record, or why there is none.
func (r *record) output(ctx context.Context) (output, dropped string, err error) {
	switch r.Variant {
	case NoRetriever:
		return generator.Neutralize(r.seed.Output), "", nil
	case NoCritic:
		hits, err := r.retrieve(ctx, r.seed.Output, 1)
		if err != nil {
			return "", "", err
		}
		if len(hits) == 0 {
			return "", "no passage was found", nil
		}
		r.seed.Input = strings.TrimSpace(r.seed.Input + "\n\n" + generator.JoinEvidence(hits))
		return generator.Neutralize(r.seed.Output), "", nil
	}
	segments, dropped, err := r.segments(ctx)
	if err != nil || dropped != "" {
		return "", dropped, err
	}
	utility, err := r.label(ctx, judge.Item{Group: reflection.IsUSE, Text: r.seed.Output}, 0, "")
	switch {
	case err != nil:
		return "", "", err
	case utility == reflection.None:
		return "", "no label for the utility", nil
	case r.rules[UsefulVerdict] && utility == reflection.Utility1 && (r.seed.Output == "true" || r.seed.Output == "false"):
		utility = reflection.Utility5
	}
	return training.Output{Segments: segments, Utility: utility}.String(), "", nil
}

// segments returns the parts of the output, or why there are none.
func (r *record) segments(ctx context.Context) ([]training.Segment, string, error) {
	if r.rules[NegativeSamples] && !oneOf(r.seed.DatasetName, "nq", "asqa", "fever", "wow", "arc_easy", "obqa") {
		return nil, "the rule negative-samples takes none of this set", nil
	}
	first, err := r.label(ctx, judge.Item{Group: reflection.Retrieve}, 0, "")
	if err != nil {
		return nil, "", err
	}
	if first == reflection.None && r.rules[DropSentences] {
		first = reflection.NoRetrieval
	}
	switch first {
	case reflection.None:
		return nil, "the source does not decide whether passages are needed", nil
	case reflection.NoRetrieval:
		if r.rules[KeepNoRetrieval] && !r.draws.chance(0.4) {
			return nil, "the rule keep-no-retrieval", nil
		}
		return []training.Segment{{Retrieve: reflection.NoRetrieval, Text: r.seed.Output}}, "", nil
	}
	list, dropped, err := r.sentences(ctx, first)
	if err != nil || dropped != "" {
		return nil, dropped, err
	}
	return list, r.drop(list), nil
}

// drop says by which rule a record with passages is dropped, "" if by none.
func (r *record) drop(list []training.Segment) string {
	irrelevant, without, text := false, false, false
	for _, s := range list {
		irrelevant = irrelevant || s.Relevance == reflection.Irrelevant
		without = without || s.Retrieve == reflection.NoRetrieval
		text = text || s.Text != ""
	}
	switch {
	case !text:
		return "no sentence is left"
	case r.rules[NegativeSamples] && (!irrelevant || without):
		return "the rule negative-samples"
	case r.rules[SomeNQ] && r.seed.DatasetName == "nq" && without && r.draws.chance(0.5):
		return "the rule some-nq"
	case r.rules[DropContinue] && list[0].Retrieve == reflection.ContinueEvidence:
		return "the rule drop-continue"
	}
	return ""
}

// sentences returns a segment for each sentence, or why there are none.
func (r *record) sentences(ctx context.Context, first reflection.Token) ([]training.Segment, string, error) {
	var list []training.Segment
	var before []string
	var atHand generator.Evidence
	for i, sentence := range label.Sentences(r.seed.Output) {
		text := sentence.Text
		s := training.Segment{Text: text}
		if !sentence.Short {
			decision, why := first, ""
			var err error
			if i > 0 {
				decision, why, err = r.decide(ctx, i, strings.Join(before, " "), text, atHand)
			}
			if err == nil && why == "" {
				s, why, err = r.segment(ctx, decision, i, strings.Join(before, " "), text)
			}
			switch {
			case err != nil:
				return nil, "", err
			case why != "" && r.rules[DropSentences]:
				s.Text = ""
			case why != "":
				return nil, fmt.Sprintf("sentence %d: %s", i+1, why), nil
			}
		}
		before = append(before, text)
		if s.Text == "" {
			continue
		}
		list = append(list, s)
		if s.Passage != nil {
			atHand = *s.Passage
		}
	}
	return list, "", nil
}

// decide returns the decision before a later sentence, or why there is none.
func (r *record) decide(ctx context.Context, i int, before, text string, atHand generator.Evidence) (reflection.Token, string, error) {
	t, err := r.label(ctx, judge.Item{Group: reflection.Retrieve, Passage: atHand, Before: before, Text: text}, i, "")
	switch {
	case err != nil:
		return t, "", err
	case t == reflection.None && r.rules[DropSentences]:
		return reflection.NoRetrieval, "", nil
	case t == reflection.None:
		return t, "the source does not decide whether a passage is needed", nil
	case t == reflection.ContinueEvidence && atHand.Text == "" && !r.rules[DropSentences]:
		return t, "the source wants to continue with a passage, and there is none yet", nil
	}
	return t, "", nil
}

// segment returns the segment of a sentence, or why there is none.
func (r *record) segment(ctx context.Context, decision reflection.Token, i int, before, text string) (training.Segment, string, error) {
	s := training.Segment{Retrieve: decision, Text: text}
	if decision != reflection.Retrieval {
		return s, "", nil
	}
	hits, err := r.retrieve(ctx, text, r.K)
	if err != nil {
		return s, "", err
	}
	list := make([]judged, len(hits))
	for k, h := range hits {
		if list[k], err = r.askLabels(ctx, h, i, before, text); err != nil {
			return s, "", err
		}
		if len(r.rules) == 0 && list[k].supports() {
			break // the first is taken whatever the others are
		}
	}
	at, written, ok := r.rules.choose(list, r.seed.DatasetName, r.draws)
	if !ok {
		return s, "no passage can be taken", nil
	}
	s.Passage, s.Relevance, s.Support = &hits[at], written.relevance, written.support
	return s, "", nil
}

// askLabels asks for the labels of a passage.
func (r *record) askLabels(ctx context.Context, passage generator.Evidence, i int, before, text string) (j judged, err error) {
	if j.relevance, err = r.label(ctx, judge.Item{Group: reflection.IsREL, Passage: passage}, i, passage.Title); err != nil || j.relevance != reflection.Relevant {
		return j, err
	}
	j.support, err = r.label(ctx, judge.Item{Group: reflection.IsSUP, Passage: passage, Before: before, Text: text}, i, passage.Title)
	return j, err
}

// label asks the source about the question. It returns None, and remembers the reason, if
// there is no label of the group.
func (r *record) label(ctx context.Context, it judge.Item, i int, passage string) (reflection.Token, error) {
	it.Question = r.question
	a, err := label.Ask(ctx, r.source, it)
	if err == nil && a.Label == reflection.None {
		r.missing = append(r.missing, Missing{ID: r.seed.ID, Group: it.Group, Sentence: i, Passage: passage, Reason: a.Reason, Reply: a.Reply})
	}
	return a.Label, err
}

// retrieve returns at most k passages with text for the question and a text.
func (r *record) retrieve(ctx context.Context, text string, k int) ([]generator.Evidence, error) {
	res, err := retriever.Ask(ctx, r.search, retriever.Query{Text: r.asked + " " + text, K: k})
	if err != nil {
		return nil, err
	}
	var list []generator.Evidence
	for _, h := range res.Hits {
		e := generator.Evidence{Title: strings.ToValidUTF8(h.Passage.Title, "\uFFFD"), Text: strings.ToValidUTF8(h.Passage.Text, "\uFFFD")}
		if strings.TrimSpace(e.Text) != "" && len(list) < k {
			list = append(list, e)
		}
	}
	return list, nil
}

func oneOf(text string, list ...string) bool {
	for _, l := range list {
		if text == l {
			return true
		}
	}
	return false
}
