package layered

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// Changes never alter the version that they are made from.
func TestMapAgainstGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			m    Map[int, int]
			want map[int]int
		}
		all := []version{{want: map[int]int{}}}
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			v := all[rapid.IntRange(max(0, len(all)-2), len(all)-1).Draw(t, "of")]
			want := maps.Clone(v.want)
			start, n := rapid.IntRange(0, 3000).Draw(t, "start"), rapid.SampledFrom([]int{0, 1, 2, 100, 300, 2000}).Draw(t, "number")
			if rapid.Bool().Draw(t, "delete") {
				var keys []int
				for k := start; k < start+n; k++ {
					keys = append(keys, k, k)
					delete(want, k)
				}
				v.m = v.m.Without(keys...)
			} else {
				set := map[int]int{}
				for k := start; k < start+n; k++ {
					set[k] = len(all)
				}
				maps.Copy(want, set)
				v.m = v.m.With(maps.All(set))
			}
			all = append(all, version{v.m, want})
		}
		for i, v := range all {
			if got := maps.Collect(v.m.All()); !maps.Equal(got, v.want) || v.m.Len() != len(v.want) {
				t.Fatalf("version %d: %d keys, Len says %d: want %d", i, len(got), v.m.Len(), len(v.want))
			}
			for k := -1; k < 5001; k += 7 {
				got, ok := v.m.Get(k)
				if want, has := v.want[k]; ok != has || ok && got != want {
					t.Fatalf("version %d: %d is %d, %v: want %d, %v", i, k, got, ok, want, has)
				}
			}
		}
	})
}

func BenchmarkWithOne(b *testing.B) {
	var m Map[int, int]
	n := 0
	for b.Loop() {
		m = m.With(maps.All(map[int]int{n: n}))
		n++
	}
}
