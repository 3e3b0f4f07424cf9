package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/internal/helptext"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

func TestParseErrors(t *testing.T) {
	deep := strings.Repeat("fuse(", maxDepth) + "lexical" + strings.Repeat(")", maxDepth)
	for name, c := range map[string]struct {
		text string
		at   int // the code point, from 1
		want string
	}{
		"empty":             {"", 1, "want the name of a base, found the end"},
		"blank":             {"  ", 3, "want the name of a base, found the end"},
		"unknown base":      {"lexicon", 1, `there is no base "lexicon": want one of lexical, dense, hybrid, hyde, summary, children, fuse, route`},
		"unknown stage":     {"lexical | rerenk", 11, `there is no stage "rerenk": want one of spelling, `},
		"stage in front":    {"rerank", 1, `"rerank" is a stage: want a base here, one of lexical`},
		"base behind":       {"lexical | dense", 11, `"dense" is a base: want a stage here, one of spelling`},
		"nothing behind":    {"lexical |", 10, "want the name of a stage, found the end"},
		"two pipes":         {"lexical || mmr", 10, `want the name of a stage, found "|"`},
		"another case":      {"Lexical", 1, `there is no base "Lexical"`},
		"letters":           {"lexical | réécrire", 11, `there is no stage "r": want one of spelling`},
		"unknown option":    {"lexical | mmr weight=2", 15, `mmr has no option "weight": want one of lambda, depth`},
		"no options":        {"lexical | reorder x=1", 19, `reorder has no option "x": it has none`},
		"no value":          {"dense dim=", 11, "want a value behind dim=, found the end"},
		"no equals sign":    {"lexical rerank", 15, `want "=" and a value behind rerank, or "|" in front of it`},
		"twice":             {"dense dim=64 dim=65", 14, "dim= is given twice"},
		"not a number":      {"dense dim=many", 11, "dim=many: want a whole number from 64 to 65536"},
		"not whole":         {"dense dim=64.5", 11, "want a whole number from 64"},
		"too small":         {"lexical | rerank depth=0", 24, "depth=0: want a whole number from 1 to 1000000"},
		"too large":         {"lexical | mmr lambda=1.1", 22, "lambda=1.1: want a number from 1e-6 to 1"},
		"not finite":        {"lexical k1=nan", 12, "k1=nan: want a number from 0 to 1e6"},
		"choice":            {"lexical analyzer=xx", 18, "analyzer=xx: want one of auto, cjk, standard, en, de"},
		"yes or no":         {"hybrid missing=true", 16, "missing=true: want one of no, yes"},
		"duration":          {"lexical | cache age=-1m", 21, "age=-1m: want a time above 0, such as 90s"},
		"pattern":           {`route(lexical match="(")`, 21, `match="(": want a regular expression`},
		"open quotes":       {`route(lexical match="a)`, 21, "the quotes are not closed"},
		"two bases":         {"lexical dense", 14, `want "=" and a value behind dense`},
		"parentheses":       {"lexical(dense)", 8, `want "|", an option such as depth=10, or the end, found "("`},
		"no parts":          {"fuse", 5, `want "(" and pipelines behind fuse`},
		"empty parts":       {"fuse()", 6, `want the name of a base, found ")"`},
		"open parentheses":  {"fuse(lexical", 13, `want "|", an option, "," or ")"`},
		"same part":         {"fuse(lexical, lexical)", 15, `there are two parts "lexical": put a label in front of one, as in mine: lexical`},
		"same label":        {"fuse(a: lexical, a: dense)", 18, `there are two parts "a"`},
		"blank label":       {`fuse(" ": lexical)`, 6, "is blank"},
		"label alone":       {`fuse("a" lexical)`, 10, `want ":" behind the label`},
		"weight too early":  {"fuse(lexical weight=2 | mmr)", 23, "weight= is of the whole part: put it behind its last stage"},
		"weight outside":    {"dense weight=2", 7, `dense has no option "weight"`},
		"part of no base":   {"fuse(mmr)", 6, `"mmr" is a stage`},
		"reorder in a part": {"fuse(lexical | reorder)", 16, "must come last of all"},
		"reorder early":     {"lexical | reorder | mmr", 11, "must come last of all"},
		"deep":              {deep, 5*maxDepth + 1, "21 deep"},
		"not UTF-8":         {"é \xff", 3, "not UTF-8"},
		"long":              {strings.Repeat(" ", maxText+1), 1, "at most 16384 are allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(c.text)
			var at *Error
			if !errors.As(err, &at) || at.Column != c.at || at.Line != 1 || !strings.Contains(at.Reason, c.want) {
				t.Errorf("%v: want %q at %d", err, c.want, c.at)
			}
		})
	}
	_, err := Parse("lexical\n| mmr\n| é")
	if err == nil || err.Error() != `pipeline: 3:3: want the name of a stage, found "é"` {
		t.Error(err)
	}
}

