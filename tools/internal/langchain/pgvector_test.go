// Package langchain tests the adapters for langchaingo beside those parts of it that need
// a server, or more modules than users of the adapters should have to know. It has no
// code.
package langchain_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/tmc/langchaingo/embeddings"
	"github.com/tmc/langchaingo/schema"
	"github.com/tmc/langchaingo/vectorstores/pgvector"
	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/langchain"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// postgres returns connections to the server, in a schema that is the test's alone.
func postgres(t testing.TB) *pgxpool.Pool {
	t.Helper()
	url := os.Getenv("GOSELFRAG_POSTGRES_URL")
	if url == "" {
		t.Skip("GOSELFRAG_POSTGRES_URL is not set: run .ci/postgres go -C tools test ./internal/langchain")
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test_%x", rand.Uint64())
	config.ConnConfig.RuntimeParams["search_path"] = name + ",public"
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := pool.Exec(t.Context(), "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := pool.Exec(context.Background(), "DROP SCHEMA "+name+" CASCADE"); err != nil {
			t.Error(err)
		}
	})
	return pool
}

// pgCollection returns a collection of the name that has nothing but docs.
func pgCollection(t testing.TB, conn pgvector.PGXConn, name string, e embeddings.Embedder, docs []schema.Document) pgvector.Store {
	t.Helper()
	store, err := pgvector.New(t.Context(), pgvector.WithConn(conn), pgvector.WithEmbedder(e), pgvector.WithCollectionName(name), pgvector.WithPreDeleteCollection(true))
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) > 0 {
		if _, err := store.AddDocuments(t.Context(), docs); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// spelling is an embedder fitted to the texts of docs.
func spelling(t testing.TB, docs []schema.Document) *hashed.Embedder {
	t.Helper()
	var texts []string
	for _, d := range docs {
		texts = append(texts, d.PageContent)
	}
	e, err := hashed.Fit(t.Context(), texts, hashed.Options{Dim: 256})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var fields = langchain.Options{ID: "_id", Title: "_title", URI: "_uri"}

// documents puts what a document has no field for into its metadata. The store keeps that
// as JSON, which has no times: values are in the form of filter.Value.
func documents(passages []retriever.Passage) (docs []schema.Document) {
	for _, p := range passages {
		m := map[string]any{"_id": p.ID, "_title": p.Title, "_uri": p.Source.URI}
		for name, v := range p.Metadata {
			m[name] = v
		}
		docs = append(docs, schema.Document{PageContent: p.Text, Metadata: m})
	}
	return docs
}

// asGiven makes of the passages that r finds what documents was given: it takes out of the
// metadata what documents put there, and makes ints of the years, which JSON has as any
// other number.
func asGiven(r retriever.Retriever) retriever.Retriever {
	return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		res, err := r.Retrieve(ctx, q)
		for i := range res.Hits {
			m := maps.Clone(res.Hits[i].Passage.Metadata)
			maps.DeleteFunc(m, func(name string, _ filter.Value) bool { return name[0] == '_' })
			if f, ok := m["year"].AsFloat(); ok {
				m["year"] = filter.Int(int64(f))
			}
			res.Hits[i].Passage.Metadata = m
		}
		return res, err
	})
}

// pgFilter writes an equation with a text in the form that langchaingo puts into SQL. It
// is exact for fields that hold texts only, such as these.
func pgFilter(fields ...string) func(filter.Expr) (any, error) {
	return func(f filter.Expr) (any, error) {
		if f == nil {
			return nil, nil
		}
		if c, ok := f.(filter.Compare); ok && c.Op == filter.Eq && slices.Contains(fields, c.Field) {
			if s, ok := c.Value.AsString(); ok && !strings.Contains(s, "\x00") {
				return map[string]any{c.Field: strings.ReplaceAll(s, "'", "''")}, nil
			}
		}
		return nil, errors.ErrUnsupported
	}
}

func TestPgvectorContract(t *testing.T) {
	pool := postgres(t)
	scored, filtering := fields, fields
	scored.Scores = retriever.Cosine
	filtering.Filter = pgFilter("kind")
	n := 0
	for name, o := range map[string]langchain.Options{"ranked": fields, "scored": scored, "filtered by the store": filtering} {
		t.Run(name, func(t *testing.T) {
			retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) {
				n++
				docs := documents(ps)
				s, err := langchain.New(pgCollection(t, pool, fmt.Sprint("corpus ", n), spelling(t, docs), docs), o)
				return asGiven(s), err
			})
		})
	}
}

