package helptext

import (
	"strings"
	"testing"
)

func TestItem(t *testing.T) {
	long := strings.Repeat("word ", 20)
	for name, c := range map[string]struct {
		indent     int
		name, text string
		want       string
	}{
		"fits":      {8, "k", "passages", "  k     passages\n"},
		"breaks":    {8, "k", long, "  k     " + strings.TrimSpace(strings.Repeat("word ", 14)) + "\n        " + strings.TrimSpace(strings.Repeat("word ", 6)) + "\n"},
		"paragraph": {0, "", "one\n  two", "one two\n"},
		"long name": {8, "threshold", "text", "  threshold\n        text\n"},
		"no gap":    {8, "limits", "text", "  limits\n        text\n"},
		"long word": {8, "k", strings.Repeat("x", 90), "  k     " + strings.Repeat("x", 90) + "\n"},
		"runes":     {5, "é", strings.Repeat("é", 69) + " ééééé é", "  é  " + strings.Repeat("é", 69) + " ééééé\n     é\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			Item(&b, c.indent, c.name, c.text)
			if b.String() != c.want {
				t.Errorf("got %q, want %q", b.String(), c.want)
			}
		})
	}
}
