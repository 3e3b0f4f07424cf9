package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
)

// defaultBatch is what servers take that limit it most.
const defaultBatch = 32

// Config says which model to use and how. Only Server is needed.
type Config struct {
	Server modelserver.Config
	// Dimensions asks the server for vectors of this length, for models that can
	// shorten theirs, and is checked; 0 takes the model's own.
	Dimensions int
	// Batch is the greatest number of texts in a request; 0 is 32.
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
// has others is an error, and so are empty texts and texts that are not UTF-8.
// Texts are sent in batches, one after another. Each is one model call in the account
// of ctx, if that has one.
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
		vectors, err := c.embed(ctx, texts[start:min(start+c.c.Batch, len(texts))])
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

type request struct {
	Model      string   `json:"model,omitempty"`
	Input      []string `json:"input"`
	Format     string   `json:"encoding_format"`
	Dimensions int      `json:"dimensions,omitempty"`
}

type answer struct {
	Data []struct {
		Index     *int            `json:"index"`
		Embedding json.RawMessage `json:"embedding"`
	} `json:"data"`
	Usage struct {
		PromptTokens *int `json:"prompt_tokens"`
	} `json:"usage"`
}

// embed sends one batch.
func (c *Client) embed(ctx context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	spent, err := account.Reserve(ctx, "embed", 0)
	if err != nil {
		return nil, err
	}
	usage := account.Usage{Calls: 1, Partial: true}
	call := modelhttp.Call{Path: "/v1/embeddings", Body: request{c.c.Server.Model, texts, "float", c.c.Dimensions}}
	err = c.http.Do(ctx, call, func(a *modelhttp.Answer) error {
		var got answer
		if err := a.JSON(&got); err != nil {
			return err
		}
		if len(got.Data) != len(texts) {
			return a.Errorf("the answer has %d vectors for %d texts", len(got.Data), len(texts))
		}
		clear(out) // of an earlier try
		for i, d := range got.Data {
			switch {
			case d.Index == nil:
				return a.Errorf("vector %d has no index", i)
			case *d.Index < 0 || *d.Index >= len(texts) || out[*d.Index] != nil:
				return a.Errorf("vector %d has the index %d: want each from 0 to %d once", i, *d.Index, len(texts)-1)
			}
			v, err := c.vector(a, d.Embedding)
			if err != nil {
				return err
			}
			out[*d.Index] = v
		}
		if n := got.Usage.PromptTokens; n != nil && *n >= 0 {
			usage.PromptTokens, usage.Partial = *n, false
		}
		return nil
	})
	spent.Settle(usage, "", err)
	return out, err
}

// vector reads one vector.
func (c *Client) vector(a *modelhttp.Answer, raw json.RawMessage) ([]float32, error) {
	if len(raw) == 0 {
		return nil, a.Errorf("an entry of the answer holds no embedding")
	}
	if bytes.Contains(raw, []byte("null")) { // which Go would read as zero
		return nil, a.Errorf("a vector holds null instead of a number")
	}
	var v []float32
	if err := a.Decode(raw, &v); err != nil { // a number that is no float32 is an error
		return nil, err
	}
	n := int64(len(v))
	if n == 0 {
		return nil, a.Errorf("a vector is empty")
	}
	c.dimensions.CompareAndSwap(0, n)
	if want := c.dimensions.Load(); n != want {
		return nil, a.Errorf("a vector has %d numbers: want %d, as others of this model have", n, want)
	}
	return v, nil
}