func TestString(t *testing.T) {
	for text, want := range map[string]string{
		" lexical\n|rerank  depth=10 ":                          "lexical | rerank depth=10",
		"dense seed=1 dim=64":                                   "dense dim=64 seed=1",
		`lexical analyzer="en"`:                                 "lexical analyzer=en",
		"fuse(lexical,v:dense weight=0.8)constant=2":            "fuse(lexical, v: dense weight=0.8) constant=2",
		`route("two words":lexical match="a|b",rest : dense)`:   `route("two words": lexical match="a|b", rest: dense)`,
		"lexical|rerank endpoint=http://localhost:8080/a=b?c&d": "lexical | rerank endpoint=http://localhost:8080/a=b?c&d",
		`route(a: lexical about="<b> \"q\" \u00e9 é")`:          `route(a: lexical about="<b> \"q\" é é")`,
		"fuse(lexical|mmr weight=2, fuse(dense,hyde) weight=3)": "fuse(lexical | mmr weight=2, fuse(dense, hyde) weight=3)",
	} {
		p, err := Parse(text)
		if err != nil || p.String() != want {
			t.Errorf("%q gives %v, %v: want %q", text, p, err, want)
			continue
		}
		if again, err := Parse(want); err != nil || again.String() != want {
			t.Errorf("%q gives %v, %v", want, again, err)
		}
	}
}

// model is a script that also judges the relevance of a passage.
type model struct {
	*generatortest.Script
	relevant func(generator.Evidence) float64
}

func (m model) GroupProbs(_ context.Context, req generator.Request, _ []generator.Step, g reflection.Group) (reflection.Distribution, error) {
	p := m.relevant(req.Prompt.Evidence[0])
	return reflection.NewDistribution(g, 1-p, p), nil // irrelevant, relevant
}

func reply(task, text string) generatortest.Rule {
	return generatortest.Rule{When: generatortest.TaskNamed(task), Steps: []generator.Step{{Text: text, LogProb: reflection.ExactValue(1)}}}
}

var passages = []retriever.Passage{
	{ID: "bridge", Title: "Ebro", Text: "The stone bridge lies on the river. It is old."},
	{ID: "ship", Text: "A ship sails up the river with salt. It is slow."},
	{ID: "market", Text: "Salt and fish are sold on the market of the town. The market is old."},
	{ID: "school", Text: "The school has eleven pupils and a garden."},
	{ID: "garden", Text: "A garden with pears lies behind the school of the town."},
}

func init() {
	for i := range 15 { // so that a word in two passages is rare
		passages = append(passages, retriever.Passage{ID: fmt.Sprint("other", i), Text: fmt.Sprintf("Nothing %d.", i)})
	}
}

// The scripted model returns two wordings and invents one passage; it finds market
// relevant, and nothing else.
func scripted() model {
	return model{&generatortest.Script{
		Capabilities: generator.Capabilities{Model: "script"},
		Rules: []generatortest.Rule{
			reply("rewrite-variants", "1. sold fish\n2. pears"),
			reply("rewrite-subquestions", "ship\nschool"),
			reply("rewrite-rephrase", "pupils\nfish market"),
			reply("rewrite-hypothetical", "Fish are sold on the market."),
			reply("rewrite-route", "food"),
			reply("rerank-list", "2 > 1"),
			{When: generatortest.All(generatortest.TaskNamed("summary"), func(r generator.Request) bool {
				return strings.Contains(r.Task.Values["passage"], "pears")
			}), Steps: generatortest.Words(1, "About pears.")},
			reply("summary", "xyz"),
			{When: generatortest.All(generatortest.TaskNamed("judge-relevance-json"), func(r generator.Request) bool {
				return strings.Contains(r.Task.Values["passage"], "market")
			}), Steps: generatortest.Words(1, `{"relevance": "relevant"}`)},
			reply("judge-relevance-json", `{"relevance": "irrelevant"}`),
		},
	}, func(e generator.Evidence) float64 {
		if strings.Contains(e.Text, "market") {
			return 0.9
		}
		return 0.1
	}}
}

