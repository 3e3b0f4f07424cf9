package langchain_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tmc/langchaingo/schema"
	"github.com/tmc/langchaingo/vectorstores/qdrant"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/langchain"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// point is one of Qdrant's: https://api.qdrant.tech/api-reference/search/points.
type point struct {
	Score   float32        `json:"score"`
	Payload map[string]any `json:"payload"`
	vector  []float32
}

// collection answers as Qdrant does, for one collection and one form of filter:
// {"must": [{"key": …, "match": {"value": …}}]}.
type collection struct {
	mu     sync.Mutex
	points []point
}

func (c *collection) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var body struct {
		Batch struct {
			Payloads []map[string]any
			Vectors  [][]float32
		}
		Vector []float32
		Limit  int
		Filter *struct {
			Must []struct {
				Key   string
				Match struct{ Value any }
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var result any = map[string]any{"status": "completed"}
	switch r.Method + " " + r.URL.Path {
	case "PUT /collections/docs/points":
		for i, p := range body.Batch.Payloads {
			c.points = append(c.points, point{Payload: p, vector: body.Batch.Vectors[i]})
		}
	case "POST /collections/docs/points/search":
		found := []point{}
		for _, p := range c.points {
			ok := true
			if body.Filter != nil {
				for _, m := range body.Filter.Must {
					ok = ok && p.Payload[m.Key] == m.Match.Value
				}
			}
			if ok {
				p.Score = cosine(body.Vector, p.vector)
				found = append(found, p)
			}
		}
		slices.SortStableFunc(found, func(a, b point) int { return cmp.Compare(b.Score, a.Score) })
		result = found[:min(body.Limit, len(found))]
	default:
		http.Error(w, `{"status":{"error":"Not found: Collection does not exist!"}}`, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"result": result, "status": "ok", "time": 0.001})
}

func qdrantStore(t testing.TB, name string) qdrant.Store {
	t.Helper()
	server := httptest.NewUnstartedServer(&collection{})
	server.Config.SetKeepAlivesEnabled(false) // the client has connections of its own
	server.Start()
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	store, err := qdrant.New(qdrant.WithURL(*u), qdrant.WithCollectionName(name), qdrant.WithEmbedder(embedder{}))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// translate writes comparisons with a text for equality in Qdrant's language.
func translate(f filter.Expr) (any, error) {
	if f == nil {
		return nil, nil
	}
	if c, ok := f.(filter.Compare); ok && c.Op == filter.Eq {
		if s, ok := c.Value.AsString(); ok {
			return map[string]any{"must": []any{map[string]any{"key": c.Field, "match": map[string]any{"value": s}}}}, nil
		}
	}
	return nil, errors.ErrUnsupported
}

// The client of langchaingo, with everything going over the wire: numbers come back as
// floats.
func TestQdrantClient(t *testing.T) {
	store := qdrantStore(t, "docs")
	var docs []schema.Document
	for i, p := range retrievertest.Corpus() {
		m := map[string]any{"id": p.ID, "title": p.Title, "number": i}
		if kind, ok := p.Metadata["kind"]; ok {
			m["kind"] = plain(kind)
		}
		docs = append(docs, schema.Document{PageContent: p.Text, Metadata: m})
	}
	if _, err := store.AddDocuments(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	s, err := langchain.New(store, langchain.Options{Title: "title", Scores: retriever.Cosine, Filter: translate})
	if err != nil {
		t.Fatal(err)
	}
	trade := filter.Compare{Field: "kind", Op: filter.Eq, Value: filter.String("trade")}
	for _, f := range []filter.Expr{nil, trade, filter.Not{Filter: trade}, filter.And{trade, filter.Compare{Field: "number", Op: filter.Lt, Value: filter.Int(20)}}} {
		const question = "Which ships go up the river Thames?"
		res, err := s.Retrieve(t.Context(), retriever.Query{Text: question, K: 5, Filter: f})
		if err != nil {
			t.Fatal(err)
		}
		asked, _ := embedder{}.EmbedQuery(t.Context(), question)
		type scored struct {
			id    string
			score float32
		}
		var want []scored
		for i, p := range retrievertest.Corpus() {
			p.Metadata["number"] = filter.Int(int64(i))
			if filter.Match(f, p.Metadata) {
				v, _ := embedder{}.EmbedQuery(t.Context(), p.Text)
				want = append(want, scored{p.ID, cosine(asked, v)})
			}
		}
		slices.SortStableFunc(want, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
		var got []scored
		for _, h := range res.Hits {
			got = append(got, scored{h.Passage.ID, float32(h.Score)})
		}
		if !slices.Equal(got, want[:5]) || res.Scores != retriever.Cosine || res.Hits[0].Passage.Title == "" {
			t.Errorf("filter %s: %v, want %v", filter.Format(f), got, want[:5])
		}
	}

	s, err = langchain.New(qdrantStore(t, "other"), langchain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Retrieve(t.Context(), retriever.Query{Text: "q", K: 1}); err == nil || !strings.Contains(err.Error(), "Collection does not exist") {
		t.Errorf("%v: want what the server says", err)
	}
}
