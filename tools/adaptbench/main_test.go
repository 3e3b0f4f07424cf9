package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A set in both layouts: half of the words of questions are not those of passages. Every
// signal has its row, and labels win.
func TestRun(t *testing.T) {
	ours := strings.Fields("bolt valve gasket pump rotor bearing flange seal hose filter")
	theirs := strings.Fields("bolzen ventil dichtung pumpe laufrad bearing flange seal hose filter")
	var corpus, questions, pairs strings.Builder
	for i := range ours {
		for j := range ours {
			text, asked, answer := fmt.Sprintf("The %s of the %s has number %d.", ours[i], ours[j], 100*i+j+1000), fmt.Sprintf("number of the %s for the %s?", theirs[i], theirs[j]), 100*i+j+1000
			fmt.Fprintf(&corpus, `{"id":"%d-%d","text":%q}`+"\n", i, j, text)
			fmt.Fprintf(&questions, `{"id":"%d-%d","question":%q,"answers":["%d"],"positive":["%d-%d"]}`+"\n", i, j, asked, answer, i, j)
			fmt.Fprintf(&pairs, `{"id":"%d-%d","question":%q,"long_answer":"%d","passage":{"id":"%d-%d","text":%q}}`+"\n", i, j, asked, answer, i, j, text)
		}
	}
	var out strings.Builder
	args := []string{"-across", "-transfer", "embedded", "-set", "own=" + write(t, "corpus", corpus.String()) + "," + write(t, "questions", questions.String()), "-set", "pairs=" + write(t, "pairs", pairs.String()), "-epochs", "3", "-rank", "16"}
	signals := []string{"labeled", "preferred", "union", "marginal"}[:testsize.Raced(2, 4)]
	args = append(args, "-signals", strings.Join(signals, ","))
	if err := run(t.Context(), args, &out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	wants := []string{"own: 100 passages, 100 questions", "pairs: 100 passages, 100 questions", "kept", "labeled on pairs "}
	for _, s := range signals {
		wants = append(wants, "\n"+s+" ")
	}
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	// Another name of the same collection: the adapter helps there, too.
	if on := regexp.MustCompile(`labeled on pairs +-/-/100 +100 +0\.\d+ -> [01]\.\d+ +\+`); !on.MatchString(text) {
		t.Errorf("nothing is won on the other set:\n%s", text)
	}
	if x := regexp.MustCompile(`(?m)^labeled +\d.*-\d+\.\d+ -> -\d+\.\d+, \+\d`); !x.MatchString(text) {
		t.Errorf("nothing is won for the other model:\n%s", text)
	}
	own, other, _ := strings.Cut(text, "pairs:")
	figures := func(s string) string {
		for line := range strings.Lines(s) {
			if f := strings.Fields(line); len(f) > 2 && f[0] == "labeled" {
				return strings.Join(f[:len(f)-1], " ") // without the seconds
			}
		}
		return ""
	}
	if figures(own) == "" || figures(own) != figures(other) {
		t.Errorf("the layouts have other figures:\n%s", text)
	}
}

func TestRefusals(t *testing.T) {
	for want, args := range map[string][]string{
		"name a set":                    nil,
		"want name=corpus,questions":    {"-set", "x"},
		"none.jsonl":                    {"-set", "own=none.jsonl"},
		"want http://HOST:PORT/MODEL":   {"-set", "own=" + write(t, "pairs", `{"id":"1","question":"?","passage":{"id":"p","text":"x"}}`), "-embeddings", "x"},
		"-source: want":                 {"-set", "own=" + write(t, "pairs", `{"id":"1","question":"?","passage":{"id":"p","text":"x"}}`), "-source", "x"},
		"-transfer: want":               {"-set", "own=" + write(t, "pairs", `{"id":"1","question":"?","passage":{"id":"p","text":"x"}}`), "-transfer", "x"},
		"want at least 3, and hundreds": {"-set", "own=" + write(t, "pairs", `{"id":"1","question":"x?","passage":{"id":"p","text":"x"}}`)},
	} {
		var out strings.Builder
		if err := run(t.Context(), args, &out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}
