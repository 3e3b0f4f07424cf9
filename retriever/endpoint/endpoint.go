package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-faster/jx"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/foreign"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Options describes the request to a service and the form of its answer.
//
// In Body and Params the strings "{{query}}", "{{k}}" and "{{filter}}" are replaced
// by the text of the query, the wanted number of hits and the filter. They must be
// whole strings: one inside a longer string is an error. {{query}} and {{k}} are
// required; {{filter}} goes with Filter.
//
// Paths into the answer are those of gjson
// (https://github.com/tidwall/gjson/blob/master/SYNTAX.md): keys separated by dots,
// such as _source.text; a dot that belongs to a key has a backslash before it.
type Options struct {
	// Path is appended to the base URL, such as /docs/_search. It has no query.
	Path string
	// Params is appended to the path as a query.
	Params url.Values
	// Body is the template of the request, JSON, sent with POST. If it is empty the
	// request is a GET.
	Body string

	// Hits is the path of the array of hits, best first; empty if the answer itself
	// is that array. A null there is an empty array, as some services write it.
	Hits string
	// ID and Text are the paths in a hit of its id, a string or a number, and of its text.
	ID, Text string
	// Title and URI are the paths in a hit of Passage.Title and Passage.Source.URI, which
	// are strings; empty means none. A hit may lack them, or have null there.
	Title, URI string
	// Metadata is the path in a hit of an object whose members are its metadata; empty
	// means none. A hit may lack it, or have null there.
	Metadata string
	// Fields are the paths in a hit of single fields of the metadata, by name. They
	// take precedence over those of Metadata.
	Fields map[string]string
	// Score is the path in a hit of its score, a number, and Scores its kind. Set
	// both or neither; without them scores are RankOnly.
	Score  string
	Scores retriever.ScoreKind

	// Filter writes a filter in the language of the service, as a value that is
	// encoded as JSON. It must be exact: the service must return the passages that
	// match the filter, and no others. It is also called with nil, for queries
	// without a filter, and must then return a filter that allows everything.
	//
	// Without it, and for a filter for which its error wraps errors.ErrUnsupported,
	// retriever.PostFilter filters the hits.
	Filter func(filter.Expr) (any, error)
	// PostFilter bounds that. Its Bound must not exceed the number of hits that the
	// service returns at once.
	PostFilter retriever.PostFilterOptions
}

// ErrOption is wrapped by errors about an invalid option.
var ErrOption = errors.New("endpoint: bad option")

// badOption returns an error that wraps ErrOption.
func badOption(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrOption, fmt.Sprintf(format, args...))
}

// Endpoint is a Retriever that asks a search service. It is safe for concurrent use.
type Endpoint struct {
	client    *modelhttp.Client
	o         Options
	body      any // the parsed template, nil for GET
	retriever *foreign.Retriever
}

var _ retriever.Retriever = (*Endpoint)(nil)

// New returns an endpoint. It makes no call. c.Model is not used. The error wraps
// modelserver.ErrConfig, ErrOption, or retriever.ErrOption if PostFilter is out of
// range.
func New(c modelserver.Config, o Options) (*Endpoint, error) {
	client, err := modelhttp.New(c)
	if err != nil {
		return nil, err
	}
	e := &Endpoint{client: client, o: o}
	if err := e.checkRequest(); err != nil {
		return nil, err
	}
	if err := e.checkPaths(); err != nil {
		return nil, err
	}
	if e.retriever, err = foreign.New("endpoint", e.search, o.Filter, o.PostFilter); err != nil {
		return nil, err
	}
	return e, nil
}

// MostCost implements budget.Declarer: a search service is no model.
func (*Endpoint) MostCost(int) (budget.Cost, bool) { return budget.Cost{}, true }

// Retrieve returns the hits of the service, in its order, at most q.K of them.
// Metadata values have the kinds of the JSON form of filter.Value, so a time
// written as a string is a string. A null is left out, and a value without such a
// form becomes its JSON text. With the scores RankOnly the first hit has 1, the
// next 1/2, then 1/3. Otherwise hits have the score of the service. If a rounding
// error moves it outside the range of its kind, it is set to the end of the range.
//
// An answer may have 1 MiB and 1 MiB more for each wanted hit, at most 64 MiB.
//
// A query without text finds nothing. Errors are those of the contract of
// [retriever.Retriever]. Other errors are of type *modelserver.Error, and wrap a
// *[HitError] if the answer does not match Options, or wrap the error of
// Options.Filter.
func (e *Endpoint) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	return e.retriever.Retrieve(ctx, q)
}

// Limits on the parts of an answer, in bytes.
const (
	roomBase = 1 << 20
	roomHit  = 1 << 20
)

// readJSON returns the answer, which is JSON. It checks the context from time to time.
func (e *Endpoint) readJSON(a *modelhttp.Answer) ([]byte, error) {
	data, err := a.Body()
	if err != nil {
		return nil, err
	}
	if r := a.Chunks(data); r != nil {
		d := jx.Decode(r, 64<<10)
		if err := d.Skip(); err != nil {
			return nil, a.Malformed(err)
		}
		if d.Next() != jx.Invalid {
			return nil, a.Errorf("the answer is not what was expected: more after its end")
		}
		return data, a.Alive()
	}
	var raw json.RawMessage
	return data, a.Decode(data, &raw)
}

// search makes one call.
func (e *Endpoint) search(ctx context.Context, q retriever.Query, native any) (retriever.Result, error) {
	res := retriever.Result{Scores: e.o.Scores}
	// JSON must be valid UTF-8.
	text := strings.ToValidUTF8(q.Text, "\ufffd")
	if strings.TrimSpace(text) == "" {
		return res, nil
	}
	call, err := e.call(text, q.K, native)
	if err != nil {
		return retriever.Result{}, err
	}
	call.Limit = roomBase + roomHit*int64(q.K)
	err = e.client.Do(ctx, call, func(a *modelhttp.Answer) error {
		data, err := e.readJSON(a)
		if err != nil {
			return err
		}
		hits, bad := e.hits(data, q.K)
		if bad != nil && bad.Hit > 0 && foreign.Hides(ctx, q) {
			bad.Reason = foreign.Hidden
		}
		// Together with hits, an error is about something else unless the answer
		// begins with it.
		if err := a.Reported(data, bad == nil && len(hits) > 0); err != nil {
			return err
		}
		if bad != nil {
			return a.Malformed(bad)
		}
		res.Hits = hits
		return nil
	})
	if err != nil {
		return retriever.Result{}, err
	}
	return res, nil
}