var vectors = regexp.MustCompile("dense|hybrid|hyde|summary")

// reranker is an Env.Endpoint.
func reranker(text string, o rerank.EndpointOptions) (rerank.Scorer, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, errors.New("bad URL")
	}
	return rerank.NewEndpoint(modelserver.Config{URLs: []string{"http://" + u.Host}, Model: strings.Trim(u.Path, "/")}, o)
}

func TestTechniques(t *testing.T) {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Model            string
			Documents, Texts []string
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		name := "relevance_score"
		if r.URL.Path == "/rerank" {
			name = "score"
		}
		var list []string
		for i, text := range append(body.Documents, body.Texts...) { // longer is better
			list = append(list, fmt.Sprintf(`{"index":%d,%q:%d}`, i, name, len(text)))
		}
		answer := "[" + strings.Join(list, ",") + "]"
		if name != "score" {
			answer = `{"results":` + answer + "}"
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, answer)
	}))
	defer endpoint.Close()

	tried := ""
	for _, c := range []struct {
		pipeline, question string
		hits               string // ids
		queries            string // separated by |
		calls              int
	}{
		{"lexical", "river bridge", "bridge ship", "", 0},
		{"lexical title=0", "Ebro", "", "", 0},
		{"lexical analyzer=standard", "ships", "", "", 0},
		{"lexical b=0 k1=0", "salt", "ship market", "", 0},
		{"lexical", "school garden", "school garden", "", 0},
		{"dense dim=4096", "pupil", "school", "", 0},
		{"dense metric=inner-product", "marketplace", "market", "", 0},
		{"hybrid", "pupil", "school", "", 0},
		{"hybrid method=rank dense=1e-6 constant=1", "stone bridge", "bridge", "", 0},
		{"hyde count=1", "xyz", "market", "", 1},
		{"hyde count=3 temperature=1", "xyz", "market", "", 3},
		{"summary sentences=1", "old market", "market", "", 0},
		// The model finds pears worth a word in one passage; the others it summarizes alike.
		{"summary by=model concurrency=4", "pears", "garden", "", 0},
		{"children", "salt", "ship market", "", 0},
		{"children search=dense by=words size=4 overlap=2", "old market", "market", "", 0},
		{"fuse(lexical, dense weight=0.8) constant=2", "eleven pupils", "school", "", 0},
		{"fuse(a: lexical, b: lexical | rerank judge=model depth=5 weight=3)", "salt", "market ship", "", 2},
		{`route(town: lexical match="(?i)SCHOOL", rest: lexical) first=yes`, "the school", "school garden", "", 0},
		{`route(food: lexical about="what is sold", rest: dense about="all else") by=model`, "salt", "ship market", "", 1},
		{`route(town: lexical match=school, rest: lexical match=xyz) fallback=rest`, "salt", "ship market", "", 0},
		{`route(town: lexical match=school) empty=yes`, "salt", "", "", 0},
		{`route(town: lexical examples="pupils; the school", food: lexical examples="fish on the market") by=examples threshold=-1`, "fish at the market", "market", "", 0},
		// Score fusion keeps how much better the reranked list finds market.
		{"hybrid dense=1e-6", "salt", "ship market", "", 0},
		{"fuse(lexical, b: lexical | rerank judge=model weight=3) method=score", "salt", "market ship", "", 2},
		{"lexical | rerank judge=list window=2", "salt", "market ship", "", 1},
		{"lexical | rerank judge=model | limit calls=2", "salt", "market ship", "", 2},
		{"lexical | rerank judge=model missing=yes | limit calls=1 time=1m", "salt", "ship market", "", 1},
		{"lexical | postfilter bound=5", "salt", "ship market", "", 0},
		{"lexical | spelling", "markat", "market", "market", 0},
		{"lexical | variants", "salt", "market ship garden", "sold fish|pears", 1},
		{"lexical | variants max=1 original=10", "salt", "market ship", "sold fish", 1},
		{"lexical | decompose", "xyz", "ship school garden", "ship|school", 1},
		// pupils finds nothing relevant, fish market does.
		{"lexical | retry", "xyz", "market", "pupils|fish market", 1 + 1 + 1},
		{"lexical | retry judge=critic", "xyz", "market", "pupils|fish market", 1 + 1 + 1},
		{"lexical | retry by=spelling", "markat", "market", "market", 1},
		{"lexical | retry threshold=0", "salt", "ship market", "", 2},
		{"lexical | rerank judge=model", "salt", "market ship", "", 2},
		{"lexical | rerank judge=model depth=1", "salt", "ship market", "", 1},
		{"lexical k1=0 b=0 | rerank", "salt by the sea", "ship market", "", 0},
		{"lexical | rerank depth=20", "school garden", "school garden", "", 0},
		{"lexical | rerank judge=critic", "salt", "market ship", "", 2},
		{"lexical | rerank endpoint=" + endpoint.URL + "/m", "salt", "market ship", "", 1},
		{"lexical | rerank format=tei batch=1 endpoint=" + endpoint.URL, "salt", "market ship", "", 2},
		{"lexical | mmr lambda=1", "salt", "ship market", "", 0},
		// Bridge is more like ship than market is.
		{"lexical", "river salt", "ship bridge market", "", 0},
		{"lexical | mmr lambda=0.01", "river salt", "ship market bridge", "", 0},
		{"lexical | cache", "salt", "ship market", "", 0},
		{"lexical | reorder", "river salt", "ship market bridge", "", 0},
	} {
		tried += " " + c.pipeline
		t.Run(c.pipeline, func(t *testing.T) {
			p, err := Parse(c.pipeline)
			if err != nil {
				t.Fatal(err)
			}
			r, err := NewCorpus(Env{Generator: scripted(), Instructed: true, Endpoint: reranker}, passages).Build(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			ctx, spent := budget.Open(t.Context(), "test", budget.Limits{})
			res, err := r.Retrieve(ctx, retriever.Query{Text: c.question, K: 5})
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, h := range res.Hits {
				ids = append(ids, h.Passage.ID)
			}
			if vectors.MatchString(c.pipeline) { // vectors find all passages, the wrong ones by chance
				ids = ids[:min(len(ids), len(strings.Fields(c.hits)))]
			}
			if got := strings.Join(ids, " "); got != c.hits {
				t.Errorf("hits %q, want %q", got, c.hits)
			}
			if got := strings.Join(res.Queries, "|"); got != c.queries {
				t.Errorf("queries %q, want %q", got, c.queries)
			}
			if n := spent.Usage().Calls; n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
		})
	}
	for _, q := range techniques {
		if !regexp.MustCompile(`\b` + q.name + `\b`).MatchString(tried) {
			t.Errorf("%s is not tried", q.name)
		}
	}
}

