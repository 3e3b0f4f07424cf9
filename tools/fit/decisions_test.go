package main

import (
	"os"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/linear"
)

// shipped returns the model of the decision to retrieve that package extractive has.
func shipped(t *testing.T) *linear.Model {
	t.Helper()
	f, err := os.Open("../../generator/extractive/parameters.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	file, err := linear.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	m, err := file.Model("retrieve", feature.PartingNames(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// decided counts prompts by what the model does with them.
type decided struct {
	questions, chinese, own int
	missed                  int      // prompts with a text of their own that are searched
	unsearched              []string // questions
}

func decide(list []decision, retrieve func(i int) *linear.Model) (d decided) {
	for i, x := range list {
		found := searched(x.text, retrieve(i))
		switch {
		case !x.retrieve:
			d.own++
			d.missed += classOf(found)
		default:
			d.questions++
			d.chinese += classOf(strings.HasSuffix(x.kind, "Chinese"))
			if !found {
				d.unsearched = append(d.unsearched, x.text)
			}
		}
	}
	return d
}

// The shipped model searches for every question written for the project, and for few prompts
// that hold their own text.
func TestDecisions(t *testing.T) {
	list, err := fittedDecisions()
	if err != nil {
		t.Fatal(err)
	}
	m := shipped(t)
	d := decide(list, func(int) *linear.Model { return m })
	if len(d.unsearched) > 0 || d.questions < 2200 || d.chinese < 600 || d.own < 800 || 5*d.missed > d.own {
		t.Errorf("%+v", d)
	}
}

// A model that was not fitted to the prompt is wrong about ten questions. Most of them quote
// something or look like a task.
func TestDecisionsOutOfFold(t *testing.T) {
	list, err := fittedDecisions()
	if err != nil {
		t.Fatal(err)
	}
	const folds = 10
	all := &data{decisions: list}
	var models [folds]*linear.Model
	for k := range models {
		if models[k], err = all.trainRetrieve(all.heldOut(k, folds)); err != nil {
			t.Fatal(err)
		}
	}
	d := decide(list, func(i int) *linear.Model { return models[i%folds] })
	if len(d.unsearched) > 10 || 5*d.missed > d.own {
		t.Errorf("%+v", d)
	}
}

// On prompts that nobody had looked at when the model was fitted, it is wrong about one question
// of 300 and searches for 26 of 100 prompts with a text.
func TestUnseenDecisions(t *testing.T) {
	list, err := readDecisions(unseen)
	if err != nil {
		t.Fatal(err)
	}
	m := shipped(t)
	d := decide(list, func(int) *linear.Model { return m })
	if len(d.unsearched) > 1 || d.missed > 26 || d.questions != 300 || d.own != 100 {
		t.Errorf("%+v", d)
	}
}

func TestReadDecisions(t *testing.T) {
	got, err := readDecisions("# a comment\n# how-to, English\n+ How?\n\n- Fix this: a\\nb\n")
	want := []decision{{"How?", true, "how-to, English"}, {"Fix this: a\nb", false, "how-to, English"}}
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v, %v: want %v", got, err, want)
	}
	if _, err := readDecisions("? What"); err == nil {
		t.Error("a line with another sign was read")
	}
}
