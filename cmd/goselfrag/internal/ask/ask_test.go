package ask

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rivo/uniseg"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
)

// run runs the command with arguments and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return command.Run(ctx, append([]string{"ask"}, args...), stdout, stderr, Command())
}

// folder writes files into a new folder and returns its path.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var lighthouse = map[string]string{
	"guide/tower.md": "# The tower\n\nThe lighthouse of Brannock was built in 1871 by Ada Kerr. It is 41 metres high.\n\n## Light\n\nThe lamp turns once in twelve seconds.\n",
	"notes.txt":      "Ferries to the island leave every morning at nine. Dogs travel free.",
	"page.html":      "<html><head><title>Food</title></head><body><p>The harbour inn serves <b>crab soup</b> on Fridays.</p></body></html>",
}

func TestAskAnswersWithItsSource(t *testing.T) {
	dir := folder(t, lighthouse)
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-docs", dir, "-json", "Who built the lighthouse of Brannock?"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	var got struct {
		Answer    *string
		Segments  []struct{ Start, End int }
		Citations []struct {
			Passage struct{ Source struct{ URI string } }
		}
		Decision   *struct{ Choice string }
		Candidates []struct {
			Status    string
			PassageID string `json:"passage_id"`
		}
		Usage *struct{ Calls int }
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if got.Answer == nil || *got.Answer != "The lighthouse of Brannock was built in 1871 by Ada Kerr." {
		t.Errorf("answer %v", out.String())
	}
	if len(got.Citations) != 1 || got.Citations[0].Passage.Source.URI != "guide/tower.md" {
		t.Errorf("citations %+v", got.Citations)
	}
	if len(got.Segments) != 1 || got.Segments[0].End != len(*got.Answer) {
		t.Errorf("segments %+v", got.Segments)
	}
	if got.Decision == nil || got.Decision.Choice != "retrieval" || got.Usage == nil || got.Usage.Calls < 2 || len(got.Candidates) == 0 || got.Candidates[0].PassageID == "" {
		t.Errorf("decision %+v, usage %+v, candidates %+v", got.Decision, got.Usage, got.Candidates)
	}
}

