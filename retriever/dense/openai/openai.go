package openai

import (
	"context"
	"fmt"
	"sync/atomic"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/observe"
)

// defaultBatch is the smallest of the servers' limits.
const defaultBatch = 32

// Config says which model to use and how. Only Server is needed.
type Config struct {
	Server modelserver.Config
	// Dimensions asks the server for vectors of this length, for models that can
	// shorten theirs. A vector of another length is an error. 0 means the length of
	// the model.
	Dimensions int
	// Batch is the greatest number of texts in a request; 0 means 32. Some servers
	// limit it.
	Batch int
}

// Client embeds texts. It is safe for concurrent use.
type Client struct {
	http       *modelhttp.Client
	c          Config
	dimensions atomic.Int64 // of all vectors, once there was one
}

// New returns a client, or an error that wraps [modelserver.ErrConfig]. It makes no
// call.
func New(c Config) (*Client, error) {
	for _, n := range [...]struct {
		name  string
		value int
	}{{"Dimensions", c.Dimensions}, {"Batch", c.Batch}} {
		if n.value < 0 {
			return nil, fmt.Errorf("%w: %s is %d: want 0 or more", modelserver.ErrConfig, n.name, n.value)
		}
	}
	client, err := modelhttp.New(c.Server)
	if err != nil {
		return nil, err
	}
	if c.Batch == 0 {
		c.Batch = defaultBatch
	}
	out := &Client{http: client, c: c}
	out.dimensions.Store(int64(c.Dimensions))
	return out, nil
}

// EmbedDocuments returns a vector for each text, in the order of the texts. All
// vectors of a client have the same length and only finite numbers; an answer that
// has others is an error, and so are empty texts and texts that are not UTF-8. Texts
// are sent in batches, one after another. Each is one model call in the budget of
// ctx, if that has one. Errors other than those about texts wrap a
// [*modelserver.Error], budget.ErrExceeded or ctx.Err().
func (c *Client) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	for i, t := range texts {
		switch {
		case t == "":
			return nil, fmt.Errorf("openai: text %d is empty: want texts with at least one character", i)
		case !utf8.ValidString(t):
			return nil, fmt.Errorf("openai: text %d is not UTF-8", i)
		}
	}
	out := make([][]float32, 0, len(texts))
	for start := 0; start < len(texts); start += c.c.Batch {
		vectors, err := c.embedBatch(ctx, texts[start:min(start+c.c.Batch, len(texts))])
		if err != nil {
			return nil, fmt.Errorf("openai: embedding texts from number %d on: %w", start, err)
		}
		out = append(out, vectors...)
	}
	return out, nil
}

// EmbedQuery returns the vector of one text, as EmbedDocuments does.
func (c *Client) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	vectors, err := c.EmbedDocuments(ctx, []string{text})
	if err != nil {
		return nil, err
	}
	return vectors[0], nil
}

// MostCost implements budget.Declarer: one call of each batch.
func (c *Client) MostCost(n int) (budget.Cost, bool) {
	return budget.Cost{Calls: (n + c.c.Batch - 1) / c.c.Batch}, true
}

type request struct {
	Model      string   `json:"model,omitempty"`
	Input      []string `json:"input"`
	Format     string   `json:"encoding_format"`
	Dimensions int      `json:"dimensions,omitempty"`
}

// embedBatch sends one batch.
func (c *Client) embedBatch(ctx context.Context, texts []string) (out [][]float32, err error) {
	ctx, step := observe.Start(ctx, observe.Request, "embed")
	defer step.EndWith(&err)()
	reserved, refused := budget.Reserve(ctx, "embed", budget.Cost{Calls: 1})
	if refused != nil {
		return nil, refused
	}
	usage := budget.Usage{Calls: 1, Partial: true}
	defer func() {
		reserved.Settle(usage)
		step.Spend(usage)
	}()
	call := modelhttp.Call{Path: "/v1/embeddings", Limit: c.answerLimit(len(texts)), Body: request{c.c.Server.Model, texts, "float", c.c.Dimensions}}
	err = c.http.Do(ctx, call, func(a *modelhttp.Answer) error {
		var got answer
		if err := got.parse(a); err != nil {
			return err
		}
		if out, err = got.inOrder(a, len(texts)); err != nil {
			return err
		}
		for _, v := range out {
			n := int64(len(v))
			c.dimensions.CompareAndSwap(0, n)
			if want := c.dimensions.Load(); n != want {
				return a.Errorf("a vector has %d numbers: want %d, as others of this model have", n, want)
			}
		}
		if got.tokens != nil {
			usage.PromptTokens, usage.Partial = *got.tokens, false
		}
		return nil
	})
	return out, err
}
