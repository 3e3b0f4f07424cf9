package hnsw

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// saved returns an index with some deletions, and the file it was saved to.
func saved(t testing.TB, storage Storage, n int) (x *Index[int], path string, queries [][]float32) {
	const dim = 20
	vectors := clustered(rand.New(rand.NewPCG(1, 2)), n+50, dim)
	x, err := New[int](dim, Options{Metric: SquaredL2, M: 5, EfConstruction: 50, Ef: 8, Storage: storage, Seed: 3, Workers: 1})
	must(t, err)
	must(t, x.Add(t.Context(), items(vectors[:n])))
	must(t, x.Delete(3, 4, 5))
	path = filepath.Join(t.TempDir(), "index")
	must(t, x.Save(t.Context(), path))
	return x, path, vectors[n:]
}

// equalResults checks that two indexes give the same results, bit for bit.
func equalResults[K comparable](t *testing.T, a, b Searcher[K], queries [][]float32) {
	t.Helper()
	for _, v := range queries {
		for _, q := range []Query[K]{{K: 3}, {K: 10, Ef: 40}, {K: 2000}} {
			want, err := a.Search(t.Context(), nil, v, q)
			must(t, err)
			got, err := b.Search(t.Context(), nil, v, q)
			must(t, err)
			if !slices.Equal(got, want) {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	for _, storage := range []Storage{Int8, Float32, Int8Only}[:testsize.Raced(1, 3)] {
		t.Run(fmt.Sprint(storage), func(t *testing.T) {
			x, path, queries := saved(t, storage, 1200)
			queries = queries[:testsize.Raced(10, len(queries))]
			loaded, err := Load[int](t.Context(), path)
			must(t, err)
			opened, err := Open[int](path)
			must(t, err)
			equalResults(t, x, loaded, queries)
			equalResults(t, x, opened, queries)
			o := x.Options()
			o.Workers = runtime.GOMAXPROCS(0)
			if loaded.Options() != o || opened.Options() != o {
				t.Errorf("options are %+v and %+v: want %+v", loaded.Options(), opened.Options(), o)
			}
			must(t, opened.Verify(t.Context()))
			// They also continue alike.
			vectors := uniform(rand.New(rand.NewPCG(4, 5)), 300, 20)
			loaded.o.Workers, opened.o.Workers = 1, 1
			for _, y := range []*Index[int]{x, loaded, opened} {
				must(t, y.Add(t.Context(), items(vectors)))
				must(t, y.Delete(10, 11, 12))
				checkInvariants(t, y, 1)
			}
			equalResults(t, x, loaded, queries)
			equalResults(t, x, opened, queries)
			// A file can be saved over the open one, and saving again gives the
			// same.
			if runtime.GOOS != "windows" {
				must(t, opened.Save(t.Context(), path))
				must(t, x.Save(t.Context(), path+"2"))
				a, err := os.ReadFile(path)
				must(t, err)
				b, err := os.ReadFile(path + "2")
				must(t, err)
				if !bytes.Equal(a, b) {
					t.Error("the mapped index and the first were saved differently")
				}
			}
			must(t, opened.Close())
			must(t, opened.Close())
			for name, err := range map[string]error{
				"search": func() error { _, err := opened.Search(t.Context(), nil, queries[0], Query[int]{K: 1}); return err }(),
				"add":    opened.Add(t.Context(), items(vectors)),
				"delete": opened.Delete(20),
				"save":   opened.Save(t.Context(), path),
				"verify": opened.Verify(t.Context()),
				"select": func() error { _, err := opened.Select(func(int) bool { return true }); return err }(),
			} {
				if !errors.Is(err, ErrClosed) {
					t.Errorf("%s after Close gave %v: want ErrClosed", name, err)
				}
			}
		})
	}
}

// A file that was closed before any read is not read any more.
func TestCloseUnread(t *testing.T) {
	_, path, queries := saved(t, Float32, 300)
	x, err := Open[int](path)
	must(t, err)
	must(t, x.Close())
	if _, err := x.Select(func(int) bool { return true }); !errors.Is(err, ErrClosed) {
		t.Errorf("Select gave %v: want ErrClosed", err)
	}
	if _, err := x.Search(t.Context(), nil, queries[0], Query[int]{K: 1}); !errors.Is(err, ErrClosed) {
		t.Errorf("a search gave %v: want ErrClosed", err)
	}
	x.Stats()
}

func TestSaveEmpty(t *testing.T) {
	x, err := New[string](5, Options{})
	must(t, err)
	path := filepath.Join(t.TempDir(), "index")
	must(t, x.Save(t.Context(), path))
	for _, read := range []func() (*Index[string], error){
		func() (*Index[string], error) { return Load[string](t.Context(), path) },
		func() (*Index[string], error) { return Open[string](path) },
	} {
		y, err := read()
		must(t, err)
		if _, err := y.Search(t.Context(), nil, make([]float32, 5), Query[string]{K: 1}); !errors.Is(err, ErrZeroVector) {
			t.Errorf("got %v", err)
		}
		must(t, y.Add(t.Context(), []Item[string]{{"a", []float32{1, 2, 3, 4, 5}}}))
		got, err := y.Search(t.Context(), nil, []float32{1, 2, 3, 4, 5}, Query[string]{K: 1})
		must(t, err)
		if got[0].Key != "a" {
			t.Errorf("got %v", got)
		}
		must(t, y.Close())
	}
}

// Deleted vectors are not in a file.
func TestDeletedIsNotSaved(t *testing.T) {
	secret := []float32{0.123456, 0.654321, 0.777777}
	var mark []byte
	for _, f := range secret {
		mark, _ = binary.Append(mark, binary.LittleEndian, f)
	}
	x, err := New[string](3, Options{Metric: SquaredL2})
	must(t, err)
	must(t, x.Add(t.Context(), []Item[string]{{"public", []float32{1, 2, 3}}, {"top secret", secret}}))
	path := filepath.Join(t.TempDir(), "index")
	in := func() (vector, key bool) {
		must(t, x.Save(t.Context(), path))
		data, err := os.ReadFile(path)
		must(t, err)
		return bytes.Contains(data, mark), bytes.Contains(data, []byte("top secret"))
	}
	if vector, key := in(); !vector || !key {
		t.Fatal("the test does not see what is saved")
	}
	must(t, x.Delete("top secret"))
	if vector, key := in(); vector || key {
		t.Errorf("the deleted vector is in the file: %v; its key: %v", vector, key)
	}
}

type point struct{ x, y int16 }

func (p point) MarshalBinary() ([]byte, error) { return []byte(fmt.Sprint(p.x, ",", p.y)), nil }
func (p *point) UnmarshalBinary(data []byte) error {
	_, err := fmt.Sscanf(string(data), "%d,%d", &p.x, &p.y)
	return err
}

func TestKeyTypes(t *testing.T) {
	keysRoundTrip(t, []int8{-128, 0, 127})
	keysRoundTrip(t, []uint64{0, 1 << 63, 1<<64 - 1})
	keysRoundTrip(t, []string{"", "two words", "\x00\xff"})
	keysRoundTrip(t, [][16]byte{{1}, {2}, {15: 3}})
	keysRoundTrip(t, []point{{1, 2}, {-3, 4}, {}})
	type named string
	keysRoundTrip(t, []named{"a", "b", "c"})

	path := filepath.Join(t.TempDir(), "index")
	x, err := New[any](2, Options{})
	must(t, err)
	if err := x.Save(t.Context(), path); !errors.Is(err, ErrKeyType) {
		t.Errorf("saving keys of type any gave %v: want ErrKeyType", err)
	}
	y, err := New[int](2, Options{})
	must(t, err)
	must(t, y.Add(t.Context(), []Item[int]{{1000, []float32{1, 2}}}))
	must(t, y.Save(t.Context(), path))
	if _, err := Load[string](t.Context(), path); !errors.Is(err, ErrKeyType) {
		t.Errorf("loading integers as strings gave %v: want ErrKeyType", err)
	}
	if _, err := Load[int8](t.Context(), path); !errors.Is(err, ErrKeyType) {
		t.Errorf("loading 1000 as an int8 gave %v: want ErrKeyType", err)
	}
	z, err := Open[string](path)
	must(t, err)
	if _, err := z.Search(t.Context(), nil, []float32{1, 2}, Query[string]{K: 1}); !errors.Is(err, ErrKeyType) {
		t.Errorf("opening integers as strings, a search gave %v: want ErrKeyType", err)
	}
	must(t, z.Close())
}

// Keys that a file would give back as others are rejected by Save.
func TestKeysThatChange(t *testing.T) {
	x, err := New[time.Time](2, Options{})
	must(t, err)
	path := filepath.Join(t.TempDir(), "index")
	now := time.Now() // with a monotonic clock reading, which is not marshaled
	must(t, x.Add(t.Context(), []Item[time.Time]{{now, []float32{1, 2}}, {now.Round(0), []float32{2, 1}}}))
	if err := x.Save(t.Context(), path); !errors.Is(err, ErrKeyType) {
		t.Errorf("two keys that are marshalled alike gave %v: want ErrKeyType", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 0 {
		t.Errorf("%d files are left, %v: want none", len(entries), err)
	}
	must(t, x.Delete(now))
	must(t, x.Save(t.Context(), path))
	y, err := Load[time.Time](t.Context(), path)
	must(t, err)
	must(t, y.Delete(now.Round(0)))
}

func keysRoundTrip[K comparable](t *testing.T, keys []K) {
	t.Helper()
	x, err := New[K](3, Options{})
	must(t, err)
	var list []Item[K]
	for i, key := range keys {
		list = append(list, Item[K]{key, []float32{float32(i), 1, 2}})
	}
	must(t, x.Add(t.Context(), list))
	path := filepath.Join(t.TempDir(), "index")
	must(t, x.Save(t.Context(), path))
	y, err := Load[K](t.Context(), path)
	must(t, err)
	z, err := Open[K](path)
	must(t, err)
	equalResults(t, x, y, [][]float32{{1, 1, 1}, {0, 1, 2}})
	equalResults(t, x, z, [][]float32{{1, 1, 1}, {0, 1, 2}})
	must(t, z.Delete(keys[1]))
	must(t, z.Close())
}

// useFile loads and opens a file, and searches, verifies and changes the result. It
// returns the errors of both ways.
func useFile(t testing.TB, path string) (loading, mapping error) {
	t.Helper()
	query := make([]float32, 20)
	query[0] = 1
	use := func(x *Index[int], err error) error {
		if err != nil {
			return err
		}
		defer func() { must(t, x.Close()) }()
		if len(query) != x.Dim() {
			query = make([]float32, x.Dim())
			query[0] = 1
		}
		for _, q := range []Query[int]{{K: 5}, {K: 5, Ef: 5000}, {K: 5, Where: func(key int) bool { return key%2 == 0 }}} {
			if _, err := x.Search(t.Context(), nil, query, q); err != nil && !errors.Is(err, ErrEmpty) {
				return err
			}
		}
		if err := x.Verify(t.Context()); err != nil {
			return err
		}
		return x.Add(t.Context(), []Item[int]{{1, query}, {1 << 40, query}})
	}
	x, err := Load[int](t.Context(), path)
	loading = use(x, err)
	y, err := Open[int](path)
	return loading, use(y, err)
}

// Every truncation and every flipped bit is found, with a typed error.
func TestDamagedFiles(t *testing.T) {
	_, path, _ := saved(t, Int8, 1100)
	good, err := os.ReadFile(path)
	must(t, err)
	if loading, mapping := useFile(t, path); loading != nil || mapping != nil {
		t.Fatalf("the file that was saved gives %v, %v", loading, mapping)
	}
	r := rand.New(rand.NewPCG(6, 7))
	typed := func(err error) bool {
		return errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNotIndex) || errors.Is(err, ErrVersion)
	}
	try := func(what string, data []byte) {
		t.Helper()
		must(t, os.WriteFile(path, data, 0o600))
		if loading, mapping := useFile(t, path); !typed(loading) || !typed(mapping) {
			t.Fatalf("%s: loading gave %v, mapping %v: want typed errors", what, loading, mapping)
		}
	}
	for _, n := range []int{0, 1, 7, 8, 100, pageSize - 1, pageSize, pageSize + 1, len(good) / 2, len(good) - 1} {
		try(fmt.Sprintf("truncated to %d bytes", n), good[:n])
	}
	try("a byte longer", append(slices.Clone(good), 0))
	h, err := readHeader(good[:pageSize], int64(len(good)))
	must(t, err)
	padding := func(at int) bool { // between sections, where nothing is read
		for _, s := range h.Sections {
			if uint64(at) >= s.Offset && uint64(at) < s.Offset+s.Size {
				return false
			}
		}
		return at >= pageSize && uint64(at) < h.Sums.Offset
	}
	for range testsize.Raced(50, 150) {
		at := r.IntN(len(good))
		if r.IntN(3) == 0 {
			at = r.IntN(pageSize)
		}
		if padding(at) {
			continue
		}
		bad := slices.Clone(good)
		bad[at] ^= 1 << r.IntN(8)
		try(fmt.Sprintf("bit flipped at %d", at), bad)
	}
	try("another file", []byte("this is no index, but it is longer than eight bytes"))
	newer := slices.Clone(good)
	binary.LittleEndian.PutUint32(newer[8:], fileVersion+1)
	binary.LittleEndian.PutUint32(newer[pageSize-4:], crc32.Checksum(newer[:pageSize-4], castagnoli))
	must(t, os.WriteFile(path, newer, 0o600))
	if loading, mapping := useFile(t, path); !errors.Is(loading, ErrVersion) || !errors.Is(mapping, ErrVersion) {
		t.Errorf("a newer file gave %v, %v: want ErrVersion", loading, mapping)
	}
}

// A failed save leaves the old file unchanged, and no other file.
func TestFailedSave(t *testing.T) {
	x, path, _ := saved(t, Float32, 300)
	before, err := os.ReadFile(path)
	must(t, err)
	must(t, x.Delete(7))
	if err := x.Save(&cancelAfter{Context: t.Context(), n: 2}, path); !errors.Is(err, context.Canceled) {
		t.Fatalf("a canceled save gave %v", err)
	}
	after, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("%d files are left, %v: want one", len(entries), err)
	}
	if err := x.Save(t.Context(), filepath.Join(path, "below", "a", "file")); err == nil {
		t.Error("saving where there is no directory succeeded")
	}
}

// A file keeps its permissions, and a symbolic link its place.
func TestSaveInPlace(t *testing.T) {
	x, path, _ := saved(t, Float32, 100)
	mode := func() os.FileMode {
		info, err := os.Stat(path)
		must(t, err)
		return info.Mode().Perm()
	}
	if got := mode(); got&0o444 != 0o444 {
		t.Errorf("a new file has the mode %v: want one that all may read", got)
	}
	must(t, os.Chmod(path, 0o600))
	if want := mode(); want != 0o666 { // as it is on Windows
		must(t, x.Save(t.Context(), path))
		if got := mode(); got != want {
			t.Errorf("the mode is %v: it was %v", got, want)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Logf("no symbolic links here: %v", err)
		return
	}
	must(t, x.Delete(7))
	must(t, x.Save(t.Context(), link))
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info, err)
	}
	y, err := Load[int](t.Context(), path)
	must(t, err)
	if y.Len() != x.Len() {
		t.Errorf("%d vectors are where the link leads: want %d", y.Len(), x.Len())
	}
}

// Opening reads only the header and the checksums: damage in the rows is found when
// a search reads them.
func TestOpenReadsLittle(t *testing.T) {
	_, path, queries := saved(t, Float32, 2500)
	data, err := os.ReadFile(path)
	must(t, err)
	h, err := readHeader(data[:pageSize], int64(len(data)))
	must(t, err)
	for sec, s := range h.Sections {
		if s.Size == 0 || sec == secFit {
			continue
		}
		bad := slices.Clone(data)
		bad[s.Offset+s.Size-1] ^= 0x80 // in the last block
		must(t, os.WriteFile(path, bad, 0o600))
		x, err := Open[int](path)
		if err != nil {
			t.Fatalf("section %d: opening gave %v: want the damage to be found later", sec, err)
		}
		if err := x.Verify(t.Context()); !errors.Is(err, ErrCorrupt) {
			t.Errorf("section %d: Verify gave %v: want ErrCorrupt", sec, err)
		}
		for _, q := range queries {
			// All rows, then along the links.
			if _, err = x.Search(t.Context(), nil, q, Query[int]{K: 2500}); err != nil {
				break
			}
			if _, err = x.Search(t.Context(), nil, q, Query[int]{K: 60}); err != nil {
				break
			}
		}
		if sec != secInlet && sec != secUpper && sec != secTower && !errors.Is(err, ErrCorrupt) {
			t.Errorf("section %d: searching everything gave %v: want ErrCorrupt", sec, err)
		}
		must(t, x.Close())
	}
}

// For any content of a file, reading it gives an error or a usable index, and takes
// memory in proportion to the file.
func FuzzFile(f *testing.F) {
	for _, storage := range []Storage{Float32, Int8, Int8Only} {
		_, path, _ := saved(f, storage, 60)
		data, err := os.ReadFile(path)
		must(f, err)
		f.Add(data, uint32(0), uint32(0), false)
		f.Add(data, uint32(pageSize+5), uint32(77), true)
		f.Add(data, uint32(30), uint32(1<<31), true)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, at, value uint32, seal bool) {
		data = slices.Clone(data)
		if int(at)+4 <= len(data) {
			binary.LittleEndian.PutUint32(data[at:], value)
		}
		if seal {
			sealFile(data)
		}
		path := filepath.Join(dir, fmt.Sprint(os.Getpid()))
		must(t, os.WriteFile(path, data, 0o600))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Load[int](t.Context(), path)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 4*uint64(len(data))+1<<20 {
			t.Errorf("loading %d bytes took %d: %v", len(data), got, err)
		}
		useFile(t, path)
	})
}

// sealFile corrects the checksums of a file, so that later checks are reached.
func sealFile(data []byte) {
	if len(data) < pageSize {
		return
	}
	h := new(header)
	if _, err := binary.Decode(data, binary.LittleEndian, h); err != nil {
		return
	}
	size := uint64(len(data))
	block := uint64(0)
	for _, s := range h.Sections {
		for at := uint64(0); at < s.Size && s.Offset < size && s.Offset+at < size; at += blockSize {
			part := data[s.Offset+at : min(s.Offset+min(at+blockSize, s.Size), size)]
			if to := h.Sums.Offset + 4*block; to+4 <= size && to >= pageSize {
				binary.LittleEndian.PutUint32(data[to:], crc32.Checksum(part, castagnoli))
			}
			block++
		}
	}
	if h.Sums.Offset <= size && h.Sums.Size <= size-h.Sums.Offset {
		h.SumsSum = crc32.Checksum(data[h.Sums.Offset:h.Sums.Offset+h.Sums.Size], castagnoli)
		if page, err := h.marshal(); err == nil {
			copy(data, page)
		}
	}
}

// SaveCodes leaves out only the rows: the results are those of the codes.
func TestSaveCodes(t *testing.T) {
	const n, dim = 2000, 24
	r := rand.New(rand.NewPCG(1, 1))
	vectors := make([]Item[uint64], n)
	for i := range vectors {
		v := make([]float32, dim)
		for j := range v {
			v[j] = float32(r.NormFloat64())
		}
		vectors[i] = Item[uint64]{uint64(i), v}
	}
	for _, metric := range []Metric{Cosine, InnerProduct, SquaredL2} {
		x, err := New[uint64](dim, Options{Storage: Int8, Workers: 1, Metric: metric})
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Add(t.Context(), vectors); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "codes")
		if err := x.SaveCodes(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() > n*(2*dim+8*16+60) {
			t.Errorf("%v: %d bytes, error %v", metric, info.Size(), err)
		}
		back, err := Open[uint64](path)
		if err != nil {
			t.Fatal(err)
		}
		defer back.Close()
		if back.Len() != n || back.Options().Storage != Int8Only {
			t.Errorf("%v: %d vectors of storage %v", metric, back.Len(), back.Options().Storage)
		}
		found := 0
		for i := range 100 {
			q := vectors[i*7].Vector
			want, err := x.Search(t.Context(), nil, q, Query[uint64]{K: 10, Ef: 200})
			if err != nil {
				t.Fatal(err)
			}
			got, err := back.Search(t.Context(), nil, q, Query[uint64]{K: 10, Ef: 200})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range want {
				if slices.ContainsFunc(got, func(g Neighbor[uint64]) bool { return g.Key == w.Key }) {
					found++
				}
			}
		}
		if found < 950 {
			t.Errorf("%v: %d of 1000 found by codes alone", metric, found)
		}
		if err := back.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