func TestAskPrintsForPeople(t *testing.T) {
	dir := folder(t, lighthouse)
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-docs", dir, "When do ferries to the island leave?", "-k", "2", "-long"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	want := `Ferries to the island leave every morning at nine [1].

[1] notes (notes.txt, bytes 0-68)

judged by the model:
     IsREL  IsSUP   IsUSE
[1]  0.99   quoted  0.97
IsREL: the passage bears on the question (0 to 1). IsSUP: the passage says this,
whether or not it answers. IsUSE: this answers the question (-1 to 1).
`
	if got := figures.ReplaceAllString(out.String(), "N"); got != figures.ReplaceAllString(want, "N") {
		t.Errorf("%s\nwant %s", got, want)
	}
	first := out.String()
	out.Reset()
	if code := run(t.Context(), []string{"-docs", dir, "-v", "When do ferries to the island leave?", "-k", "2", "-long"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if rest, ok := strings.CutPrefix(out.String(), first); !ok || !strings.Contains(rest, "decision 1: retrieval") || !strings.Contains(rest, "\n> 1  ") {
		t.Errorf("-v prints\n%s", out.String())
	}
	for line := range strings.Lines(out.String()) {
		if n := uniseg.StringWidth(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if !strings.Contains(errs.String(), "from 3 files, 0 skipped") {
		t.Errorf("progress: %s", errs.String())
	}
}

// figures are the judgments of the embedded model, which change when it is fitted again.
var figures = regexp.MustCompile(`[ -]?\b[01]\.\d\d`)

// A filter that lets nothing pass is an error that says why; a field that no passage has
// is told in any case.
func TestAskChecksTheFilter(t *testing.T) {
	dir := folder(t, lighthouse)
	for text, c := range map[string]struct {
		code int
		want string
	}{
		`formt = "md"`:                     {1, `ask: -filter: none of 4 passages passes formt = "md": no passage has the field formt; there are document, format, number, path`},
		`format = "pdf"`:                   {1, `ask: -filter: none of 4 passages passes format = "pdf": format is "html", "md", "txt"`},
		`format = "md" and not path > "a"`: {1, `: format is "html", "md", "txt"; path is "guide/tower.md", "notes.txt", "page.html"`},
		`false`:                            {1, "none of 4 passages passes false\n"},
		`format = "txt" or year in (1, 2)`: {0, "1 of 4 passages pass the filter\n-filter: no passage has the field year; there are document"},
		`exists(format)`:                   {0, "4 of 4 passages pass the filter\n"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"-docs", dir, "-filter", text, "When do ferries to the island leave?"}, &out, &errs); code != c.code || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%s: exit code %d, %s", text, code, errs.String())
		}
		if (out.Len() > 0) != (c.code == 0) {
			t.Errorf("%s: %s", text, out.String())
		}
	}
}

func TestAskFilters(t *testing.T) {
	dir := folder(t, lighthouse)
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-docs", dir, "-json", "-filter", `format = "txt"`, "-abstain", "0", "-mode", "always", "Who built the lighthouse?"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if s := out.String(); strings.Contains(s, "Ada Kerr") || strings.Contains(s, "tower.md") {
		t.Errorf("a passage that the filter excludes is in the output:\n%s", s)
	}
}

// Passages come in the order of the pipeline.
func TestAskRetrieves(t *testing.T) {
	dir := folder(t, map[string]string{"a.txt": "The lighthouse. The lighthouse. The lighthouse.", "b.txt": "A bridge is near the lighthouse of Brannock."})
	first := func(args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append(args, "-docs", dir, "-json", "-mode", "always", "-abstain", "0", "Where is the lighthouse?"), &out, &errs); code != 0 {
			t.Fatalf("exit code %d: %s", code, errs.String())
		}
		var got struct {
			Candidates []struct {
				PassageID string `json:"passage_id"`
			}
		}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got.Candidates) == 0 {
			t.Fatalf("%v: %s", err, out.String())
		}
		id, _, _ := strings.Cut(got.Candidates[0].PassageID, ".")
		return id
	}
	for args, want := range map[string]string{
		"":                           "a",
		"lexical k1=0 b=1 | reorder": "a",
		"lexical analyzer=standard | rerank judge=model": "b",
	} {
		if got := first("-retrieval", args); got != want {
			t.Errorf("%q: the first passage is %q, want %q", args, got, want)
		}
	}
}

// With an embedding model, passages are found that share no word with the question.
func TestAskEmbeds(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Model string
			Input []string
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Model != "m" {
			t.Errorf("%v: the model %q is asked for", err, body.Model)
		}
		w.Header().Set("Content-Type", "application/json")
		var list []string
		for i, text := range body.Input {
			vector := "[1,0]"
			if text == "water" || strings.Contains(text, "Rivers") {
				vector = "[0,1]"
			}
			list = append(list, fmt.Sprintf(`{"index":%d,"embedding":%s}`, i, vector))
		}
		fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(list, ","))
	}))
	defer s.Close()
	dir := folder(t, map[string]string{"cats.txt": "Cats purr.", "rivers.txt": "Rivers flow."})
	for url, want := range map[string]string{"": `"candidates": []`, s.URL + "/m": `"passage_id": "rivers.txt`} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"-docs", dir, "-json", "-mode", "always", "-embeddings", url, "water"}, &out, &errs); code != 0 || !strings.Contains(strings.SplitN(out.String(), "cats.txt", 2)[0], want) {
			t.Errorf("%q: exit code %d: want %q before the other file\n%s%s", url, code, want, out.String(), errs.String())
		}
	}
}

func TestAskErrors(t *testing.T) {
	dir := folder(t, lighthouse)
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no docs":        {[]string{"question"}, 2, "-docs is missing"},
		"no question":    {[]string{"-docs", dir}, 2, "the question is missing"},
		"no such folder": {[]string{"-docs", filepath.Join(dir, "nowhere"), "q"}, 1, "there is no folder"},
		"a file":         {[]string{"-docs", filepath.Join(dir, "notes.txt"), "q"}, 1, "notes.txt"},
		"nothing in it":  {[]string{"-docs", folder(t, map[string]string{"a.bin": "x"}), "q"}, 1, "nothing to read"},
		"mode":           {[]string{"-docs", dir, "-mode", "sometimes", "q"}, 2, "adaptive, always, never, hard"},
		"threshold":      {[]string{"-docs", dir, "-threshold", "1.5", "q"}, 2, "[0, 1]"},
		"weights":        {[]string{"-docs", dir, "-weights", "1,2", "q"}, 2, "3 or 4"},
		"weight sign":    {[]string{"-docs", dir, "-weights", "1,-2,1", "q"}, 2, "-weights: that of IsSUP is -2"},
		"k":              {[]string{"-docs", dir, "-k", "0", "q"}, 2, "at least 1"},
		"filter":         {[]string{"-docs", dir, "-filter", "format =", "q"}, 2, "ask: -filter: 1:9: expected a value"},
		"generator":      {[]string{"-docs", dir, "-generator", "http://localhost:8000/m", "q"}, 2, "-generator: bad URL: it begins with \"http\""},
		"embeddings":     {[]string{"-docs", dir, "-embeddings", "localhost:8000/m", "q"}, 2, "-embeddings: bad URL"},
		"retrieval":      {[]string{"-docs", dir, "-retrieval", "lexical | mmr lambda=2", "q"}, 2, "-retrieval: pipeline: 1:22: lambda=2: want a number from 1e-6 to 1"},
		"no model":       {[]string{"-docs", dir, "-retrieval", "hyde", "q"}, 2, "name one with -generator"},
		"no server":      {[]string{"-docs", dir, "-generator", "vllm+http://127.0.0.1:1/m", "q"}, 1, "-generator: http://127.0.0.1:1/"},
		"unknown flag":   {[]string{"-colour", "q"}, 2, "usage: goselfrag ask"},
		"no threshold":   {[]string{"-docs", dir, "-threshold", "0.5", "-mode", "always", "q"}, 2, "-threshold has no use with -mode always: leave it out"},
		"no store":       {[]string{"-store", filepath.Join(dir, "nowhere"), "q"}, 1, "there is no store "},
		"no model name":  {[]string{"-docs", dir, "-store", filepath.Join(dir, "nowhere"), "-embeddings", "http://127.0.0.1:1", "q"}, 2, "-embeddings: bad URL: it names no model"},
		"dry run":        {[]string{"-docs", dir, "-dry-run", "q"}, 2, "-dry-run needs -docs and -store"},
		"no passages":    {[]string{"-docs", dir, "q", "-mode", "never", "-filter", `format = "md"`}, 2, "-filter has no use with -mode never: leave it out"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(t.Context(), c.args, &out, &errs); code != c.code || !strings.Contains(errs.String(), c.want) {
				t.Errorf("exit code %d, want %d with %q:\n%s", code, c.code, c.want, errs.String())
			}
			if out.Len() > 0 {
				t.Errorf("standard output: %s", out.String())
			}
		})
	}
}

