package dataset

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/goselfrag/goselfrag/retriever"
)

// ErrLayout is wrapped by the error about a layout that there is not, or that has no file of
// the kind asked for.
var ErrLayout = errors.New("dataset: bad layout")

// Layout names the form of a file.
type Layout string

// The layouts. [Layouts] names the fields of each, and tells which have files of passages.
const (
	Plain     Layout = "plain"     // the library's own: see [Question] and [Passages]
	SelfRAG   Layout = "selfrag"   // the evaluation files released with Self-RAG
	ALCE      Layout = "alce"      // ASQA, ELI5 and others as ALCE has them, and its results
	FactScore Layout = "factscore" // biographies
	FlashRAG  Layout = "flashrag"
	DPR       Layout = "dpr" // questions with passages, or a table of either
	KILT      Layout = "kilt"
	BEIR      Layout = "beir"
	MMLU      Layout = "mmlu" // multiple choice
)

// About describes a layout.
type About struct {
	Layout Layout
	// Items and Corpus say what its files of questions and of passages hold, a line each;
	// empty if there is none of the kind.
	Items, Corpus string

	items  func(r io.Reader, name string, o Options) iter.Seq2[Item, error]
	corpus func(r io.Reader, name string, o Options) iter.Seq2[retriever.Passage, error]
}

// layouts are all, in the order of the list.
var layouts = []About{
	{Plain, "lines of id, question, answers, positive", "lines of id, title, text", items(false, plainItem), corpus(plainPassage)},
	{SelfRAG, "PopQA, TriviaQA, PubHealth and ARC as released with Self-RAG: question, answers, choices, ctxs", "lines of id, title, text", items(false, selfragItem), corpus(plainPassage)},
	{ALCE, "an array, or a result of ALCE: question, qa_pairs, annotations, docs", "", items(true, alceItem), nil},
	{FactScore, "lines of input, topic, cat, ctxs", "", items(false, factscoreItem), nil},
	{FlashRAG, "lines of id, question, golden_answers, choices", "lines of id, contents", items(false, flashragItem), corpus(flashragPassage)},
	{DPR, "an array of question, answers, positive_ctxs, hard_negative_ctxs, ctxs, or the table of a .qas.csv", "the table id, text, title of psgs_w100.tsv", either(items(false, dprItem), dprTable), dprCorpus},
	{KILT, "lines of id, input, output", "the knowledge source: a page a line", items(false, kiltItem), corpus(kiltPassage)},
	{BEIR, "queries.jsonl: _id, text", "corpus.jsonl: _id, title, text", items(false, beirItem), corpus(beirPassage)},
	{MMLU, "a table of question, four options and the key, or lines of question, choices, answer", "", either(items(false, mmluItem), mmluTable), nil},
}

// Layouts returns all layouts; the list is the caller's.
func Layouts() []About { return append([]About(nil), layouts...) }

func (l Layout) about() (About, error) {
	var names []string
	for _, a := range layouts {
		if a.Layout == l {
			return a, nil
		}
		names = append(names, string(a.Layout))
	}
	return About{}, fmt.Errorf("%w: there is no %q: want one of %s", ErrLayout, l, strings.Join(names, ", "))
}

// Items reads questions of a layout from a file, one at a time. Breaking off the loop stops
// the reading. An error comes last; it wraps [ErrLayout] or, about a line or record, is or
// wraps a *[LineError]. Ids are not compared with each other: [Collect] does it.
func Items(file string, l Layout, o Options) iter.Seq2[Item, error] {
	return openFile(file, func(r io.Reader) iter.Seq2[Item, error] { return ReadItems(r, file, l, o) })
}

// ReadItems is [Items] for a stream; name is the file's in errors.
func ReadItems(r io.Reader, name string, l Layout, o Options) iter.Seq2[Item, error] {
	a, err := l.about()
	if err == nil && a.items == nil {
		err = fmt.Errorf("%w: %s has no file of questions", ErrLayout, l)
	}
	if err != nil {
		return failed[Item](err)
	}
	return a.items(r, name, o)
}

// Corpus reads passages of a layout from a file, as [Items] reads questions.
func Corpus(file string, l Layout, o Options) iter.Seq2[retriever.Passage, error] {
	return openFile(file, func(r io.Reader) iter.Seq2[retriever.Passage, error] { return ReadCorpus(r, file, l, o) })
}

// ReadCorpus is [Corpus] for a stream; name is the file's in errors.
func ReadCorpus(r io.Reader, name string, l Layout, o Options) iter.Seq2[retriever.Passage, error] {
	a, err := l.about()
	if err == nil && a.corpus == nil {
		err = fmt.Errorf("%w: %s has no file of passages: its questions bring their own", ErrLayout, l)
	}
	if err != nil {
		return failed[retriever.Passage](err)
	}
	return a.corpus(r, name, o)
}

// failed is a stream of nothing but an error.
func failed[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) { yield(*new(T), err) }
}
