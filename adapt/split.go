package adapt

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/retriever"
)

// split says on which side each example is.
type split struct {
	train, stop, test []int
	groups            []string // by example: equal for examples that must be together
	// positives holds, by example of train, the places of the passages to train on.
	positives map[int][]int
	truth     map[int][]string
	dropped   int // positives of train that a held-out example is measured on
}

// newSplit splits examples that have a truth and, in training, positives. Examples that
// share a passage of their truth, or their text, are in one group; whole groups are held
// out, in an order that depends on the seed.
func newSplit(examples []Example, c *corpus, o *Options) (*split, error) {
	s := &split{groups: make([]string, len(examples)), positives: map[int][]int{}, truth: map[int][]string{}}
	members, order := s.group(examples, o)
	if len(order) < 3 {
		return nil, fmt.Errorf("%w: %d questions with passages fall in %d groups that share no passage: want at least 3, and hundreds for a result", ErrData, len(s.truth), len(order))
	}
	held := map[string]bool{} // what held-out questions are measured on
	want := o.HeldOut * float64(len(s.truth)) / 2
	for at, g := range order {
		left := len(order) - at
		switch {
		case float64(len(s.test)) < want && left > 2 || left > 2 && len(s.test) == 0:
			s.test = append(s.test, members[g]...)
		case float64(len(s.stop)) < want && left > 1 || len(s.stop) == 0:
			s.stop = append(s.stop, members[g]...)
		default:
			s.train = append(s.train, members[g]...)
		}
	}
	for _, i := range slices.Concat(s.test, s.stop) {
		for _, id := range examples[i].truth() {
			held[id] = true
		}
	}
	var kept []int
	for _, i := range s.train {
		places, err := c.places(examples[i].ID, o.Positives.of(&examples[i]))
		if err != nil {
			return nil, err
		}
		all := len(places)
		places = slices.DeleteFunc(places, func(at int) bool { return held[c.passages[at].ID] })
		s.dropped += all - len(places)
		if len(places) > 0 || o.marginal {
			s.positives[i] = places
			kept = append(kept, i)
		}
	}
	if s.train = kept; len(kept) == 0 {
		return nil, fmt.Errorf("%w: no question is left to train on with positives %q: want labeled or preferred passages that no held-out question shares", ErrData, o.Positives)
	}
	return s, s.checkDisjoint(examples, c.passages)
}

// group finds the groups and returns their members and their order.
func (s *split) group(examples []Example, o *Options) (members map[string][]int, order []string) {
	parent := map[string]string{}
	var root func(x string) string
	root = func(x string) string {
		if p, ok := parent[x]; ok && p != x {
			parent[x] = root(p)
			return parent[x]
		}
		parent[x] = x
		return x
	}
	join := func(x, y string) {
		if x, y = root(x), root(y); x != y {
			parent[max(x, y)] = min(x, y)
		}
	}
	for i := range examples {
		truth := examples[i].truth()
		if len(truth) == 0 && !(o.marginal && len(examples[i].Answers) > 0) {
			continue
		}
		s.truth[i] = truth
		text := textKey(&examples[i])
		root(text)
		for _, id := range truth {
			join("p"+id, text)
		}
	}
	members = map[string][]int{}
	for i := range examples {
		if _, ok := s.truth[i]; ok {
			s.groups[i] = root(textKey(&examples[i]))
			members[s.groups[i]] = append(members[s.groups[i]], i)
		}
	}
	key := func(g string) uint64 {
		h := fnv.New64a()
		fmt.Fprintf(h, "%d\x00%s", o.Seed, g)
		return mix(h.Sum64())
	}
	for g := range members {
		order = append(order, g)
	}
	slices.SortFunc(order, func(a, b string) int { return cmp.Or(cmp.Compare(key(a), key(b)), cmp.Compare(a, b)) })
	return members, order
}

// textKey is the same for questions that differ only in case and white space.
func textKey(e *Example) string {
	return "q" + strings.ToLower(strings.Join(strings.Fields(e.Question.Question), " "))
}

// mix is the finalizer of splitmix64: FNV alone orders similar texts alike.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// checkDisjoint returns an error if a held-out question has a passage that is trained on.
func (s *split) checkDisjoint(examples []Example, passages []retriever.Passage) error {
	trained := map[string]bool{}
	texts := map[string]bool{}
	for _, i := range s.train {
		texts[examples[i].Question.Question] = true
		for _, at := range s.positives[i] {
			trained[passages[at].ID] = true
		}
	}
	for _, i := range slices.Concat(s.stop, s.test) {
		if texts[examples[i].Question.Question] {
			return fmt.Errorf("%w: question %q is in training and held out", ErrData, examples[i].ID)
		}
		for _, id := range examples[i].truth() {
			if trained[id] {
				return fmt.Errorf("%w: the passage %q of the held-out question %q is trained on", ErrData, id, examples[i].ID)
			}
		}
	}
	return nil
}
