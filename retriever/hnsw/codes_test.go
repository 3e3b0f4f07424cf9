package hnsw

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// withOutliers gives three dimensions, and some single components, values that are
// far larger and far off zero.
func withOutliers(r *rand.Rand, n, dim int) [][]float32 {
	vectors := clustered(r, n, dim)
	for _, v := range vectors {
		for j := range 3 {
			v[j*dim/3] = 30*v[j*dim/3] + 50
		}
		for j := range v {
			if r.IntN(1000) == 0 {
				v[j] *= 20
			}
		}
	}
	return vectors
}

// Codes and reranking find nearly what float32 finds, even if a few dimensions are
// far larger than the others.
func TestCodesRecall(t *testing.T) {
	n, queries, dim := 4000, 50, 96
	if testsize.Racing {
		n, queries, dim = 1100, 5, 24
	}
	for name, make := range map[string]func(*rand.Rand, int, int) [][]float32{"clustered": clustered, "outliers": withOutliers} {
		vectors := make(rand.New(rand.NewPCG(1, 2)), n+queries, dim)
		for _, metric := range metrics[:testsize.Raced(1, 3)] {
			flat, err := NewFlat[int](dim, FlatOptions{Metric: metric})
			must(t, err)
			must(t, flat.Add(t.Context(), items(vectors[:n])))
			got := map[Storage]float64{}
			for _, storage := range []Storage{Float32, Int8, Int8Only} {
				x, err := New[int](dim, Options{Metric: metric, Storage: storage, EfConstruction: testsize.Raced(60, 0)})
				must(t, err)
				must(t, x.Add(t.Context(), items(vectors[:n])))
				got[storage] = recall(t, x, flat, vectors[n:], Query[int]{K: 10})
				if dropped := x.view.Load().rows.stride == 0; dropped != (storage == Int8Only) {
					t.Errorf("storage %d: rows were dropped: %v", storage, dropped)
				}
			}
			t.Logf("%s, %s: recall@10 %.4f by float32, %.4f by codes and reranking, %.4f by codes alone", name, metric, got[Float32], got[Int8], got[Int8Only])
			if got[Int8] < got[Float32]-0.02 {
				t.Errorf("%s, %s: codes and reranking lose more than 0.02", name, metric)
			}
			if loss := map[string]float64{"clustered": 0.03, "outliers": 0.25}[name]; got[Int8Only] < got[Float32]-loss {
				t.Errorf("%s, %s: codes alone lose more than %v", name, metric, loss)
			}
		}
	}
}

func TestRotation(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for dim := 1; dim < 200; dim++ {
		spin := newRotation(dim, 5)
		v := uniform(r, 2, dim)
		before := (&model{metric: SquaredL2}).distance(v[0], v[1])
		a, b := append([]float32(nil), v[0]...), append([]float32(nil), v[1]...)
		spin.turn(a)
		spin.turn(b)
		if after := (&model{metric: SquaredL2}).distance(a, b); math.Abs(after-before) > 1e-5*(1+before) {
			t.Fatalf("dimension %d: the distance was %v and is %v", dim, before, after)
		}
		spin.back(a)
		for i := range a {
			if math.Abs(float64(a[i]-v[0][i])) > 1e-5 {
				t.Fatalf("dimension %d: component %d came back as %v: want %v", dim, i, a[i], v[0][i])
			}
		}
	}
}

// The kernel's result for codes equals the float64 result for the decoded rows, and
// the decoded rows are within half a step of the rows.
func TestCodesMeasure(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	for _, metric := range metrics {
		for _, dim := range []int{1, 2, 15, 16, 17, 33, 100, 768} {
			for _, spin := range []*rotation{nil, newRotation(dim, 8)} {
				const n = 50
				rows := withOutliers(r, n, max(dim, 3))
				rng := newRanges(dim)
				buf := make([]float32, dim)
				for i := range rows {
					rows[i] = rows[i][:dim]
					copy(buf, rows[i])
					if spin != nil {
						spin.turn(buf)
					}
					rng.include(buf)
				}
				c := newCodes(rng, spin, metric, 4).grow(n)
				s := &scratch{}
				s.room(n)
				query := make([]float32, (dim+7)/8*8)
				copy(query, rows[0])
				for i, row := range rows {
					c.encode(uint32(i), row, buf)
					s.ids[i] = uint32(i)
				}
				if c.seen.clipped != 0 {
					t.Errorf("%d components were clipped: all are in range", c.seen.clipped)
				}
				x, err := New[int](dim, Options{Metric: metric})
				must(t, err)
				c.aim(s, &x.store.set, metric, query)
				s.measure(&s.batch, n)
				for i := range rows {
					decoded := c.decode(uint32(i), nil)[:dim]
					if spin == nil {
						for j := range decoded {
							if math.Abs(float64(decoded[j]-rows[i][j])) > float64(c.scale[j])*0.51+1e-6*math.Abs(float64(rows[i][j])) {
								t.Fatalf("dimension %d: component %d is %v, decoded %v", dim, j, rows[i][j], decoded[j])
							}
						}
					}
					want := (&model{metric: metric}).distance(query[:dim], decoded)
					if metric == Cosine { // kernels take normalized vectors
						want = (&model{metric: InnerProduct}).distance(query[:dim], decoded)
					}
					var size float64
					for j := range decoded {
						size += math.Abs(float64(query[j])*float64(decoded[j])) + float64(decoded[j])*float64(decoded[j])
					}
					if math.Abs(float64(s.out[i])-want) > 2e-4*(size+1) {
						t.Fatalf("%s, dimension %d, turned %v: row %d is at %v: want %v", metric, dim, spin != nil, i, s.out[i], want)
					}
				}
			}
		}
	}
}

// Vectors unlike those that the codes were fitted to are counted.
func TestClipped(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	x, err := New[int](8, Options{Metric: SquaredL2, Storage: Int8Only})
	must(t, err)
	must(t, x.Add(t.Context(), items(uniform(r, fitAt, 8))))
	if n := x.Stats().Clipped; n != 0 {
		t.Errorf("%d components were clipped: want none", n)
	}
	must(t, x.Add(t.Context(), []Item[int]{{-1, []float32{5, 0, 0, 0, -5, 0, 0, 0}}}))
	if n := x.Stats().Clipped; n != 2 {
		t.Errorf("%d components were clipped: want 2", n)
	}
}
