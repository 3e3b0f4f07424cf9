package scoring

import (
	"cmp"
	"math"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/reflection"
)

func TestPathScore(t *testing.T) {
	tests := []struct {
		name               string
		segments           []float64
		mean, sum, product float64
	}{
		{"17a", []float64{1.75, 1.2}, 1.475, 2.95, 2.1},
		{"17b", []float64{1.6, 1.35}, 1.475, 2.95, 2.16},
		{"17c", []float64{1.75, 0.9, 1.1}, 1.25, 3.75, 1.7325},
		{"17d two bad segments become positive", []float64{-0.4, -0.5}, -0.45, -0.9, 0.2},
		{"one", []float64{0.7}, 0.7, 0.7, 0.7},
		{"empty", nil, 0, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantNear(t, "mean", PathMean.Score(tt.segments), tt.mean, vectorTolerance)
			wantNear(t, "sum", PathSum.Score(tt.segments), tt.sum, vectorTolerance)
			wantNear(t, "product", PathProduct.Score(tt.segments), tt.product, vectorTolerance)
			wantNear(t, "no name", PathScore("9").Score(tt.segments), tt.mean, vectorTolerance)
		})
	}
}

func TestPathBounds(t *testing.T) {
	tests := []struct {
		name string
		path PathScore
		done []float64
		want Interval
	}{
		{"mean", PathMean, []float64{1, 3}, Interval{1, 2}},
		{"sum", PathSum, []float64{1, 3}, Interval{3, 6}},
		{"product", PathProduct, []float64{0.5, 3}, Interval{-1.5, 3}},
		{"product turned round", PathProduct, []float64{-0.5, 3}, Interval{-3, 1.5}},
		{"first segment", PathProduct, nil, Interval{-1, 2}},
		{"first segment of a mean", PathMean, nil, Interval{-1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.path.Bounds(tt.done, Interval{-1, 2}); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestPathBoundsEnclose needs no tolerance: lazy evaluation compares the two.
func TestPathBoundsEnclose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		score := rapid.Float64Range(-3, 3)
		done := rapid.SliceOfN(score, 0, 6).Draw(t, "done")
		ends := rapid.SliceOfN(score, 3, 3).Draw(t, "ends")
		slices.Sort(ends)
		for _, p := range pathScores.Names {
			got := p.Bounds(done, Interval{ends[0], ends[2]})
			path := append(slices.Clone(done), ends[1])
			if s := p.Score(path); !(got.Lo <= s && s <= got.Hi) {
				t.Errorf("%v of %v is %v, outside %+v", p, path, s, got)
			}
			for _, end := range []float64{ends[0], ends[2]} {
				path[len(done)] = end
				if s := p.Score(path); s != got.Lo && s != got.Hi {
					t.Errorf("%v of %v is %v, not an end of %+v", p, path, s, got)
				}
			}
		}
	})
}

// A node is one segment of a replayed search. Numbers are given in order of
// creation; 0 is the root.
type node struct {
	id       int
	segments []float64
	score    float64
	finished bool
}

// segmentScore is a segment in the script of a replay.
type segmentScore struct {
	score    float64
	finished bool
}

// beamSearch is the paper's search in its smallest form: finished paths stay in the
// pool and keep their places, ties go to the lower number. It returns the paths
// that remain after every step, best first.
func beamSearch(p PathScore, width, depth int, script func(parent, step int) []segmentScore) [][]node {
	beam := []node{{}}
	var levels [][]node
	next := 1
	for step := range depth {
		var pool []node
		for _, n := range beam {
			if n.finished {
				pool = append(pool, n)
				continue
			}
			for _, s := range script(n.id, step) {
				child := node{id: next, segments: append(slices.Clone(n.segments), s.score), finished: s.finished}
				child.score = p.Score(child.segments)
				pool = append(pool, child)
				next++
			}
		}
		slices.SortStableFunc(pool, func(a, b node) int {
			return cmp.Or(-cmp.Compare(a.score, b.score), cmp.Compare(a.id, b.id))
		})
		beam = pool[:min(width, len(pool))]
		levels = append(levels, beam)
	}
	return levels
}

// survivor is what the replays compare.
type survivor struct {
	ID    int
	Score float64
}

func survivors(levels [][]node) [][]survivor {
	out := make([][]survivor, len(levels))
	for i, level := range levels {
		for _, n := range level {
			out[i] = append(out[i], survivor{n.id, math.Round(n.score*1e9) / 1e9})
		}
	}
	return out
}

// TestBeamReplay: three passages, the same three judgments at every step, two
// steps, width 2.
func TestBeamReplay(t *testing.T) {
	c := DefaultConfig()
	c.Sequence = SequenceNone
	var step []segmentScore
	for _, relevant := range []float64{0.9, 0.8, 0.3} {
		s := c.Segment(reflection.Critique{
			IsREL: judged(reflection.NewDistribution(reflection.IsREL, 1-relevant, relevant)),
			IsSUP: judged(reflection.NewDistribution(reflection.IsSUP, 0.7, 0.2, 0.1)),
			IsUSE: reflection.Judgment{Status: reflection.StatusAbsent},
		}, reflection.Prob{}, 0)
		step = append(step, segmentScore{score: s.Total.Value})
	}
	for i, want := range []float64{1.7, 1.6, 1.1} {
		wantNear(t, "step score", step[i].score, want, vectorTolerance)
	}
	tests := []struct {
		path PathScore
		want [][]survivor
	}{
		// Nodes 4, 5, 6 come from node 1 and 7, 8, 9 from node 2; 5 and 7 tie.
		{PathProduct, [][]survivor{{{1, 1.7}, {2, 1.6}}, {{4, 2.89}, {5, 2.72}}}},
		{PathMean, [][]survivor{{{1, 1.7}, {2, 1.6}}, {{4, 1.7}, {5, 1.65}}}},
		{PathSum, [][]survivor{{{1, 1.7}, {2, 1.6}}, {{4, 3.4}, {5, 3.3}}}},
	}
	for _, tt := range tests {
		t.Run(string(tt.path), func(t *testing.T) {
			got := beamSearch(tt.path, 2, 2, func(_, _ int) []segmentScore { return step })
			if diff := gocmp.Diff(tt.want, survivors(got)); diff != "" {
				t.Errorf("survivors (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFinishedBeamReplay: after step 1 node 1 is finished with 1.79, nodes 2 and
// 3 tie at 1.30; the children of 2 score 0.85 each.
func TestFinishedBeamReplay(t *testing.T) {
	script := func(parent, _ int) []segmentScore {
		if parent == 0 {
			return []segmentScore{{1.79, true}, {1.30, false}, {1.30, false}}
		}
		return []segmentScore{{0.85, true}, {0.85, true}, {0.85, true}}
	}
	tests := []struct {
		path PathScore
		want [][]survivor
	}{
		{PathProduct, [][]survivor{{{1, 1.79}, {2, 1.3}}, {{1, 1.79}, {4, 1.105}}}},
		{PathMean, [][]survivor{{{1, 1.79}, {2, 1.3}}, {{1, 1.79}, {4, 1.075}}}},
		// A sum favors long paths.
		{PathSum, [][]survivor{{{1, 1.79}, {2, 1.3}}, {{4, 2.15}, {5, 2.15}}}},
	}
	for _, tt := range tests {
		t.Run(string(tt.path), func(t *testing.T) {
			if diff := gocmp.Diff(tt.want, survivors(beamSearch(tt.path, 2, 2, script))); diff != "" {
				t.Errorf("survivors (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEqualScores is vector 16: of two passages with equal scores the first wins.
func TestEqualScores(t *testing.T) {
	c := DefaultConfig()
	cr := reflection.Critique{IsREL: judgedLogs(reflection.IsREL, -2, -0.4), IsSUP: judgedLogs(reflection.IsSUP, -0.3, -1.5, -4)}
	one := segmentScore{score: c.Segment(cr, reflection.ExactLog(-3), 7).Total.Value}
	two := segmentScore{score: c.Segment(cr, reflection.ExactLog(-3), 7).Total.Value}
	if one != two {
		t.Fatalf("the same judgment scored %v and %v", one, two)
	}
	for _, p := range pathScores.Names {
		got := beamSearch(p, 1, 1, func(_, _ int) []segmentScore { return []segmentScore{one, two} })
		if got[0][0].id != 1 {
			t.Errorf("%v: node %d won, want 1", p, got[0][0].id)
		}
	}
}

func TestBelow(t *testing.T) {
	tests := []struct {
		hi, theta float64
		want      bool
	}{
		{0.5, 1, true},
		{1, 1, false}, // a tie
		{1, math.Nextafter(1, 2), false},
		{1 - 0.9e-9, 1, false}, // within the margin
		{1 - 1.1e-9, 1, true},
		{1e12 - 100, 1e12, false}, // the margin grows with large scores
		{-1e12 - 2000, -1e12, true},
		{2, 1, false},
		{0, math.Inf(-1), false}, // there is no such path yet
		{math.NaN(), 1, false},
		{1, math.NaN(), false},
	}
	for _, tt := range tests {
		if got := Below(tt.hi, tt.theta); got != tt.want {
			t.Errorf("Below(%v, %v) is %v", tt.hi, tt.theta, got)
		}
	}
}
