package langchain_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/tmc/langchaingo/schema"
	"github.com/tmc/langchaingo/vectorstores"
	"github.com/tmc/langchaingo/vectorstores/pgvector"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/langchain"
)

var pgDocuments = []schema.Document{
	{PageContent: "the river", Metadata: map[string]any{"id": "river", "lang": "en"}},
	{PageContent: "a river with a bridge", Metadata: map[string]any{"id": "bridge", "lang": "en"}},
	{PageContent: "stone", Metadata: map[string]any{"id": "stone", "lang": "en"}},
}

// cuttable is a connection whose other side can go away.
type cuttable struct {
	net.Conn
	gone atomic.Bool
}

func (c *cuttable) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && c.gone.Load() {
		err = io.EOF
	}
	return n, err
}

// dialer makes connections that are cut, and none any more, when the server goes away.
type dialer struct {
	mu    sync.Mutex
	gone  bool
	conns []*cuttable
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return nil, errors.New("nobody there")
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.conns = append(d.conns, &cuttable{Conn: conn})
	return d.conns[len(d.conns)-1], nil
}

// set takes the server away or brings it back.
func (d *dialer) set(gone bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = gone
	for _, c := range d.conns {
		c.gone.Store(true)
		_ = c.Close()
	}
	d.conns = nil
}

// whileSearching runs a search that does not end, because the table is locked, calls do
// with the number of the server's process as soon as it waits, and returns its error.
func whileSearching(t *testing.T, pool *pgxpool.Pool, r retriever.Retriever, do func(cancel context.CancelFunc, pid int)) error {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "LOCK TABLE langchain_pg_embedding"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := r.Retrieve(ctx, retriever.Query{Text: "river", K: 2})
		done <- err
	}()
	for pid := 0; pid == 0; {
		err := pool.QueryRow(t.Context(), "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'langchain_pg_embedding'::regclass").Scan(&pid)
		switch {
		case err == nil:
			do(cancel, pid)
		case !errors.Is(err, pgx.ErrNoRows):
			t.Fatal(err)
		}
	}
	return <-done
}

