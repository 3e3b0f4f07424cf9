package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Wherever a run is broken off, going on with it gives the same figures and a whole
// file; what the file holds is not asked again.
func TestResume(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.jsonl")
	args := []string{"-json", "-systems", "floor,random", "-out", name}
	want := lastLine(t, eval(t, args...))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	wantAnswers := answers(t, name)
	for cut := 0; cut <= len(whole); cut += testsize.Raced(401, 41) {
		if err := os.WriteFile(name, whole[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		if got := lastLine(t, eval(t, append(args, "-resume")...)); !equal(t, got, want) {
			t.Errorf("cut at %d: %v, want %v", cut, got, want)
		}
		again, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		kept := whole[:bytes.LastIndexByte(whole[:cut], '\n')+1]
		if !bytes.HasPrefix(again, kept) {
			t.Errorf("cut at %d: the whole lines were changed", cut)
		}
		for system, byQuestion := range wantAnswers {
			for q, r := range byQuestion {
				g := answers(t, name)[system][q]
				if g.Seconds, r.Seconds = 0, 0; !equal(t, g, r) {
					t.Errorf("cut at %d: %s answers %s with %+v, want %+v", cut, system, q, g, r)
				}
			}
		}
	}

	changed := bytes.Replace(whole, []byte("on Fridays"), []byte("on Mondays"), 1)
	if err := os.WriteFile(name, append(changed, "not json\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := lastLine(t, eval(t, append(args, "-resume")...)); got["match"] != 2.0/5 {
		t.Errorf("match is %v with a stored answer that is wrong now, want 0.4", got["match"])
	}
}

func equal(t *testing.T, a, b any) bool {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(x, y)
}

func TestResumeOfAFileThatIsNotThere(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.jsonl")
	eval(t, "-systems", "floor", "-out", name, "-resume")
	if n := len(answers(t, name)["floor"]); n != 5 {
		t.Errorf("%d answers, want 5", n)
	}
}

// A file that is not ours, or was made in another way, is refused and not touched.
func TestRefusesFiles(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.jsonl")
	eval(t, "-systems", "floor", "-out", good)
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	for name, c := range map[string]struct {
		text string
		args []string
		want string
	}{
		"there already":      {string(whole), nil, "is there already"},
		"another k":          {string(whole), []string{"-resume", "-k", "3"}, ":1: the answers were made with other files or flags (generator \"\", embeddings \"\", retrieval \"lexical\", k 5"},
		"another retrieval":  {string(whole), []string{"-resume", "-retrieval", "lexical|mmr"}, `now generator "", embeddings "", retrieval "lexical | mmr"`},
		"another generator":  {strings.Replace(string(whole), `2,`, `2,"generator":"vllm+http://a/m",`, 1), []string{"-resume"}, `(generator "vllm+http://a/m"`},
		"another seed":       {string(whole), []string{"-resume", "-seed", "7"}, "seed 1"},
		"other questions":    {string(whole), []string{"-resume", "-questions", otherQuestions(t)}, "questions"},
		"foreign":            {"my notes\n", []string{"-resume"}, ":1: this is no file of answers"},
		"foreign, no end":    {`{"id":1}`, []string{"-resume"}, ":1: this is no file of answers"},
		"a question file":    {`{"id":"q","question":"Who?","answers":["Ada"]}` + "\n", []string{"-resume"}, ":1: this is no file of answers"},
		"damaged in between": {lines[0] + lines[1] + "{\n" + lines[2], []string{"-resume"}, ":3: this is no answer"},
		"a foreign line":     {lines[0] + `{"colour":"red"}` + "\n" + lines[2], []string{"-resume"}, ":2: this is no answer"},
		"without a system":   {lines[0] + `{"question":"built"}` + "\n" + lines[2], []string{"-resume"}, `"system" or "question" is missing`},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "out.jsonl")
			if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			var errs bytes.Buffer
			args := append([]string{"-corpus", corpus, "-questions", questions, "-systems", "floor", "-out", file}, c.args...)
			if code := run(t.Context(), args, io.Discard, &errs); code != 1 || !strings.Contains(errs.String(), c.want) {
				t.Errorf("exit code %d, want 1 with %q: %s", code, c.want, errs.String())
			}
			if now, err := os.ReadFile(file); err != nil || string(now) != c.text {
				t.Errorf("the file was changed: %v, %q", err, now)
			}
		})
	}
}

func otherQuestions(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "q.jsonl")
	if err := os.WriteFile(name, []byte(`{"id":"q","question":"Who?","answers":["Ada"]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestInterrupt(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.jsonl")
	file, err := openStore(name, settings{Format: 2}, false)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := dataset.Questions(questions)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	slow := func(ctx context.Context, _ dataset.Question) (*selfrag.Answer, error) {
		if n++; n == 3 {
			cancel()
		}
		return &selfrag.Answer{Text: "so"}, ctx.Err()
	}
	_, err = askAll(ctx, "slow", slow, asked, file, io.Discard)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), `question "soup", after 2 of 5`) {
		t.Errorf("error %v", err)
	}
	if err := file.file.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(answers(t, name)["slow"]); n != 2 {
		t.Errorf("%d answers are stored, want 2", n)
	}

	var errs bytes.Buffer
	out := filepath.Join(t.TempDir(), "out.jsonl")
	if code := run(ctx, []string{"-corpus", corpus, "-questions", questions, "-out", out}, io.Discard, &errs); code != 1 || !strings.Contains(errs.String(), "go on with -resume") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}
