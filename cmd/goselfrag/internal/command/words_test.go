package command

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/retriever/ingest"
)

const module = "github.com/goselfrag/goselfrag"

// identifier is what only a programmer can follow: a name of the library.
var identifier = regexp.MustCompile(`\b[A-Z][a-z]+[A-Z]\w*|\b\w+\.[A-Z]\w+`)

// plain are words that look like names and are none.
var plain = strings.NewReplacer("IsREL", "", "IsSUP", "", "IsUSE", "", "MiB", "", "KiB", "", "HyDE", "", "PopQA", "", "TriviaQA", "", "PubHealth", "", "NaN", "", "BinaryUnmarshaler", "")

// unreachable are errors that no use of the program leads to: it makes the parts itself,
// or a pipeline has checked the option before.
var unreachable = []*regexp.Regexp{
	regexp.MustCompile(`^%w: ([A-Z]\w+: |Fields\.Types: )?(the kind of %q|[A-Z]\w+(\.\w+)?) is (%[dv]|nil)(: want|, and)`),                // an option out of its range
	regexp.MustCompile(`^[A-Z]\w+ (is|holds) %[dv]: want`),                                                                                // a field of a request
	regexp.MustCompile(`^%w: (GiveParents|PostFilter|NewCache|MMR|New\w+): `),                                                             // arguments of a constructor
	regexp.MustCompile(`NoTokens without a Template|zero template|Task\.Template is zero|Config\.Template|ScoreFusion has none|both set`), // the same
	regexp.MustCompile(`is not a group: want|is no group: want|metric %d: want`),                                                          // the program names them
	regexp.MustCompile(`Prompt\.[A-Z]|Model\.Generator is nil|^Options\.Low and High$|ended its goroutine|the zero Value|give GiveParents|NewVocabulary: %w|embedding the examples`),
	regexp.MustCompile(`WholeSentences|MarshalBinary|the index was made with`),                             // texts are cut, and keys and indexes made, by the program
	regexp.MustCompile(`^32 MiB to 4 GiB`),                                                                 // an option of the reader of PDF
	regexp.MustCompile(`^%w: ReadOnly is set|Words\.Fetch|Embedding\.(Embedder|Name) |Options\.Embedding`), // of a store; ask says itself what is wrong with the embedder
	regexp.MustCompile(`scoring\.SequenceNone|generator\.CountNoEnd|leave WithLongForm out|selfrag\.TraceFull|scores\[%d\]`),
}

// Every error text of the packages that the program uses is one for its user: Words knows
// what to say in place of a name of the library.
func TestWords(t *testing.T) {
	for _, w := range words {
		if got := plain.Replace(w.program); identifier.MatchString(got) {
			t.Errorf("%q holds a name of the library", w.program)
		}
	}
	missing := map[string]bool{}
	for _, w := range words {
		missing[w.library] = true
	}
	used := map[*regexp.Regexp]bool{}
	literals := 0
	for _, dir := range packages(t) {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, text := range texts(t, name) {
				literals++
				for w := range missing {
					if strings.Contains(text, w) || strings.HasPrefix(w, "With") || strings.HasPrefix(w, "weight ") || strings.HasPrefix(w, "-") {
						delete(missing, w) // an option's error is put together
					}
				}
				if !identifier.MatchString(plain.Replace(Words(errors.New(text)))) {
					continue
				}
				known := false
				for _, r := range unreachable {
					if r.MatchString(text) {
						known, used[r] = true, true
					}
				}
				if !known {
					t.Errorf("%s: %q becomes %q: add the user's words to the list in words.go", name, text, Words(errors.New(text)))
				}
			}
		}
	}
	if literals < 500 {
		t.Errorf("only %d texts were found", literals)
	}
	for w := range missing {
		t.Errorf("the library does not say %q any more: take it out of words.go", w)
	}
	for _, r := range unreachable {
		if !used[r] {
			t.Errorf("%v matches nothing any more", r)
		}
	}
}

// packages returns the folders of the library's packages that the program is made of.
func packages(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}} {{.Dir}}{{end}}", module+"/cmd/goselfrag").Output()
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for line := range strings.Lines(string(out)) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		ours, ok := strings.CutPrefix(path, module+"/")
		// What these print is no error.
		if ok && !strings.HasPrefix(ours, "cmd/") && ours != "internal/show" && ours != "internal/prompts" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// texts returns the texts of a file that are a sentence.
func texts(t *testing.T, name string) (list []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if _, ok := n.(*ast.ImportSpec); ok {
			return false
		}
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if s, err := strconv.Unquote(l.Value); err == nil && strings.Contains(s, " ") {
				list = append(list, s)
			}
		}
		return true
	})
	return list
}

func TestWordsOfErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("ask: docs: %w", ingest.ErrNothing), "ask: docs: nothing to read"},
		{fmt.Errorf("big.txt: %w", ingest.ErrTooLarge), "big.txt: larger than 32 MiB: split the file"},
		{errors.New("ask: selfrag: WithThreshold: 2: want a number in [0, 1]"), "ask: -threshold: 2: want a number in [0, 1]"},
		{errors.New("-retrieval: pipeline: 1:2: there is no hybird"), "-retrieval: pipeline: 1:2: there is no hybird"},
		{errors.New(`ask: invalid value "x" for flag -threshold: strconv.ParseFloat: parsing "x": invalid syntax`), `ask: invalid value "x" for flag -threshold: want a number`},
		{errors.New(`ask: -filter: filter: 1:3: expected a value`), `ask: -filter: 1:3: expected a value`},
		{errors.New("the modelserver: it"), "the modelserver: it"},
	} {
		if got := Words(c.err); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
