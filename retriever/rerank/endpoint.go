package rerank

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
)

// Format is how a server wants to be asked and how it answers.
type Format string

const (
	// Cohere sends {"model", "query", "documents"} and reads {"results": [{"index",
	// "relevance_score"}]}. Servers of this form are Cohere (path /v2/rerank), Jina, vLLM
	// and llama.cpp (/v1/rerank).
	Cohere Format = "cohere"
	// TEI sends {"query", "texts", "truncate"} and reads [{"index", "score"}], as Text
	// Embeddings Inference does (/rerank).
	TEI Format = "tei"
)

// EndpointOptions are the options of an [Endpoint]. The zero value is for llama.cpp,
// vLLM and Jina.
type EndpointOptions struct {
	// Format is Cohere or TEI; empty means Cohere.
	Format Format
	// Path is put behind the base URL; empty means /v1/rerank, with TEI /rerank.
	Path string
	// BatchSize is how many passages are sent in one call; 0 means 32, the default limit
	// of Text Embeddings Inference. The calls are made one after the other.
	BatchSize int
}

// Endpoint is a [Scorer] that asks a cross-encoder behind an HTTP server. Scores are of
// the kind Relevance: what their size means is up to the model. A passage is sent as its
// title, if there is one, a line break and its text. Errors are *modelserver.Error, or
// wrap the error of the context or, where limits forbid a call, account.ErrLimit. If a
// batch fails there are no scores.
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

// scored is one element of an answer; a number that does not come stays nil.
type scored struct {
	Index     *int     `json:"index"`
	Score     *float64 `json:"score"`
	Relevance *float64 `json:"relevance_score"`
}

// Score implements Scorer.
func (e *Endpoint) Score(ctx context.Context, question string, passages []retriever.Passage) ([]float64, error) {
	scores := make([]float64, 0, len(passages))
	for len(passages) > 0 {
		n := min(e.o.BatchSize, len(passages))
		batch, err := e.ask(ctx, question, passages[:n])
		if err != nil {
			return nil, err
		}
		scores = append(scores, batch...)
		passages = passages[n:]
	}
	return scores, nil
}

// ask makes one call.
func (e *Endpoint) ask(ctx context.Context, question string, passages []retriever.Passage) ([]float64, error) {
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
	call, err := account.Reserve(ctx, "rerank endpoint", 0)
	if err != nil {
		return nil, err
	}
	var scores []float64
	err = e.client.Do(ctx, modelhttp.Call{Path: e.o.Path, Body: body}, func(a *modelhttp.Answer) (err error) {
		var list []scored
		if e.o.Format == TEI {
			err = a.JSON(&list)
		} else {
			var v struct {
				Results []scored `json:"results"`
			}
			err = a.JSON(&v)
			list = v.Results
		}
		if err != nil {
			return err
		}
		if scores, err = place(list, len(texts)); err != nil {
			return a.Errorf("%v", err)
		}
		return nil
	})
	call.Settle(account.Usage{Calls: 1, Partial: true}, "", err)
	return scores, err
}

// place puts scores in the order of the passages: servers give the best first.
func place(list []scored, n int) ([]float64, error) {
	if len(list) != n {
		return nil, fmt.Errorf("the answer has %d scores for %d passages", len(list), n)
	}
	scores, seen := make([]float64, n), make([]bool, n)
	for _, s := range list {
		value := s.Relevance
		if value == nil {
			value = s.Score
		}
		switch {
		case s.Index == nil || value == nil:
			return nil, fmt.Errorf("the answer has a result without index or score")
		case *s.Index < 0 || *s.Index >= n:
			return nil, fmt.Errorf("the answer has a score for passage %d of %d", *s.Index, n)
		case seen[*s.Index]:
			return nil, fmt.Errorf("the answer has two scores for passage %d", *s.Index)
		}
		seen[*s.Index], scores[*s.Index] = true, *value
	}
	return scores, nil
}
