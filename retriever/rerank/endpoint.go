package rerank

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
)

// Format is the form of requests to a server. Answers are read in all common forms:
// a list, or a list under results, data, rankings or scores, of numbers or of
// objects with a relevance_score, score or logit.
type Format string

const (
	// Cohere sends {"model", "query", "documents"}. It is for Cohere (path
	// /v2/rerank), Jina, vLLM and llama.cpp (/v1/rerank).
	Cohere Format = "cohere"
	// TEI sends {"query", "texts", "truncate"}. It is for Text Embeddings Inference
	// (/rerank).
	TEI Format = "tei"
)

// EndpointOptions are the options of an [Endpoint]. The zero value is for llama.cpp,
// vLLM and Jina.
type EndpointOptions struct {
	// Format is Cohere or TEI; empty means Cohere.
	Format Format
	// Path is appended to the base URL; empty means /v1/rerank, with TEI /rerank.
	Path string
	// BatchSize is how many passages are sent in one call; 0 means 32, the default
	// limit of Text Embeddings Inference. The calls are made one after another.
	BatchSize int
}

// Endpoint is a [Scorer] that asks a cross-encoder behind an HTTP server. Scores
// are of the kind Relevance: their scale depends on the model. A passage is sent as
// its title, if there is one, a line break and its text. Errors are
// *modelserver.Error, or wrap the error of the context or, if a budget forbids a
// call, budget.ErrExceeded. If a batch fails there are no scores.
type Endpoint struct {
	client *modelhttp.Client
	model  string
	o      EndpointOptions
}

// NewEndpoint returns an endpoint. It makes no call. An error wraps
// modelserver.ErrConfig or ErrOption.
func NewEndpoint(c modelserver.Config, o EndpointOptions) (*Endpoint, error) {
	client, err := modelhttp.New(c)
	if err != nil {
		return nil, err
	}
	if o.Format == "" {
		o.Format = Cohere
	}
	if o.Format != Cohere && o.Format != TEI {
		return nil, fmt.Errorf("%w: Format is %q: want %q or %q", ErrOption, o.Format, Cohere, TEI)
	}
	if o.Path == "" {
		o.Path = "/v1/rerank"
		if o.Format == TEI {
			o.Path = "/rerank"
		}
	}
	if o.Path[0] != '/' {
		return nil, fmt.Errorf("%w: Path is %q: want one that begins with /", ErrOption, o.Path)
	}
	if o.BatchSize == 0 {
		o.BatchSize = 32
	}
	if o.BatchSize < 0 {
		return nil, fmt.Errorf("%w: BatchSize is %d: want at least 1, or 0 for 32", ErrOption, o.BatchSize)
	}
	return &Endpoint{client, c.Model, o}, nil
}

// Kind implements Scorer.
func (e *Endpoint) Kind() retriever.ScoreKind { return retriever.Relevance }

type cohereRequest struct {
	Model     string   `json:"model,omitempty"`
	Query     string   `json:"query"`
	Documents []string `json:"documents"`
}

type teiRequest struct {
	Query    string   `json:"query"`
	Texts    []string `json:"texts"`
	Truncate bool     `json:"truncate"`
}

// scored is one element of an answer: an object, or only its score. A missing
// number is nil.
type scored struct {
	Index     *int            `json:"index"`
	Score     *float64        `json:"score"`
	Relevance *float64        `json:"relevance_score"`
	Logit     *float64        `json:"logit"`
	Document  json.RawMessage `json:"document"`
	Text      *string         `json:"text"`
	bare      bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *scored) UnmarshalJSON(data []byte) error {
	*s = scored{}
	if len(data) > 0 && data[0] != '{' && data[0] != 'n' {
		s.bare = true
		return json.Unmarshal(data, &s.Score)
	}
	type object scored // without this method
	return json.Unmarshal(data, (*object)(s))
}

// value returns the score, nil if there is none.
func (s *scored) value() *float64 { return cmp.Or(s.Relevance, s.Score, s.Logit) }

// text returns the document that the server sends back with the score.
func (s *scored) text() (text string, ok bool) {
	if s.Text != nil {
		return *s.Text, true
	}
	var object struct{ Text *string }
	if json.Unmarshal(s.Document, &text) == nil && text != "" {
		return text, true
	}
	if json.Unmarshal(s.Document, &object) == nil && object.Text != nil {
		return *object.Text, true
	}
	return "", false
}

// envelope holds the list of an answer, under any of the common names; or the
// answer is the list.
type envelope struct {
	Results, Data, Rankings, Scores []scored
}

