package store

import (
	"context"
	"errors"
	"hash/fnv"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/retriever"
)

func TestMain(m *testing.M) {
	if child := os.Getenv("GOSELFRAG_STORE_CHILD"); child != "" {
		os.Exit(runChild(child))
	}
	goleak.VerifyTestMain(m)
}

// dim is that of the vectors of fake.
const dim = 16

// fake embeds a text as counts of its words, by a hash.
type fake struct {
	seed  byte
	asked atomic.Int64 // texts
	fail  error
}

func (f *fake) vector(text string) []float32 {
	v := make([]float32, dim)
	for _, w := range strings.Fields(strings.ToLower(text)) {
		h := fnv.New32a()
		h.Write([]byte{f.seed})
		h.Write([]byte(strings.Trim(w, ".,;?!")))
		v[h.Sum32()%dim]++
		v[h.Sum32()/dim%dim] += 2
	}
	return v
}

func (f *fake) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	if f.fail != nil {
		return nil, f.fail
	}
	var list [][]float32
	for _, t := range texts {
		list = append(list, f.vector(t))
	}
	f.asked.Add(int64(len(texts)))
	return list, ctx.Err()
}

func (f *fake) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	return f.vector(text), ctx.Err()
}

// small are sizes for which few passages lead to graphs, segments and saved words.
var small = sizes{fit: 40, tail: 8, segment: 1 << 13, save: 20}

func options() Options { return Options{Embedding: Embedding{Name: "fake", Embedder: &fake{}}} }

// openAt opens a store that is closed at the end of the test.
func openAt(t testing.TB, dir string, o Options, sz sizes) *Store {
	t.Helper()
	s, err := open(t.Context(), dir, o, &disk{noSync: true}, sz)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func no(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants fails unless err wraps want.
func wants(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v: want %v", err, want)
	}
}

func idsOf(res retriever.Result) []string {
	var list []string
	for _, h := range res.Hits {
		list = append(list, h.Passage.ID)
	}
	return list
}

// fastDir returns where files need no disk, empty if there is no such place.
func fastDir() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// settle ends the background and does what there is to do.
func settle(t testing.TB, s *Store) {
	t.Helper()
	s.background.stop()
	s.background.ctx = t.Context()
	s.work(t.Context())
}
