package pipeline

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rerank/learned"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// routers make the routers of parts, by name. Each lists the options that do not
// apply to it, those of the parts first.
var routers = map[string]struct {
	unfitOfPart, unfit []string
	make               func(b *builder, s *stage) (retriever.Router, error)
}{
	"rules":    {[]string{"about", "examples"}, []string{"threshold", "most"}, ruleRouter},
	"model":    {[]string{"match", "examples"}, []string{"threshold", "most", "first"}, modelRouter},
	"examples": {[]string{"match", "about"}, []string{"first"}, exampleRouter},
}

func (b *builder) router(s *stage) (retriever.Router, error) {
	by := s.values.word("by")
	r := routers[by]
	if err := s.values.refuseUseless("by="+by, r.unfit...); err != nil {
		return nil, err
	}
	for _, p := range s.parts {
		if err := p.values.refuseUseless("by="+by, r.unfitOfPart...); err != nil {
			return nil, fmt.Errorf("part %q: %w", p.name(), err)
		}
	}
	return r.make(b, s)
}

func ruleRouter(_ *builder, s *stage) (retriever.Router, error) {
	rules := retriever.RouteRules{First: s.values.yes("first")}
	for _, p := range s.parts {
		rule := retriever.RouteRule{Part: p.name()}
		if re := p.values.read["match"].(*regexp.Regexp); re != nil {
			rule.When = func(q retriever.Query) bool { return re.MatchString(q.Text) }
		}
		rules.List = append(rules.List, rule)
	}
	return rules, nil
}

func modelRouter(b *builder, s *stage) (retriever.Router, error) {
	model, err := b.instructed()
	if err != nil {
		return nil, err
	}
	var choices []rewrite.RouteChoice
	for _, p := range s.parts {
		choices = append(choices, rewrite.RouteChoice{Part: p.name(), About: p.values.word("about")})
	}
	return rewrite.NewModelRouter(model, rewrite.RouteTemplate, choices)
}

func exampleRouter(b *builder, s *stage) (retriever.Router, error) {
	if !s.values.has("threshold") {
		return nil, errors.New("by=examples needs threshold=, such as threshold=-1, which always chooses")
	}
	embedder, _, err := b.embed()
	if err != nil {
		return nil, err
	}
	var choices []rewrite.Examples
	for _, p := range s.parts {
		c := rewrite.Examples{Part: p.name()}
		for text := range strings.SplitSeq(p.values.word("examples"), ";") {
			if text = strings.TrimSpace(text); text != "" {
				c.Texts = append(c.Texts, text)
			}
		}
		choices = append(choices, c)
	}
	return rewrite.NewNearestRouter(b.ctx, embedder, choices, rewrite.NearestOptions{Threshold: s.values.number("threshold"), Max: s.values.whole("most")})
}

// judges make the judges of the relevance of passages, by name.
var judges = map[string]func(b *builder, v values) (rerank.Scorer, error){
	"learned": learnedJudge,
	"model":   modelJudge,
	"critic":  criticJudge,
	"list":    listJudge,
}

func (b *builder) scorer(v values) (rerank.Scorer, error) {
	name := v.word("judge")
	if !v.has("endpoint") {
		if err := v.refuseUseless("judge="+name, "format"); err != nil {
			return nil, err
		}
		s, err := judges[name](b, v)
		if err != nil {
			return nil, fmt.Errorf("judge=%s: %w", name, err)
		}
		return s, nil
	}
	if err := v.refuseUseless("endpoint=", "judge", "concurrency"); err != nil {
		return nil, err
	}
	if b.env.Endpoint == nil {
		return nil, errors.New("endpoint= is not allowed here: this program connects to no rerankers")
	}
	e, err := b.env.Endpoint(v.word("endpoint"), rerank.EndpointOptions{Format: rerank.Format(v.word("format"))})
	if err != nil {
		return nil, fmt.Errorf("endpoint=: %w", err)
	}
	return e, nil
}

func learnedJudge(b *builder, v values) (rerank.Scorer, error) {
	if err := v.refuseUseless("judge=learned", "concurrency"); err != nil {
		return nil, err
	}
	if b.learned == nil {
		passages, err := b.all(b.ctx)
		if err != nil {
			return nil, err
		}
		s, err := learned.New(b.ctx, passages)
		if err != nil {
			return nil, err
		}
		b.learned = s
	}
	return b.learned, nil
}

func modelJudge(b *builder, v values) (rerank.Scorer, error) {
	if _, ok := b.env.Generator.(generator.GroupProber); !ok {
		return nil, fmt.Errorf("it needs a model with reflection tokens that tells their probabilities: take judge=critic for a model that follows instructions, or endpoint=: %w", errors.ErrUnsupported)
	}
	return rerank.ModelScorer{Generator: b.env.Generator, Concurrency: v.whole("concurrency")}, nil
}

func criticJudge(b *builder, v values) (rerank.Scorer, error) {
	model, err := b.instructed()
	if err != nil {
		return nil, err
	}
	j, err := judge.New(model, judge.Templates{})
	return rerank.CriticScorer{Critic: j, Concurrency: v.whole("concurrency")}, err
}

func listJudge(b *builder, v values) (rerank.Scorer, error) {
	model, err := b.instructed()
	if err != nil {
		return nil, err
	}
	if err := v.refuseUseless("judge=list", "batch", "concurrency"); err != nil {
		return nil, err
	}
	l, err := rerank.NewListwise(model, rerank.ListTemplate, rerank.ListwiseOptions{Window: v.whole("window"), Step: v.whole("step")})
	if err != nil {
		return nil, err
	}
	return l, nil
}
