package pipeline

import (
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/internal/helptext"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// technique is a row of the table: the meaning of a name.
type technique struct {
	name, about string
	base        bool     // it begins a pipeline
	last        bool     // nothing may come after it
	ofPart      []option // of the pipelines inside it; nil if there are none
	options     []option
	// make makes the retriever; in is nil for a base.
	make func(b *builder, s *stage, in retriever.Retriever) (retriever.Retriever, error)
}

// The options of several techniques.
var (
	missing = yesOrNo("missing", "go on if a part fails, and say so in the result")

	keywords = []option{
		choice("analyzer", "how text becomes terms", lexical.Analyzers()...),
		number("k1", 1.2, 0, 1e6, "how soon a repeated term stops adding to the score"),
		number("b", 0.75, 0, 1, "how much the score of a long passage is lowered"),
		whole("title", 2, 0, 100, "how often a term of a title counts"),
	}
	metric        = choice("metric", "what near means", "cosine", "inner-product")
	vectorOptions = []option{
		metric,
		whole("dim", 2048, 64, 65536, "components of the built-in embedder"),
		whole("seed", 0, 0, 1e9, "of the random projection of the built-in embedder"),
	}
	fusing    = fusingBy("rank", "score")
	searching = []option{
		whole("max", 4, 1, 100, "other texts that are searched for"),
		number("original", 2, 1e-6, 1e6, "weight of the question's own list; another text has 1"),
		missing,
	}
	asking = []option{
		whole("max-tokens", 512, 1, 1e6, "of a reply"),
		number("temperature", 0, 0, 100, "of the model"),
	}
	judgedBy = choice("judge", "model: p(Relevant) of a model with reflection tokens; critic: a model that is asked", "model", "critic")
	judging  = []option{
		anyText("endpoint", "a cross-encoder at http://HOST:PORT/MODEL instead of judge=, with /rerank"),
		choice("format", "of the endpoint", "cohere", "tei"),
		whole("concurrency", 1, 1, 64, "passages that a judge is asked about at the same time"),
	}
)

// fusingBy returns the options of a fusion. The first method is the default.
func fusingBy(methods ...string) []option {
	return []option{
		choice("method", "rank: by reciprocal ranks; score: by normalized scores", methods...),
		number("constant", 60, 1e-6, 1e6, "method=rank: k of 1/(k + rank)"),
		whole("depth", 100, 1, 1e6, "hits that each part is asked for"),
		missing,
	}
}

// techniques is the table of all techniques, bases first, in the order of the usage
// text. To add one, add a row here and the function that makes it.
var techniques = []technique{
	{name: "lexical", base: true, about: "keyword search by BM25", options: keywords, make: memo("lexical", makeLexical)},
	{name: "dense", base: true, about: "search by vectors, of an embedding model or the built-in embedder",
		options: vectorOptions, make: memo("dense", makeDense)},
	{name: "hybrid", base: true, about: "lexical and dense with their defaults, fused",
		options: append([]option{number("dense", 1, 1e-6, 1e6, "weight of dense; lexical has 1")}, fusingBy("score", "rank")...), make: makeHybrid},
	{name: "hyde", base: true, about: "dense, with the question moved towards answers that the model invents (HyDE)",
		options: []option{whole("count", 4, 1, 100, "invented answers, one call each"), asking[0], number("temperature", 0.7, 0.01, 100, "of the model"), metric}, make: ownIndex(makeHyDE)},
	{name: "summary", base: true, about: "dense over summaries of the passages",
		options: []option{
			choice("by", "its own sentences, or a model that writes each, one call for a passage", "sentences", "model"),
			whole("sentences", 2, 1, 1000, "by=sentences: sentences of a summary"), asking[0],
			whole("concurrency", 1, 1, 64, "by=model: passages that are summarized at the same time"), metric,
		}, make: ownIndex(memo("summary", makeSummary))},
	{name: "children", base: true, about: "search by small pieces of the passages, which gives the passages",
		options: []option{
			choice("search", "how the pieces are searched", "lexical", "dense"),
			choice("by", "what pieces are measured in, each whole sentences or cut anywhere", "sentences", "words"),
			whole("size", 1, 1, 1e6, "greatest length of a piece"),
			whole("overlap", 0, 0, 999, "greatest length of what a piece repeats of the one before"), metric,
		}, make: ownIndex(memo("children", makeChildren))},
	{name: "fuse", base: true, about: "several pipelines, fused: fuse(lexical, dense weight=0.8)",
		ofPart: []option{number("weight", 1, 1e-6, 1e6, "of the part")}, options: fusing, make: makeFuse},
	{name: "route", base: true, about: `chosen ones of several pipelines: route(law: lexical match="court|law", rest: dense) first=yes`,
		ofPart: []option{
			pattern("match", "by=rules: the questions for the part; without it all"),
			anyText("about", "by=model: what is in the part"),
			anyText("examples", `by=examples: questions for the part, separated by ";"`),
		},
		options: append([]option{
			choice("by", "what chooses: rules, a model that is asked, or the embedder", "rules", "model", "examples"),
			yesOrNo("first", "by=rules: stop at the first that holds"),
			unset(number("threshold", 0, -1, 1, "by=examples, which needs it: least cosine of a part; -1 always chooses")),
			whole("most", 1, 1, 1000, "by=examples: parts that are chosen"),
			anyText("fallback", "the label of the part for questions without a route"),
			yesOrNo("empty", "without a route find nothing; an error otherwise"),
		}, fusing...), make: makeRoute},

	{name: "spelling", about: "also the question as the passages spell it", options: searching, make: makeFusion("spelling")},
	{name: "variants", about: "also other wordings that the model writes (RAG-Fusion)", options: slices.Concat(searching, asking), make: makeFusion("model")},
	{name: "decompose", about: "also the parts of the question, and theirs", options: slices.Concat([]option{
		whole("depth", 1, 1, 4, "how often parts are taken apart"),
		whole("fan-out", 4, 1, 16, "parts of a question"),
	}, searching[1:], asking), make: makeDecompose},
	{name: "retry", about: "other texts, one by one, as long as a judge finds nothing relevant", options: slices.Concat([]option{
		choice("by", "what writes the texts", "model", "spelling"),
		number("threshold", 0.5, -1e6, 1e6, "score from which on a passage is relevant; endpoint= needs one of its own"),
		whole("tries", 2, 1, 100, "other texts that are searched for"),
		whole("judged", 10, 1, 1e6, "hits that are judged"),
		missing, judgedBy,
	}, judging, asking), make: makeRetry},
	{name: "rerank", about: "the first hits, ordered by a judge", options: slices.Concat([]option{
		whole("depth", 50, 1, 1e6, "hits that are judged"),
		unset(whole("batch", 0, 1, 1e6, "hits that a judge is given at a time, all unless set")), missing,
		choice("judge", "learned: features of the words, with fitted weights; "+judgedBy.about+"; list: the same, asked for the order of several passages", "learned", "model", "critic", "list"),
		whole("window", 20, 2, 1000, "judge=list: passages that the model sees at a time"),
		unset(whole("step", 0, 1, 999, "judge=list: how far the window moves, half of it unless set")),
	}, judging), make: makeRerank},
	{name: "mmr", about: "hits that do not repeat each other (maximal marginal relevance)", options: []option{
		number("lambda", 0.5, 1e-6, 1, "relevance against novelty; 1 changes nothing"), whole("depth", 50, 1, 1e6, "hits to choose from"),
	}, make: makeMMR},
	{name: "cache", about: "results that are remembered", options: []option{
		whole("size", 1000, 1, 1e9, "results that are kept"), duration("age", "1m", "how long"),
	}, make: makeCache},
	{name: "limit", about: "no more than one query may cost", options: []option{
		unset(whole("calls", 0, 1, 1e9, "model calls")), unset(whole("tokens", 0, 1, 1e9, "tokens that models generate")),
		duration("time", "", "time of the query"), yesOrNo("missing", "give what was found within the limits, and say so in the result"),
	}, make: makeLimit},
	{name: "postfilter", about: "filters applied to the hits", options: []option{whole("bound", 10000, 1, 1e6, "hits that are looked at")}, make: makePostFilter},
	{name: "reorder", about: "the best hits at both ends, for one prompt that holds all; comes last", last: true, make: makeReorder},
}

// names lists the techniques that are allowed at a place.
func names(base bool) string {
	var list []string
	for _, t := range techniques {
		if t.base == base {
			list = append(list, t.name)
		}
	}
	return strings.Join(list, ", ")
}

// Usage returns the help text about pipelines: how to write one, and all
// techniques. Its lines have at most 80 columns.
func Usage() string {
	var b strings.Builder
	b.WriteString("A pipeline is BASE | STAGE | STAGE ..., such as:\n\n  hybrid | rerank depth=10 | mmr lambda=0.7\n\n")
	helptext.Item(&b, 0, "", `Options are name=value. A value with blanks or | ( ) , " is quoted, as in JSON.`)
	for _, base := range []bool{true, false} {
		b.WriteString(map[bool]string{true: "\nbases:\n", false: "\nstages:\n"}[base])
		for _, t := range techniques {
			if t.base == base {
				helptext.Item(&b, 16, t.name, t.about)
			}
		}
	}
	return b.String()
}

// UsageOf returns the help text about one technique: its options with their defaults and
// ranges. The error is an *[Error] if there is no technique of that name.
func UsageOf(name string) (string, error) {
	at := slices.IndexFunc(techniques, func(t technique) bool { return t.name == name })
	if at < 0 {
		return "", errorAt(name, 0, "there is no technique %q: want one of %s, %s", shorten(name), names(true), names(false))
	}
	var b strings.Builder
	t := techniques[at]
	helptext.Item(&b, 0, "", t.name+": "+t.about)
	describe(&b, "\noptions:\n", t.options)
	describe(&b, "\noptions of its parts, each behind the part:\n", t.ofPart)
	return b.String(), nil
}

func describe(b *strings.Builder, title string, options []option) {
	if len(options) > 0 {
		b.WriteString(title)
	}
	for _, o := range options {
		text := o.about
		if o.allowed != "" {
			text += " (" + o.allowed + ")"
		}
		helptext.Item(b, 22, o.name+"="+o.preset, text)
	}
}
