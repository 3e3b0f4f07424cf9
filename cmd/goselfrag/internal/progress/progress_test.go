package progress

import (
	"strings"
	"testing"
)

// A log gets no lines of progress.
func TestNoTerminal(t *testing.T) {
	var b strings.Builder
	set, end := Bar(&b, "a")
	for i := range 600 {
		set(i+1, 600)
	}
	end()
	if b.Len() > 0 {
		t.Errorf("%q", b.String())
	}
}

// What is not a terminal shows no line, either.
func TestLine(t *testing.T) {
	var out strings.Builder
	say, end := Line(&out)
	say("half")
	end()
	if out.Len() > 0 {
		t.Errorf("%q", out.String())
	}
}
