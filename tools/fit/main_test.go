package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank/learned"
)

// small writes a question set about made-up islands and returns the flags that
// name its files. Passages share words in pairs only: measuring holds back
// every passage that a held question finds.
func small(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, lines []any) string {
		var b bytes.Buffer
		for _, l := range lines {
			if err := json.NewEncoder(&b).Encode(l); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	type m map[string]any
	var corpus, questions, yes, no []any
	for i, island := range []string{"Arlo", "Brannock", "Corse", "Dunmere", "Eska", "Farrow", "Gullane", "Hestan"} {
		year, founder := 1800+7*i, []string{"Ada Kerr", "Jon Pike", "Mary Holt", "Sam Reed", "Eve Lund", "Max Orr", "Ann Bell", "Tim Voss"}[i]
		own := func(text string) string {
			return regexp.MustCompile(`harbour|built|people|live|ferries|leave|morning|weather|bird|nests`).
				ReplaceAllStringFunc(text, func(w string) string { return w + string(rune('a'+i/2)) })
		}
		first := own(fmt.Sprintf("The harbour of %s was built in %d by %s.", island, year, founder))
		second := own(fmt.Sprintf("There are %d people who live on %s.", 100+i, island))
		third := own("The ferries leave in the morning if the weather is that.")
		id := fmt.Sprintf("p%d", i)
		text := first + " " + second + " " + third
		corpus = append(corpus, m{"id": id, "title": island, "text": text})
		questions = append(questions,
			m{"id": id + "a", "question": own("When was the harbour of " + island + " built?"), "answers": []string{fmt.Sprint(year)}, "positive": []string{id}},
			m{"id": id + "b", "question": own("Who built the harbour of " + island + "?"), "answers": []string{founder}, "positive": []string{id}})
		passage := m{"id": "c" + id, "title": island, "text": text, "sentences": []string{first, second, third}}
		yes = append(yes, m{"id": "y" + id, "question": own("How many people live on " + island + "?"), "answers": []string{second}, "passage": passage, "support": []int{1}})
		no = append(no, m{"id": "n" + id, "question": own("Which bird nests on " + island + "?"), "passage": passage})
	}
	return []string{
		"-set", "islands=" + file("corpus.jsonl", corpus) + "," + file("questions.jsonl", questions),
		"-answerable", file("yes.jsonl", yes), "-unanswerable", file("no.jsonl", no),
	}
}

func TestFitIsReproducibleAndLoads(t *testing.T) {
	flags := small(t)
	var files, ranks [2][]byte
	for i := range files {
		out := filepath.Join(t.TempDir(), "p.json")
		if err := run(t.Context(), append(flags, "-folds", "0", "-out", out, "-rank", out+"-rank"), &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
		for _, f := range []struct {
			to   *[]byte
			name string
		}{{&files[i], out}, {&ranks[i], out + "-rank"}} {
			b, err := os.ReadFile(f.name)
			if err != nil {
				t.Fatal(err)
			}
			*f.to = b
		}
		if left, _ := filepath.Glob(out + ".*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if !bytes.Equal(files[0], files[1]) || !bytes.Equal(ranks[0], ranks[1]) {
		t.Error("the same files and seed gave other bytes")
	}
	ranksRight(t, ranks[0])
	model, err := extractive.Load(bytes.NewReader(files[0]))
	if err != nil {
		t.Fatal(err)
	}
	c, err := generator.Complete(t.Context(), model, generator.Request{
		Prompt: generator.Prompt{
			Instruction: "When was the harbour of Iona Bay built?",
			Evidence:    []generator.Evidence{{Title: "Iona Bay", Text: "The bay is wide. The harbour of Iona Bay was built in 1911 by Tom Ray. Seals rest there."}},
		},
		MaxTokens: 200,
	})
	if err != nil || !strings.Contains(c.Text(), "1911") {
		t.Errorf("the fitted model answers %q, %v", c.Text(), err)
	}
}

// ranksRight checks that the fitted weights prefer the passage with more of the question.
func ranksRight(t *testing.T, weights []byte) {
	t.Helper()
	passages := []retriever.Passage{
		{ID: "wrong", Title: "Ferries", Text: "The ferry to Iona was built in 1911 by Tom Ray, who was born there. Its crew is old."},
		{ID: "right", Title: "Iona", Text: "The harbour of Iona was built in 1902."},
	}
	s, err := learned.Load(t.Context(), bytes.NewReader(weights), passages)
	if err != nil {
		t.Fatal(err)
	}
	scores, err := s.Score(t.Context(), "When was the harbour of Iona built?", passages)
	if err != nil || !(scores[1] > scores[0]) {
		t.Errorf("the fitted scorer gives %v, %v", scores, err)
	}
}

func TestFitMeasures(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), append(small(t), "-folds", "4", "-json"), &out); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(out.Bytes()) || !strings.Contains(out.String(), "islands") {
		t.Errorf("the report is %s", out.String())
	}
}

func TestFitRefusesBadInput(t *testing.T) {
	flags := small(t)
	for name, args := range map[string][]string{
		"nothing":        {},
		"one fold":       append(flags, "-folds", "1"),
		"no such file":   append(flags, "-pairs", filepath.Join(t.TempDir(), "none.jsonl")),
		"set without ,":  append(flags[2:], "-set", "x=y"),
		"no such folder": append(flags, "-folds", "0", "-out", filepath.Join(t.TempDir(), "none", "p.json")),
	} {
		if err := run(t.Context(), args, &bytes.Buffer{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