func TestTable(t *testing.T) {
	// A screen has 80 columns and, after what a program prints itself, room for 38 lines.
	fits := func(text string) {
		t.Helper()
		if strings.Count(text, "\n") > 38 {
			t.Errorf("too long:\n%s", text)
		}
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > helptext.Width {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
	all := Usage()
	fits(all)
	for _, q := range techniques {
		if !strings.Contains(all, "\n  "+q.name+" ") {
			t.Errorf("the usage lacks %s", q.name)
		}
		own, err := UsageOf(q.name)
		if err != nil {
			t.Errorf("%s: %v", q.name, err)
		}
		fits(own)
		for _, o := range slices.Concat(q.options, q.ofPart) {
			if !strings.Contains(own, "\n  "+o.name+"="+o.preset) {
				t.Errorf("the usage lacks %s of %s:\n%s", o.name, q.name, own)
			}
			if o.preset != "" {
				if _, wrong := o.read(o.preset); wrong != "" {
					t.Errorf("%s: the default %s=%s is not allowed: want %s", q.name, o.name, o.preset, wrong)
				}
			}
			for _, other := range techniques {
				if has(other.ofPart, o.name) && has(q.options, o.name) {
					t.Errorf("%s= of %s is also an option of the parts of %s", o.name, q.name, other.name)
				}
			}
		}
	}
}

func TestUsageOfNothing(t *testing.T) {
	var at *Error
	if _, err := UsageOf("rerenk"); !errors.As(err, &at) || at.Reason != `there is no technique "rerenk": want one of `+names(true)+", "+names(false) {
		t.Error(err)
	}
}

// A zero value, not made by Parse and NewCorpus, gives an error or is empty, and
// never panics.
func TestZeroValues(t *testing.T) {
	for _, p := range []*Pipeline{nil, new(Pipeline)} {
		var at *Error
		if r, err := NewCorpus(Env{}, nil).Build(t.Context(), p); r != nil || !errors.As(err, &at) || !strings.Contains(at.Reason, "make it with Parse") {
			t.Errorf("%v, %v", r, err)
		}
		if p.String() != "" {
			t.Errorf("%q", p)
		}
	}
	p, err := Parse("hybrid | rerank")
	if err != nil {
		t.Fatal(err)
	}
	r, err := new(Corpus).Build(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := r.Retrieve(t.Context(), retriever.Query{Text: "salt", K: 2}); err != nil || len(res.Hits) > 0 {
		t.Errorf("%v, %v", res.Hits, err)
	}
}

// sample is a pipeline with a technique and, if it needs some, options.
func sample(q technique) string {
	text := q.name
	if q.ofPart != nil {
		text += "(lexical)"
	}
	if !q.base {
		text = "lexical | " + text
	}
	return text
}

// The constructors accept the ends of all ranges.
func TestRanges(t *testing.T) {
	corpus := NewCorpus(Env{Generator: scripted(), Instructed: true}, nil)
	for _, q := range techniques {
		for _, o := range q.options {
			least, most, ok := strings.Cut(o.allowed, " to ")
			if !ok {
				continue
			}
			for _, value := range []string{least, most} {
				// A whole number of the usage text can be written shorter than Atoi reads.
				value = strings.Replace(value, "e6", "000000", 1)
				value = strings.Replace(value, "e9", "000000000", 1)
				text := sample(q) + " " + o.name + "=" + value
				switch {
				case o.name == "window" || o.name == "step":
					text += " judge=list" + map[string]string{"step": " window=1000"}[o.name]
				case o.name == "constant":
					text += " method=rank"
				case o.name == "concurrency" && q.name == "rerank":
					text += " judge=model"
				case o.name == "overlap":
					text += " size=1000"
				case q.name == "summary" && o.name != "sentences":
					text += " by=model"
				case o.name == "threshold" && q.name == "route", o.name == "most":
					text = strings.Replace(text, "lexical", "lexical examples=x", 1) + " by=examples"
				}
				if o.name == "most" {
					text += " threshold=-1"
				}
				p, err := Parse(text)
				if err == nil {
					_, err = corpus.Build(t.Context(), p)
				}
				if err != nil {
					t.Errorf("%s %s=%s: %v", q.name, o.name, value, err)
				}
			}
		}
	}
}

func TestBuildErrors(t *testing.T) {
	embedded := Env{Generator: extractive.New(), Endpoint: reranker}
	chat := Env{Generator: generatortest.Bare(scripted()), Instructed: true, Endpoint: reranker}
	for name, c := range map[string]struct {
		text string
		env  Env
		at   int
		want string
		is   error
	}{
		"variants":          {"lexical | variants", embedded, 11, "variants: it needs a model that follows instructions", ErrNoModel},
		"decompose":         {"lexical | mmr | decompose", embedded, 17, "needs a model", ErrNoModel},
		"retry":             {"lexical | retry", embedded, 11, "needs a model", ErrNoModel},
		"summary":           {"summary by=model", embedded, 1, "needs a model", ErrNoModel},
		"sentences":         {"summary by=model sentences=2", chat, 1, "sentences= has no use with by=model", nil},
		"hyde":              {"hyde", embedded, 1, "needs a model", ErrNoModel},
		"critic":            {"lexical | rerank judge=critic", embedded, 11, "judge=critic: it needs", ErrNoModel},
		"route":             {"route(lexical) by=model", embedded, 1, "needs a model", ErrNoModel},
		"no model":          {"lexical | rerank judge=model", Env{}, 11, "judge=model: it needs", errors.ErrUnsupported},
		"no reflection":     {"lexical | rerank judge=model", chat, 11, "take judge=critic", errors.ErrUnsupported},
		"in a part":         {"fuse(lexical, dense | variants)", embedded, 23, "variants: it needs", ErrNoModel},
		"bad URL":           {"lexical | rerank endpoint=localhost", embedded, 11, "endpoint=: bad URL", nil},
		"no endpoints":      {"lexical | rerank endpoint=http://a/m", Env{}, 11, "endpoint= is not allowed here", nil},
		"unscaled":          {"lexical | retry by=spelling endpoint=http://a/m", embedded, 11, "endpoint= needs threshold=", nil},
		"two judges":        {"lexical | rerank judge=critic endpoint=http://a/m", chat, 11, "judge= has no use with endpoint=: leave it out", nil},
		"format":            {"lexical | rerank format=tei", embedded, 11, "format= has no use with judge=learned: leave it out", nil},
		"window":            {"lexical | rerank window=3", embedded, 11, "window= has no use with judge=learned", nil},
		"concurrency":       {"lexical | rerank concurrency=2", embedded, 11, "concurrency= has no use with judge=learned", nil},
		"list":              {"lexical | rerank judge=list", embedded, 11, "judge=list: it needs", ErrNoModel},
		"batch of a list":   {"lexical | rerank judge=list batch=2", chat, 11, "batch= has no use with judge=list", nil},
		"temperature":       {"lexical | retry by=spelling temperature=1", embedded, 11, "temperature= has no use with by=spelling", nil},
		"constant":          {"hybrid method=score constant=2", embedded, 1, "constant= has no use with method=score", nil},
		"about and rules":   {"route(lexical about=x)", embedded, 1, `part "lexical": about= has no use with by=rules`, nil},
		"match and model":   {"route(lexical match=x) by=model", chat, 1, "match= has no use with by=model", nil},
		"first and model":   {"route(lexical) by=model first=yes", chat, 1, "first= has no use with by=model", nil},
		"most and rules":    {"route(lexical) most=2", chat, 1, "most= has no use with by=rules", nil},
		"no threshold":      {"route(lexical examples=x) by=examples", embedded, 1, "needs threshold=", nil},
		"no examples":       {"route(lexical) by=examples threshold=-1", embedded, 1, "route: rewrite: bad option", rewrite.ErrOption},
		"no limit":          {"lexical | limit", embedded, 11, "limit: retriever", retriever.ErrOption},
		"fallback":          {"route(lexical) fallback=x", embedded, 1, "x", retriever.ErrOption},
		"fallback or empty": {"route(lexical) fallback=lexical empty=yes", embedded, 1, "route: retriever", retriever.ErrOption},
		"dim of a server":   {"dense dim=64", Env{Embedder: flat{}}, 1, "dim and seed are options of the built-in embedder", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Parse(c.text)
			if err != nil {
				t.Fatal(err)
			}
			// Also over no passages, so that a program finds it before it reads
			// any.
			for _, over := range [][]retriever.Passage{nil, passages} {
				_, err = NewCorpus(c.env, over).Build(t.Context(), p)
				var at *Error
				if !errors.As(err, &at) || at.Column != c.at || !strings.Contains(at.Reason, c.want) || c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("%v: want %q at %d", err, c.want, c.at)
				}
			}
		})
	}
	// A filter on metadata that pieces use themselves would find nothing, without
	// an error.
	p, err := Parse("fuse(lexical, children)")
	if err != nil {
		t.Fatal(err)
	}
	taken := []retriever.Passage{{ID: "a", Text: "Salt.", Metadata: filter.Metadata{"parent": filter.String("b")}}}
	if _, err := NewCorpus(embedded, taken).Build(t.Context(), p); err == nil || !strings.Contains(err.Error(), `pipeline: 1:15: children: the passage "a" has metadata "parent", which children uses itself`) {
		t.Error(err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if p, err = Parse("dense"); err != nil {
		t.Fatal(err)
	}
	if _, err := NewCorpus(embedded, passages).Build(canceled, p); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// flat embeds all texts alike and counts them.
type flat struct{ texts *int }

func (f flat) EmbedDocuments(_ context.Context, texts []string) ([][]float32, error) {
	*f.texts += len(texts)
	out := make([][]float32, len(texts))
	for i, t := range texts {
		out[i] = []float32{1, float32(len(t))}
	}
	return out, nil
}

func (f flat) EmbedQuery(_ context.Context, text string) ([]float32, error) {
	return []float32{1, float32(len(text))}, nil
}

// turned is an embedder with other vectors for queries, like an adapter's.
type turned struct {
	dense.Embedder
	bad *error
}

func (e turned) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	return e.Embedder.EmbedQuery(ctx, "The ferry")
}

func (e turned) Check(context.Context) error { return *e.bad }

// Adapt changes the embedder of every pipeline, also the built-in one and one of a
// pipeline's own. Its Check is called, but not without passages.
func TestAdapt(t *testing.T) {
	var bad error
	env := Env{Adapt: func(e dense.Embedder) dense.Embedder { return turned{e, &bad} }}
	ferry := []retriever.Passage{{ID: "quay", Text: "The quay was rebuilt."}, {ID: "ferry", Text: "The ferry leaves at nine."}}
	for _, text := range []string{"dense", "dense dim=128"} {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		bad = nil
		r, err := NewCorpus(env, ferry).Build(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := r.Retrieve(t.Context(), retriever.Query{Text: "the quay", K: 1}); err != nil || len(res.Hits) != 1 || res.Hits[0].Passage.ID != "ferry" {
			t.Errorf("%s: %+v, %v", text, res.Hits, err)
		}
		bad = errors.New("another model")
		if _, err := NewCorpus(env, ferry).Build(t.Context(), p); !errors.Is(err, bad) {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := NewCorpus(env, nil).Build(t.Context(), p); err != nil {
			t.Errorf("%s without passages: %v", text, err)
		}
	}
}

// Pipelines over one corpus share the vectors of its passages. The texts of a query
// are embedded for each query.
func TestVectorsAreShared(t *testing.T) {
	n := 0
	corpus := NewCorpus(Env{Embedder: flat{&n}, Generator: scripted(), Instructed: true}, passages)
	var last retriever.Retriever
	for _, text := range []string{"dense", "dense metric=inner-product", "hybrid", "hyde", "fuse(dense, lexical)", "lexical | mmr"} {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if last, err = corpus.Build(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if n != len(passages) {
		t.Errorf("%d texts were embedded, want the %d passages once", n, len(passages))
	}
	for range 2 {
		if _, err := last.Retrieve(t.Context(), retriever.Query{Text: "salt", K: 2}); err != nil {
			t.Fatal(err)
		}
	}
	if n != len(passages)+2*2 {
		t.Errorf("%d texts were embedded, want two hits for each of two queries more", n-len(passages))
	}
}

// Nothing is found among no passages, by any technique.
func TestNoPassages(t *testing.T) {
	asked := scripted()
	corpus := NewCorpus(Env{Generator: asked, Instructed: true, Embedder: flat{}}, nil) // flat{} panics when it is called
	for _, q := range techniques {
		text := sample(q)
		if q.name == "limit" {
			text += " calls=9"
		}
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		before := len(asked.Requests())
		r, err := corpus.Build(t.Context(), p)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if len(asked.Requests()) > before {
			t.Errorf("%s: building asked the model", text)
		}
		if q.name == "route" {
			continue
		}
		if res, err := r.Retrieve(t.Context(), retriever.Query{Text: "salt", K: 2}); err != nil || len(res.Hits) > 0 {
			t.Errorf("%s: %v, %v", text, res.Hits, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"hybrid | variants | rerank depth=10 | mmr lambda=0.7",
		`route(law: dense match="a|b" , "r é": lexical | cache age=2m) first=yes fallback=law constant=2`,
		"fuse(lexical, dense weight=0.8, fuse(lexical, hyde) | rerank weight=0.8)", "lexical |", "fuse(((", "a=b", "\xff", `dense dim="64"`,
	} {
		f.Add(text)
	}
	corpus := NewCorpus(Env{}, nil)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			var at *Error
			if !errors.As(err, &at) || at.Offset < 0 || at.Offset > len(text) || at.Line < 1 || at.Column < 1 || at.Reason == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		again, err := Parse(p.String())
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q is written %q and read as %v, %v", text, p, again, err)
		}
		if len(text) > 500 { // building takes time
			return
		}
		if _, err := corpus.Build(t.Context(), p); err != nil {
			var at *Error
			if !errors.As(err, &at) {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}
