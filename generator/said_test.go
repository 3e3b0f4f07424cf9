package generator_test

import (
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
)

func written(text string) generator.Completion {
	return generator.Completion{Steps: []generator.Step{{Text: text}}}
}

func TestSaid(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "",
		"2 > 1":                                 "2 > 1",
		" 2\n":                                  " 2\n",
		"<think>hm</think>2 > 1":                "2 > 1",
		"\n<think>\n1 first?\n</think>\n\n2\n1": "2\n1",
		"<THINKING>x</think>y</thinking>\n2":    "2",
		"<think></think>":                       "",
		"<think>no end":                         "",
		"<think>a</thinking>":                   "",
		"So 1 fits.\n</think>\r\n\r\n2":         "2",
		"So 1 fits.\n  </Think>  \n2":           "2",
		"about <think> marks":                   "about <think> marks",
		"close it with </think> or so":          "close it with </think> or so",
		"<thinker>x</thinker>":                  "<thinker>x</thinker>",
		"<think>a</think>b <think>c</think>":    "b <think>c</think>",
	} {
		if got := written(text).Said(); got != want {
			t.Errorf("%q says %q: want %q", text, got, want)
		}
	}
}

// The result is the end of the reply, and all of it if there is no mark.
func FuzzSaid(f *testing.F) {
	for _, s := range []string{"", "<think>a</think>b", "a\n</think>\nb", "<think>", "</thinking>\r", "<Think>\xff</THINK>\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		said := written(text).Said()
		if !strings.HasSuffix(text, said) {
			t.Fatalf("%q says %q", text, said)
		}
		if said != text && !strings.Contains(strings.ToLower(text), "think") {
			t.Fatalf("%q says %q, and nobody thought", text, said)
		}
	})
}