func TestAskNamesFilesThatAreNotUTF8(t *testing.T) {
	dir := folder(t, map[string]string{"good.txt": "The moon is made of rock.", "bad.txt": "caf\xff\xfe\xfdé東京é"})
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-docs", dir, "What is the moon made of?"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if s := errs.String(); !strings.Contains(s, "skipped bad.txt: not UTF-8") || !strings.Contains(s, "1 skipped") {
		t.Errorf("standard error: %s", s)
	}
}

// With -json there is always one object, and it says what went wrong.
func TestAskPrintsJSONOfFailures(t *testing.T) {
	dir := folder(t, lighthouse)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		args []string
		want string
	}{
		"not UTF-8":      {t.Context(), []string{"-docs", dir, "\xff"}, "not UTF-8"},
		"no such folder": {t.Context(), []string{"-docs", dir + "/nowhere", "q"}, "no folder"},
		"interrupted":    {canceled, []string{"-docs", dir, "q"}, "canceled"},
	} {
		var out, errs bytes.Buffer
		code := run(c.ctx, append([]string{"-json"}, c.args...), &out, &errs)
		var got struct {
			Error, Stop string
			Candidates  []any
		}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || code != 1 || !strings.Contains(got.Error, c.want) || got.Stop != "failed" || got.Candidates == nil {
			t.Errorf("%s: exit code %d, %v:\n%s", name, code, err, out.String())
		}
	}
}

func TestAskTakesDashesAndCleansTheOutput(t *testing.T) {
	dir := folder(t, map[string]string{"a.txt": "The \x1b]0;pwn\aflag of Zor is blue."})
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-docs", dir, "--", "-What", "colour is the flag of Zor?"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if s := out.String(); strings.ContainsAny(s, "\x1b\a") || !strings.Contains(s, "of Zor is blue") {
		t.Errorf("output %q", s)
	}
}

// full is a device without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestAskReportsThatItCannotPrint(t *testing.T) {
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"-docs", folder(t, lighthouse), "Who built it?"}, full{}, &errs); code != 1 || !strings.Contains(errs.String(), "no space left") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

func TestAskStopsWhenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"-docs", folder(t, lighthouse), "q"}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "canceled") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

// The same program with a model at a real server.
func TestAskAsksAServer(t *testing.T) {
	url := os.Getenv("GOSELFRAG_OLLAMA_URL")
	if url == "" {
		t.Skip("GOSELFRAG_OLLAMA_URL is not set: run .ci/ollama go test ./cmd/goselfrag/internal/ask")
	}
	dir := folder(t, map[string]string{"bridge.txt": "The old bridge is in London.", "moon.txt": "The moon is hot."})
	var out, errs bytes.Buffer
	model := url + "/" + os.Getenv("GOSELFRAG_OLLAMA_MODEL")
	args := []string{"-docs", dir, "-generator", "ollama+" + model, "-embeddings", model, "-v", "Where is the old bridge?"}
	if code := run(t.Context(), args, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	for _, want := range []string{"p(Retrieval) = 0.9", "the old bridge is in London [1].", "  yes  ", "(bridge.txt, bytes 0-28)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}
