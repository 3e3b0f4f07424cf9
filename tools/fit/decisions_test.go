package main

import (
	"strings"
	"testing"
)

// Every question written for the project is searched, and nearly every prompt that holds its
// own text is not.
func TestDecisions(t *testing.T) {
	for name, text := range map[string]string{"decisions.txt": written, "decisions_held.txt": heldOut} {
		list, err := readDecisions(text)
		if err != nil {
			t.Fatal(err)
		}
		own, missed, questions, chinese := 0, 0, 0, 0
		for _, x := range list {
			searched := retrieveRow(x.text)[1] == 0
			switch {
			case x.retrieve:
				questions++
				if strings.HasSuffix(x.kind, "Chinese") {
					chinese++
				}
				if !searched {
					t.Errorf("%s: %q is not searched", name, x.text)
				}
			default:
				own++
				missed += classOf(searched)
			}
		}
		if questions < 520 || chinese < 150 || own < 100 || 20*missed > own {
			t.Errorf("%s: %d questions, %d of them Chinese, and %d prompts with a text, %d of them searched", name, questions, chinese, own, missed)
		}
	}
}

// On prompts that nobody looked at, too, every question is searched; of the others half
// are.
func TestFreshDecisions(t *testing.T) {
	list, err := readDecisions(fresh)
	if err != nil || len(list) != 160 {
		t.Fatalf("%d prompts, %v", len(list), err)
	}
	missed := 0
	for _, x := range list {
		if searched := retrieveRow(x.text)[1] == 0; x.retrieve && !searched {
			t.Errorf("%q is not searched", x.text)
		} else if !x.retrieve && searched {
			missed++
		}
	}
	if missed > 52 {
		t.Errorf("%d of 100 prompts with a text of their own are searched", missed)
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