// A search that is canceled or whose server goes away ends with an error that says so,
// and the next one is as good as ever.
func TestPgvectorBrokenOff(t *testing.T) {
	pool := postgres(t)
	e := spelling(t, pgDocuments)
	pgCollection(t, pool, "docs", e, pgDocuments)
	config, d := pool.Config(), &dialer{}
	config.ConnConfig.DialFunc = d.dial
	searching, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer searching.Close()
	store, err := pgvector.New(t.Context(), pgvector.WithConn(searching), pgvector.WithEmbedder(e), pgvector.WithCollectionName("docs"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := langchain.New(store, langchain.Options{Scores: retriever.Cosine})
	if err != nil {
		t.Fatal(err)
	}
	fine := func() {
		t.Helper()
		if res, err := s.Retrieve(t.Context(), retriever.Query{Text: "river", K: 2}); err != nil || len(res.Hits) != 2 || res.Hits[0].Passage.ID != "river" {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	for _, c := range []struct {
		name string
		do   func(cancel context.CancelFunc, pid int)
		is   func(error) bool
	}{
		{"canceled", func(cancel context.CancelFunc, _ int) { cancel() }, func(err error) bool { return errors.Is(err, context.Canceled) }},
		{"ended by the server", func(_ context.CancelFunc, pid int) {
			if _, err := pool.Exec(t.Context(), "SELECT pg_terminate_backend($1)", pid); err != nil {
				t.Error(err)
			}
		}, func(err error) bool {
			var e *pgconn.PgError
			return errors.As(err, &e) && e.Code == "57P01"
		}},
		{"connection lost", func(context.CancelFunc, int) { d.set(false) }, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			fine()
			if err := whileSearching(t, pool, s, c.do); !c.is(err) || !strings.HasPrefix(err.Error(), "langchain: searching the store: ") {
				t.Errorf("%T: %v", err, err)
			}
			fine()
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		d.set(true)
		searching.Reset()
		_, err := s.Retrieve(t.Context(), retriever.Query{Text: "river", K: 2})
		var e *pgconn.ConnectError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), "nobody there") {
			t.Errorf("%T: %v", err, err)
		}
		d.set(false)
		fine()
	})
}

// A store with one connection cannot be searched by two at the same time, nor any more
// after a search was canceled, as the documentation of the package says.
func TestPgvectorSingleConnection(t *testing.T) {
	pool := postgres(t)
	conn, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	s, err := langchain.New(pgCollection(t, conn, "docs", spelling(t, pgDocuments), pgDocuments), langchain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = whileSearching(t, pool, s, func(cancel context.CancelFunc, _ int) {
		if _, err := s.Retrieve(t.Context(), retriever.Query{Text: "river", K: 2}); err == nil || !strings.Contains(err.Error(), "conn busy") {
			t.Errorf("at the same time: %v", err)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := s.Retrieve(t.Context(), retriever.Query{Text: "river", K: 2}); err == nil || !strings.Contains(err.Error(), "conn closed") {
		t.Errorf("afterwards: %v", err)
	}
}

// What the documentation of the package says about pgvector. Where one of these fails
// with another version of langchaingo, that has mended it.
func TestPgvectorFaults(t *testing.T) {
	pool := postgres(t)
	store := pgCollection(t, pool, "docs", spelling(t, pgDocuments), pgDocuments)
	small, err := hashed.Fit(t.Context(), nil, hashed.Options{Dim: 64})
	if err != nil {
		t.Fatal(err)
	}
	found := func(options ...vectorstores.Option) string {
		docs, err := store.SimilaritySearch(t.Context(), "river", 99, options...)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(len(docs))
	}
	for name, c := range map[string]struct {
		option vectorstores.Option
		want   string
	}{
		"filter":               {vectorstores.WithFilters(map[string]any{"id": "nobody"}), "0"},
		"filter is SQL":        {vectorstores.WithFilters(map[string]any{"id": "nobody' OR '1'='1"}), "3"},
		"key of filter is SQL": {vectorstores.WithFilters(map[string]any{"id') IS NOT NULL OR ('": "nobody"}), "3"},
		"namespace":            {vectorstores.WithNameSpace("nobody"), "0"},
		"namespace is SQL":     {vectorstores.WithNameSpace("nobody' OR '1'='1"), "3"},
		"other dimension":      {vectorstores.WithEmbedder(small), "0"},
	} {
		if got := found(c.option); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}

	for name, metadata := range map[string]map[string]any{
		"number": {"id": int64(1<<53 + 1)}, "bytes": {"id": "x\xff"}, "NUL": {"id": "x\x00", "lang": "de"},
	} {
		if _, err := store.AddDocuments(t.Context(), []schema.Document{{PageContent: name, Metadata: metadata}}); err != nil {
			t.Fatal(name, err)
		}
	}
	docs, err := store.SimilaritySearch(t.Context(), "river", 99)
	ids := make(map[string]any)
	for _, d := range docs {
		ids[d.PageContent] = d.Metadata["id"]
	}
	if err != nil || ids["number"] != float64(1<<53) || ids["bytes"] != "x\ufffd" || ids["NUL"] != "x\x00" {
		t.Errorf("%v, %v", ids, err)
	}
	if got := found(vectorstores.WithFilters(map[string]any{"lang": "en"})); !strings.Contains(got, "22P05") {
		t.Errorf("NUL in the metadata of a document, and a filter: %s", got)
	}
	// The number is refused as an id: it may have been another one.
	s, err := langchain.New(store, langchain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var bad *langchain.DocumentError
	if res, err := s.Retrieve(t.Context(), retriever.Query{Text: "number", K: 99}); !errors.As(err, &bad) || !errors.Is(err, langchain.ErrID) || !strings.Contains(err.Error(), "2^53") {
		t.Errorf("%+v, %v", res, err)
	}
	// A document that is added again does not take the place of the first.
	if _, err := store.AddDocuments(t.Context(), pgDocuments[:1]); err != nil {
		t.Fatal(err)
	}
	if res, err := s.Retrieve(t.Context(), retriever.Query{Text: "river", K: 2}); !errors.As(err, &bad) || !errors.Is(err, langchain.ErrID) || !strings.Contains(err.Error(), "that of document 1, too") {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestPgvectorOrderOfEqual(t *testing.T) {
	var docs []schema.Document
	for i := range 20 {
		docs = append(docs, schema.Document{PageContent: "the same river", Metadata: map[string]any{"id": i}})
	}
	store := pgCollection(t, postgres(t), "docs", spelling(t, docs), docs)
	firsts := make(map[any]bool)
	for k := 1; k <= len(docs); k++ {
		found, err := store.SimilaritySearch(t.Context(), "river", k)
		if err != nil || len(found) != k {
			t.Fatalf("%d of %d, %v", len(found), k, err)
		}
		firsts[found[0].Metadata["id"]] = true
	}
	if len(firsts) == 1 {
		t.Error("the first of equal documents is the same for each K")
	}
}

// Even where PostgreSQL would rather use an index than read the table, it cannot.
func TestPgvectorIndexIsNotUsed(t *testing.T) {
	conn, err := pgx.ConnectConfig(t.Context(), postgres(t).Config().ConnConfig) // its counts are reported when it is asked to
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	e := spelling(t, pgDocuments)
	store, err := pgvector.New(t.Context(), pgvector.WithConn(conn), pgvector.WithEmbedder(e), pgvector.WithVectorDimensions(e.Dim()), pgvector.WithHNSWIndex(16, 64, "vector_cosine_ops"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.AddDocuments(t.Context(), pgDocuments); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SET enable_seqscan = off"); err != nil {
		t.Fatal(err)
	}
	used := func() (n int) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), "SELECT pg_stat_force_next_flush()"); err != nil {
			t.Fatal(err)
		}
		if err := conn.QueryRow(t.Context(), "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelid = 'langchain_pg_embedding_embedding_hnsw'::regclass").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for range 3 {
		if docs, err := store.SimilaritySearch(t.Context(), "river", 1); err != nil || len(docs) != 1 {
			t.Fatal(docs, err)
		}
	}
	if n := used(); n != 0 {
		t.Errorf("3 searches used the index %d times", n)
	}
	if _, err := conn.Exec(t.Context(), "SELECT document FROM langchain_pg_embedding ORDER BY embedding <=> (SELECT embedding FROM langchain_pg_embedding LIMIT 1) LIMIT 1"); err != nil {
		t.Fatal(err)
	}
	if n := used(); n != 1 { // so that the count is known to be right
		t.Errorf("a search that can use the index used it %d times", n)
	}
}
