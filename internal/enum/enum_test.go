package enum

import (
	"strings"
	"testing"
)

type level uint8

type mode string

func TestNumbers(t *testing.T) {
	n := Numbers[level]{Package: "p", What: "level", Names: []string{"", "low", "high"}}
	for i, name := range n.Names {
		l := level(9)
		if text, err := n.Marshal(level(i)); err != nil || string(text) != name || n.String(level(i)) != name {
			t.Errorf("%d is %q, %v: want %q", i, text, err, name)
		}
		if err := n.Unmarshal([]byte(name), &l); err != nil || l != level(i) {
			t.Errorf("%q is %d, %v: want %d", name, l, err, i)
		}
	}
	if s := n.String(3); s != "level(3)" {
		t.Errorf("3 is %s", s)
	}
	if _, err := n.Marshal(3); err == nil || err.Error() != "p: no level has the number 3: want 0 to 2" {
		t.Errorf("3: %v", err)
	}
	l := level(1)
	if err := n.Unmarshal([]byte("Low"), &l); err == nil || err.Error() != `p: "Low" is not a level: want one of low, high` || l != 1 {
		t.Errorf("Low: %d, %v", l, err)
	}
}

func TestTexts(t *testing.T) {
	e := Texts[mode]{Package: "p", What: "mode", Names: []mode{"auto", "never"}}
	for m, want := range map[mode]string{"": "auto", "auto": "auto", "never": "never"} {
		if text, err := e.Marshal(m); err != nil || string(text) != want {
			t.Errorf("%q is %q, %v: want %q", m, text, err, want)
		}
	}
	if _, err := e.Marshal("x"); err == nil || !strings.Contains(err.Error(), `"x" is not a mode: want one of auto, never`) {
		t.Errorf("x: %v", err)
	}
	m := mode("never")
	if err := e.Unmarshal(nil, &m); err == nil || m != "never" {
		t.Errorf("no text: %q, %v", m, err)
	}
	if err := e.Unmarshal([]byte("auto"), &m); err != nil || m != "auto" {
		t.Errorf("auto: %q, %v", m, err)
	}
}
