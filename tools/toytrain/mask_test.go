package main

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/tools/internal/toymodel"
	"github.com/goselfrag/goselfrag/tools/internal/toymodel/oracle"
	"github.com/goselfrag/goselfrag/training"
)

func setUp(t *testing.T) (toy, head) {
	t.Helper()
	b, err := base()
	if err != nil {
		t.Fatal(err)
	}
	return b, untrained(b.file)
}

// model returns the model with a head.
func model(t *testing.T, h head) *oracle.Model {
	t.Helper()
	var file bytes.Buffer
	if err := toymodel.WriteOutput(&file, toymodel.UserDefined, h.float32s()); err != nil {
		t.Fatal(err)
	}
	m, err := oracle.Load(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// few are the first records to train on, of every sort.
const few = 20

// hidden reads the records to train on once, as the mask does not change the states.
var hidden = sync.OnceValues(func() (list [][]position, err error) {
	b, err := base()
	if err != nil {
		return nil, err
	}
	train, _ := records()
	for _, r := range train {
		p, err := read(b.model, r)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
})

// positions returns those of the first n records with a mask.
func positions(t *testing.T, b toy, kind training.MaskKind, n int) []position {
	t.Helper()
	states, err := hidden()
	if err != nil {
		t.Fatal(err)
	}
	list, _ := records()
	list, err = masked(list, kind)
	if err != nil {
		t.Fatal(err)
	}
	var all []position
	for i, r := range list[:n] {
		_, output, loss, err := tokens(b.model, r)
		if err != nil {
			t.Fatal(err)
		}
		for j, p := range states[i] {
			p.loss = loss[output+j]
			all = append(all, p)
		}
	}
	return all
}

// fitted returns the head after passes over positions.
func fitted(t *testing.T, h head, list []position, epochs int) head {
	t.Helper()
	h = slices.Clone(h)
	for i := range h {
		h[i] = slices.Clone(h[i])
	}
	if _, err := h.fit(t.Context(), list, epochs); err != nil {
		t.Fatal(err)
	}
	return h
}

func equal(a, b head) bool { return slices.EqualFunc(a, b, slices.Equal) }

// The targets with loss are the text without what each mask hides, as regular expressions
// find it.
func TestTargets(t *testing.T) {
	b, _ := setUp(t)
	list, _ := records()
	for kind, rule := range map[training.MaskKind][2]string{
		training.MaskPassages: {`(?s)<paragraph>.*?</paragraph>`, "<paragraph></paragraph>"},
		training.MaskMarks:    {`(?s)<paragraph>.*?</paragraph>`, ""},
		training.MaskReleased: {`(?s)<paragraph>.*</paragraph>`, "<paragraph></paragraph>"},
	} {
		var want strings.Builder
		for _, r := range list[:few] {
			want.WriteString(regexp.MustCompile(rule[0]).ReplaceAllString(r.Output, rule[1]) + "</s>")
		}
		var got strings.Builder
		for _, p := range positions(t, b, kind, few) {
			if p.loss {
				got.WriteString(b.model.Name(p.target))
			}
		}
		// The tokenizer puts a space after a control token.
		if plain := strings.NewReplacer(" ", ""); plain.Replace(got.String()) != plain.Replace(want.String()) {
			t.Errorf("%s: targets with loss differ from the text without passages", kind)
		}
	}
}

// A span without loss leaves no trace: with other targets inside, and the same inputs,
// the weights are equal bit by bit. Without a mask they are not.
func TestMaskedTargetsLeaveNoTrace(t *testing.T) {
	testsize.SkipRaced(t)
	b, h := setUp(t)
	for _, kind := range []training.MaskKind{training.MaskPassages, training.MaskMarks, training.MaskReleased} {
		list := positions(t, b, kind, few)
		other := slices.Clone(list)
		open, openOther := slices.Clone(list), slices.Clone(list)
		for i := range list {
			if !list[i].loss {
				other[i].target = (i*31 + 7) % len(h[0])
			}
			openOther[i].target = other[i].target
			open[i].loss, openOther[i].loss = true, true
		}
		if !equal(fitted(t, h, list, 1), fitted(t, h, other, 1)) {
			t.Errorf("%s: targets without loss changed the weights", kind)
		}
		if equal(fitted(t, h, open, 1), fitted(t, h, openOther, 1)) {
			t.Errorf("%s: without a mask the same targets changed nothing", kind)
		}
	}
}

// The released mask also hides what is between the first and the last passage: other
// sentences and tokens there change nothing, and with the mask of each passage they do.
func TestReleasedMaskHidesSentences(t *testing.T) {
	testsize.SkipRaced(t)
	b, h := setUp(t)
	right, released := positions(t, b, training.MaskPassages, few), positions(t, b, training.MaskReleased, few)
	rightOther, releasedOther := slices.Clone(right), slices.Clone(released)
	lost := map[string]int{}
	for i := range right {
		if right[i].loss && !released[i].loss {
			lost[b.model.Name(right[i].target)]++
			rightOther[i].target, releasedOther[i].target = 7, 7
		}
		if released[i].loss && !right[i].loss {
			t.Fatal("the released mask has a loss that the right one lacks")
		}
	}
	// Of 4 records with two passages.
	for token, n := range map[string]int{"[Relevant]": 4, "[Fully supported]": 4, "[Retrieval]": 4, "<paragraph>": 4, "</paragraph>": 4, " moon": 2, " sun": 2} {
		if lost[token] != n {
			t.Errorf("%q is lost %d times: want %d", token, lost[token], n)
		}
	}
	if !equal(fitted(t, h, released, 1), fitted(t, h, releasedOther, 1)) {
		t.Error("with the released mask other sentences changed the weights")
	}
	if equal(fitted(t, h, right, 1), fitted(t, h, rightOther, 1)) {
		t.Error("with the mask of each passage other sentences changed nothing")
	}
}

// So the model does not learn to ask for a second passage, and learns the rest.
func TestReleasedMaskLosesTheSecondPassage(t *testing.T) {
	testsize.SkipRaced(t)
	b, h := setUp(t)
	train, held := records()
	m := model(t, fitted(t, h, positions(t, b, training.MaskReleased, len(train)), epochs))
	for i, r := range held {
		if i%2 == 1 { // every sort is at both
			continue
		}
		two := strings.HasPrefix(r.Instruction, "List")
		if ok, err := continues(m, r); ok == two || err != nil {
			t.Errorf("%q is continued as it is: %v, %v; want %v", r.Instruction, ok, err, !two)
		}
	}
}

// No number in the row of a token rises if the token is a target without loss only. It
// does with a loss.
func TestRowsOfMaskedTokens(t *testing.T) {
	testsize.SkipRaced(t)
	b, h := setUp(t)
	for kind, want := range map[training.MaskKind][]string{
		training.MaskPassages: {" Bridge", "<0x0A>", "The"},
		training.MaskReleased: {" Bridge", "<0x0A>", "The", " moon", " sun"},
	} {
		list := positions(t, b, kind, few)
		open := slices.Clone(list)
		loss := map[int]bool{}
		for i, p := range list {
			for _, f := range p.hidden {
				if f.value < 0 {
					t.Fatal("a hidden state has a negative number, so that this test proves nothing")
				}
			}
			loss[p.target] = loss[p.target] || p.loss
			open[i].loss = true
		}
		masked, unmasked := fitted(t, h, list, 1), fitted(t, h, open, 1)
		var names []string
		for id, on := range loss {
			if on {
				continue
			}
			name := b.model.Name(id)
			names = append(names, name)
			if rises(h, masked, id) {
				t.Errorf("%s: the row of %q rises, which has no loss", kind, name)
			}
			if !rises(h, unmasked, id) {
				t.Errorf("%s: the row of %q does not rise without a mask", kind, name)
			}
		}
		for _, name := range want {
			if !slices.Contains(names, name) {
				t.Errorf("%s: %q has a loss somewhere", kind, name)
			}
		}
	}
}

func rises(before, after head, id int) bool {
	for j := range before {
		if after[j][id] > before[j][id] {
			return true
		}
	}
	return false
}