// list returns the scores in an answer.
func list(a *modelhttp.Answer) ([]scored, error) {
	data, err := a.Whole()
	if err != nil {
		return nil, err
	}
	if data = bytes.TrimSpace(data); len(data) > 0 && data[0] == '[' {
		var bare []scored
		err := a.Decode(data, &bare)
		return bare, err
	}
	var e envelope
	if err := a.Decode(data, &e); err != nil {
		return nil, err
	}
	for _, l := range [...][]scored{e.Results, e.Data, e.Rankings, e.Scores} {
		if l != nil {
			return l, nil
		}
	}
	return nil, a.Errorf("the answer has no list of scores: want results, data, rankings or scores, or a list")
}

// Score implements Scorer.
func (e *Endpoint) Score(ctx context.Context, question string, passages []retriever.Passage) ([]float64, error) {
	scores := make([]float64, 0, len(passages))
	for len(passages) > 0 {
		n := min(e.o.BatchSize, len(passages))
		batch, err := e.call(ctx, question, passages[:n])
		if err != nil {
			return nil, err
		}
		scores = append(scores, batch...)
		passages = passages[n:]
	}
	return scores, nil
}

// MostCost implements budget.Declarer: one call of each batch.
func (e *Endpoint) MostCost(n int) (budget.Cost, bool) {
	return budget.Cost{Calls: (n + e.o.BatchSize - 1) / e.o.BatchSize}, true
}

// call makes one call.
func (e *Endpoint) call(ctx context.Context, question string, passages []retriever.Passage) (scores []float64, err error) {
	texts := make([]string, len(passages))
	for i, p := range passages {
		texts[i] = p.Text
		if p.Title != "" {
			texts[i] = p.Title + "\n" + p.Text
		}
	}
	var body any = cohereRequest{e.model, question, texts}
	if e.o.Format == TEI {
		body = teiRequest{question, texts, true}
	}
	ctx, step := observe.Start(ctx, observe.Request, "rerank endpoint")
	defer step.EndWith(&err)()
	reserved, refused := budget.Reserve(ctx, "rerank endpoint", budget.Cost{Calls: 1})
	if refused != nil {
		return nil, refused
	}
	defer func() {
		cost := budget.Usage{Calls: 1, Partial: true}
		reserved.Settle(cost)
		step.Spend(cost)
	}()
	err = e.client.Do(ctx, modelhttp.Call{Path: e.o.Path, Body: body, Limit: answerLimit(texts)}, func(a *modelhttp.Answer) (err error) {
		found, err := list(a)
		if err != nil {
			return err
		}
		fillIndices(found, texts)
		if scores, err = inPassageOrder(found, len(texts)); err != nil {
			return a.Errorf("%v", err)
		}
		return nil
	})
	return scores, err
}

// answerLimit returns the greatest length of the answer to texts: servers send the texts
// back.
func answerLimit(texts []string) int64 {
	n := int64(64 << 10)
	for _, t := range texts {
		n += 1<<10 + 6*int64(len(t)) // if escaped
	}
	return n
}

// fillIndices gives results without an index the index of the text that they come with.
func fillIndices(list []scored, texts []string) {
	found := make([]int, len(list))
	for i := range list {
		text, ok := list[i].text()
		at := slices.Index(texts, text)
		if list[i].Index != nil || !ok || at < 0 || slices.Contains(texts[at+1:], text) {
			return
		}
		found[i] = at
	}
	for i := range list {
		list[i].Index = &found[i]
	}
}

// inPassageOrder puts scores in the order of the passages: servers return the best first. If
// no score has an index, they are in the order of the passages, unless they are
// objects that may also be sorted.
func inPassageOrder(list []scored, n int) ([]float64, error) {
	if len(list) != n {
		return nil, fmt.Errorf("the answer has %d scores for %d passages", len(list), n)
	}
	indexed, bare := 0, true
	for i := range list {
		if list[i].value() == nil {
			return nil, errors.New("the answer has a result without index or score")
		}
		if list[i].Index != nil {
			indexed++
		}
		bare = bare && list[i].bare
	}
	scores, seen := make([]float64, n), make([]bool, n)
	if indexed == 0 && n > 0 {
		for i := range list {
			scores[i] = *list[i].value()
		}
		if !bare && scores[0] > scores[n-1] && slices.IsSortedFunc(scores, func(a, b float64) int { return cmp.Compare(b, a) }) {
			return nil, errors.New("the answer has results without index, and the best first: there is no telling whether they are in the order of the passages")
		}
		return scores, nil
	}
	for i := range list {
		s := &list[i]
		switch {
		case s.Index == nil:
			return nil, errors.New("the answer has a result without index or score")
		case *s.Index < 0 || *s.Index >= n:
			return nil, fmt.Errorf("the answer has a score for passage %d of %d", *s.Index, n)
		case seen[*s.Index]:
			return nil, fmt.Errorf("the answer has two scores for passage %d", *s.Index)
		}
		seen[*s.Index], scores[*s.Index] = true, *s.value()
	}
	return scores, nil
}
