package feature

import (
	"strings"
	"testing"
)

func TestStem(t *testing.T) {
	for _, same := range []string{
		"release releases released releasing", "stop stops stopped stopping", "city cities", "fall falls falling",
		"create created creating creation", "class classes", "box boxes", "sing sings", "pass passes passed",
	} {
		forms := strings.Fields(same)
		for _, f := range forms[1:] {
			if Stem(f) != Stem(forms[0]) {
				t.Errorf("%q has the stem %q, %q has %q", f, Stem(f), forms[0], Stem(forms[0]))
			}
		}
	}
	for _, different := range []string{"bus but", "king k", "red r", "nation nat", "1990s 1990", "his hi", "ring r"} {
		w := strings.Fields(different)
		if Stem(w[0]) == Stem(w[1]) {
			t.Errorf("%q and %q have the same stem", w[0], w[1])
		}
	}
}