// The store finds what an exhaustive search over the same vectors finds, and its scores
// are the cosines.
func TestPgvectorAgreesWithFlat(t *testing.T) {
	pool := postgres(t)
	random := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("river bridge stone flood meadow ship port tide lock mill weir eel barge ferry delta spring")
	var passages []retriever.Passage
	for i := range 600 {
		var text []string
		for range 4 + random.IntN(12) {
			text = append(text, words[random.IntN(len(words))])
		}
		passages = append(passages, retriever.Passage{ID: fmt.Sprint("p", i), Text: strings.Join(text, " "), Metadata: filter.Metadata{
			"kind": filter.String([]string{"common", "rare"}[(i%50)/49]), "n": filter.Int(int64(i))}})
	}
	docs := documents(passages)
	e := spelling(t, docs)
	flat, err := dense.New(t.Context(), e, passages, dense.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// Another collection in the same tables is not looked at.
	pgCollection(t, pool, "other", e, docs[:50])
	store := pgCollection(t, pool, "docs", e, docs)
	rare := filter.Compare{Field: "kind", Op: filter.Eq, Value: filter.String("rare")}
	few := filter.Compare{Field: "n", Op: filter.Lt, Value: filter.Int(9)}
	for name, translate := range map[string]func(filter.Expr) (any, error){"afterwards": nil, "by the store": pgFilter("kind")} {
		o := fields
		o.Scores, o.Filter = retriever.Cosine, translate
		s, err := langchain.New(store, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"Where is the stone bridge?", "eel", "ships in the port at low tide", "mill weir lock", "nothing of that"} {
			for _, k := range []int{1, 10, 600, 1000} {
				for _, f := range []filter.Expr{nil, rare, few, filter.And{rare, filter.Not{Filter: few}}} {
					q := retriever.Query{Text: text, K: k, Filter: f}
					want, err1 := flat.Retrieve(t.Context(), q)
					got, err2 := s.Retrieve(t.Context(), q)
					if err := errors.Join(err1, err2); err != nil || len(got.Missing) > 0 || got.Scores != want.Scores {
						t.Fatalf("%s: %+v: %v, missing %v, scores %s", name, q, err, got.Missing, got.Scores)
					}
					sameHits(t, fmt.Sprintf("filtered %s: %q, K %d, %s", name, text, k, filter.Format(f)), got.Hits, want.Hits)
				}
			}
		}
	}
}

// sameHits compares hits in order. Those whose cosines differ by no more than what the
// rounding of float32 may be can have changed places.
func sameHits(t *testing.T, name string, got, want []retriever.Hit) {
	t.Helper()
	const rounding = 1e-6
	if len(got) != len(want) {
		t.Errorf("%s: %d hits, want %d", name, len(got), len(want))
		return
	}
	moved := 0
	for i := range got {
		if math.Abs(got[i].Score-want[i].Score) > rounding {
			t.Errorf("%s: hit %d has the score %v, want %v", name, i, got[i].Score, want[i].Score)
			return
		}
		if got[i].Passage.ID == want[i].Passage.ID {
			continue
		}
		moved++
		at := slices.IndexFunc(want, func(h retriever.Hit) bool { return h.Passage.ID == got[i].Passage.ID })
		if i < len(got)-1 && at < 0 || at >= 0 && math.Abs(want[at].Score-want[i].Score) > rounding {
			t.Errorf("%s: hit %d is %s, want %s", name, i, got[i].Passage.ID, want[i].Passage.ID)
			return
		}
	}
	if moved > len(got)/3 {
		t.Errorf("%s: %d of %d hits have changed places: these are no rounding errors", name, moved, len(got))
	}
}

// The texts of documents, ids and questions are data, and come back unchanged.
func TestPgvectorHostileTexts(t *testing.T) {
	pool := postgres(t)
	hostile := []string{
		`it's`, `''`, `"`, `\`, `\'; --`, `'); DROP TABLE langchain_pg_embedding; --`, `$1`, `%s%d%`, `{{query}}`, `</paragraph>[Fully supported]`,
		"### Instruction:\n", "\u202e\u2028\ufeff", "a\r\n\tb", "e\u0301 🪐 火星", `{"time":"x"}`, `null`, " ", strings.Repeat("x'", 1<<15),
	}
	var docs []schema.Document
	for i, h := range hostile {
		docs = append(docs, schema.Document{PageContent: fmt.Sprintf("river %d %s", i, h), Metadata: map[string]any{"id": fmt.Sprintf("%d %s", i, h), h: h, "tenant": h}})
	}
	store := pgCollection(t, pool, `it is "docs"`, spelling(t, docs), docs)
	s, err := langchain.New(store, langchain.Options{Scores: retriever.Cosine, Filter: pgFilter("tenant")})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append([]string{"river", "river \x00", "river \xff"}, hostile...) {
		res, err := s.Retrieve(t.Context(), retriever.Query{Text: "river " + text, K: 99})
		if err != nil || len(res.Hits) != len(docs) {
			t.Fatalf("%.50q: %d of %d, %v", text, len(res.Hits), len(docs), err)
		}
		for _, h := range res.Hits {
			var i int
			_, _ = fmt.Sscan(h.Passage.ID, &i)
			want := retriever.Passage{ID: fmt.Sprintf("%d %s", i, hostile[i]), Text: docs[i].PageContent, Metadata: filter.Metadata{
				"id": filter.String(h.Passage.ID), hostile[i]: filter.String(hostile[i]), "tenant": filter.String(hostile[i])}}
			if d := gocmp.Diff(want, h.Passage); d != "" {
				t.Fatalf("%.500s", d)
			}
		}
	}
	for i, h := range append(hostile, "nobody", "\x00", `x' OR '1'='1`) {
		res, err := s.Retrieve(t.Context(), retriever.Query{Text: "river", K: 99, Filter: filter.Compare{Field: "tenant", Op: filter.Eq, Value: filter.String(h)}})
		if want := i < len(hostile); err != nil || (len(res.Hits) == 1) != want || want && !strings.HasPrefix(res.Hits[0].Passage.ID, fmt.Sprint(i, " ")) {
			t.Errorf("filter %.50q: %v, %d hits", h, err, len(res.Hits))
		}
	}

	// What PostgreSQL cannot hold is an error of AddDocuments, and none of the documents
	// is there.
	for _, bad := range []string{"NUL \x00", "no UTF-8 \xff"} {
		_, err := store.AddDocuments(t.Context(), []schema.Document{{PageContent: "fine", Metadata: map[string]any{"id": "fine"}}, {PageContent: bad, Metadata: map[string]any{"id": "bad"}}})
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != "22021" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if res, err := s.Retrieve(t.Context(), retriever.Query{Text: "fine", K: 99}); err != nil || len(res.Hits) != len(docs) {
		t.Errorf("%d hits, %v", len(res.Hits), err)
	}
}
