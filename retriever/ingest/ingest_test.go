package ingest

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const architecture = `---
title: Handbook
---
# Architecture

It has *two* parts: an [engine](engine.md) and a
store. Dr. Smith wrote it.

## The engine

It runs at 3.5 GHz & more.

- It is ` + "`fast`" + `.
- It is small.

` + "```go\nif ok {\n\trun()\n}\n```" + `

## Empty
# Other
End.
`

func TestDocument(t *testing.T) {
	got, err := Document("docs/arch.md", []byte(architecture), Options{})
	if err != nil {
		t.Fatal(err)
	}
	passage := func(n int, title, text, first, last string) retriever.Passage {
		start := strings.Index(architecture, first)
		return retriever.Passage{
			ID: fmt.Sprintf("docs/arch.md#%d", n), Title: title, Text: text,
			Metadata: filter.Metadata{
				"path": filter.String("docs/arch.md"), "format": filter.String("md"),
				"document": filter.String("Handbook"), "number": filter.Int(int64(n)),
			},
			Source: retriever.Source{URI: "docs/arch.md", Start: start, End: start + strings.Index(architecture[start:], last) + len(last)},
		}
	}
	want := []retriever.Passage{
		passage(1, "Handbook > Architecture", "It has two parts: an engine and a store. Dr. Smith wrote it.", "It has", "wrote it."),
		passage(2, "Handbook > Architecture > The engine", "It runs at 3.5 GHz & more.\n\nIt is fast.\n\nIt is small.\n\nif ok {\n\trun()\n}", "It runs", "\n}"),
		passage(3, "Handbook > Other", "End.", "End.", "End."),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestTitles(t *testing.T) {
	for name, tc := range map[string]struct {
		path, src string
		want      []string
	}{
		"text":             {"a/b.notes.txt", "x", []string{"b.notes"}},
		"no heading":       {"a/b.md", "x", []string{"b"}},
		"first heading":    {"b.md", "a\n\n# A\nb\n## B\nc\n# C\nd", []string{"A", "A", "A > B", "C"}},
		"no first heading": {"b.md", "a\n## B\nc", []string{"b", "b > B"}},
		"title":            {"b.html", "<title>T</title>a<h1>T</h1>b<h2>B</h2>c<h1>C</h1>d", []string{"T", "T", "T > B", "T > C"}},
	} {
		t.Run(name, func(t *testing.T) {
			ps, err := Document(tc.path, []byte(tc.src), Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range ps {
				got = append(got, p.Title)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// page has what moves text about in a file: comments, references, tables, code.
const page = `<html><head><title>Guide &amp; more</title><script>var a = "<p>no</p>";</script></head><body>
<nav><a href="/">Home</a></nav><h1>Guide</h1><p>The <b>first</b> sentence has &lt;tags&gt; &amp; entities.
<!-- <p>hidden</p> --> The second &eacute;tude, e.g. this one, ends   here.</p><h2>Table</h2>
<table><tr><td>GOOS</td><td>the <i>system</i></td></tr></table><pre>if a &lt; b {
	c()
}</pre><style>p { color: red }</style><p>Last &#169; line.</p></body></html>`

// Stripping the markup off the bytes that a passage points to gives its text.
func TestSource(t *testing.T) {
	comment := regexp.MustCompile(`(?s)<!--.*?-->|<(script|style|nav).*?</(script|style|nav)>`)
	tag := regexp.MustCompile(`<[^>]*>`)
	link := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	fence := regexp.MustCompile("```\\w*")
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
	for name, strip := range map[string]func(string) string{
		"a.html": func(s string) string {
			return html.UnescapeString(tag.ReplaceAllString(comment.ReplaceAllString(s, ""), ""))
		},
		"a.md": func(s string) string {
			s = fence.ReplaceAllString(link.ReplaceAllString(s, "$1"), "")
			return strings.NewReplacer("*", "", "`", "", "- ", "").Replace(s)
		},
	} {
		src := page
		if name == "a.md" {
			src = architecture
		}
		for _, words := range []int{1, 10, 100} {
			ps, err := Document(name, []byte(src), Options{Split: Split{Size: words}})
			if err != nil {
				t.Fatal(err)
			}
			if words == 100 && len(ps) > 3 || words == 1 && len(ps) < 6 {
				t.Errorf("%s: %d passages of at most %d words", name, len(ps), words)
			}
			for _, p := range ps {
				piece := src[p.Source.Start:p.Source.End]
				if squeeze(strip(piece)) != squeeze(p.Text) {
					t.Errorf("%s:\ntext   %q\nsource %q", p.ID, p.Text, piece)
				}
			}
		}
	}
}

func TestPlainText(t *testing.T) {
	src := "\ufeffDr. Smith came.  He\r\nsaw it.\r\n\r\n# Not a heading\nIt was [Relevant] & <b>."
	ps, err := Document("a.TXT", []byte(src), Options{Split: Split{Size: 5}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Dr. Smith came.", "He saw it.", "# Not a heading", "It was [Relevant] & <b>."}
	var got []string
	for _, p := range ps {
		got = append(got, p.Text)
		if piece := src[p.Source.Start:p.Source.End]; strings.ReplaceAll(piece, "\r\n", " ") != p.Text {
			t.Errorf("%s: text %q, source %q", p.ID, p.Text, piece)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestPack(t *testing.T) {
	for name, tc := range map[string]struct {
		words []int
		max   int
		want  []int
	}{
		"nothing":        {nil, 100, nil},
		"all fit":        {[]int{40, 40, 20}, 100, []int{100}},
		"halves":         {[]int{30, 30, 30, 30}, 100, []int{60, 60}},
		"no small rest":  {[]int{20, 20, 20, 20, 20, 5}, 100, []int{60, 45}},
		"as long as max": {[]int{5, 50, 5}, 50, []int{5, 50, 5}},
		"one each":       {[]int{1, 1, 1}, 1, []int{1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var units []unit
			for i, n := range tc.words {
				units = append(units, unit{i, i + 1, n})
			}
			var got []int
			next := 0
			for _, p := range (cutter{Split: Split{Size: tc.max}, ctx: t.Context()}).pack(units, 0, true) {
				if p.start != next {
					t.Errorf("passage begins at %d, want %d", p.start, next)
				}
				next = p.end
				got = append(got, p.n)
			}
			if d := cmp.Diff(tc.want, got); d != "" || next != len(units) {
				t.Errorf("%d of %d units (-want +got):\n%s", next, len(units), d)
			}
		})
	}
}

func TestFS(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	fsys := fstest.MapFS{
		"b.txt": file("B one."), "a.txt": file("A one."), "a/z.md": file("# Z\nZ one."), "a/y.HTM": file("<p>Y one."),
		"bad.txt": file("\xff"), "empty.md": file("# Only a heading"), "large.txt": file(strings.Repeat("x ", 50)),
		"pic.png": file("x"), ".hidden.txt": file("no"), ".git/a.txt": file("no"), "pipe.txt": {Mode: fs.ModeNamedPipe},
	}
	var progress []Progress
	res, err := FS(t.Context(), fsys, Options{MaxBytes: 50, Progress: func(p Progress) { progress = append(progress, p) }})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, p := range res.Passages {
		ids = append(ids, p.ID)
	}
	if d := cmp.Diff([]string{"a.txt#1", "a/y.HTM#1", "a/z.md#1", "b.txt#1"}, ids); d != "" {
		t.Errorf("passages (-want +got):\n%s", d)
	}
	type skip struct {
		path string
		err  error
	}
	var skipped []skip
	for _, s := range res.Skipped {
		skipped = append(skipped, skip{s.Path, errors.Unwrap(s)})
	}
	want := []skip{{"bad.txt", ErrNotUTF8}, {"empty.md", ErrNoText}, {"large.txt", ErrTooLarge}, {"pipe.txt", ErrNotFile}}
	if !slices.Equal(want, skipped) {
		t.Errorf("skipped %v, want %v", skipped, want)
	}
	if res.Read != 4 || res.Bytes != 6+6+10+9 || res.Ignored != 2 {
		t.Errorf("read %d files of %d bytes, ignored %d", res.Read, res.Bytes, res.Ignored)
	}
	if n := len(progress); n != 7 || progress[0] != (Progress{"a.txt", 1, 7, 1}) || progress[6] != (Progress{"large.txt", 7, 7, 4}) {
		t.Errorf("progress %+v", progress)
	}
}

func TestFSErrors(t *testing.T) {
	text := fstest.MapFS{"a.txt": {Data: []byte("a")}, "b.txt": {Data: []byte("b")}}
	t.Run("nothing", func(t *testing.T) {
		res, err := FS(t.Context(), fstest.MapFS{"a.txt": {Data: []byte("\xff")}, "b.png": {}}, Options{})
		if !errors.Is(err, ErrNothing) || !errors.Is(err, ErrNotUTF8) || !strings.Contains(err.Error(), "1 files or records skipped, 1 of other formats") || res.Ignored != 1 {
			t.Errorf("%v, %+v", err, res)
		}
	})
	t.Run("empty", func(t *testing.T) {
		if _, err := FS(t.Context(), fstest.MapFS{}, Options{}); !errors.Is(err, ErrNothing) {
			t.Error(err)
		}
	})
	t.Run("options", func(t *testing.T) {
		for _, o := range []Options{{Split: Split{Size: -1}}, {MaxBytes: -1}} {
			if _, err := FS(t.Context(), text, o); !errors.Is(err, ErrOption) {
				t.Error(err)
			}
			if _, err := Document("a.txt", nil, o); !errors.Is(err, ErrOption) {
				t.Error(err)
			}
		}
	})
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		res, err := FS(ctx, text, Options{Progress: func(Progress) { cancel() }})
		if !errors.Is(err, context.Canceled) || res.Read != 1 || len(res.Passages) != 1 {
			t.Errorf("%v, %+v", err, res)
		}
		if res, err := FS(ctx, text, Options{}); !errors.Is(err, context.Canceled) || res.Read != 0 {
			t.Errorf("%v, %+v", err, res)
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		res, err := FS(t.Context(), faulty{text}, Options{})
		if err != nil || res.Read != 1 || len(res.Skipped) != 1 || !errors.Is(res.Skipped[0], fs.ErrPermission) || res.Skipped[0].Path != "b.txt" {
			t.Errorf("%v, %+v", err, res)
		}
	})
}

// faulty refuses to open b.txt.
type faulty struct{ fs.FS }

func (f faulty) Open(name string) (fs.File, error) {
	if name == "b.txt" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return f.FS.Open(name)
}

func TestDir(t *testing.T) {
	if _, err := Dir(t.Context(), filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that does not exist: %v", err)
	}
	dir, outside := t.TempDir(), t.TempDir()
	write := func(dir, name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(dir, "a.txt", "A one.")
	write(outside, "secret.txt", "A secret.")
	if _, err := Dir(t.Context(), filepath.Join(dir, "a.txt"), Options{}); err == nil {
		t.Error("a file for a folder: no error")
	}
	for _, link := range [][2]string{{"a.txt", "good.txt"}, {".", "loop"}, {"self.txt", "self.txt"}, {"none", "dangling.md"}, {filepath.Join(outside, "secret.txt"), "out.txt"}} {
		if err := os.Symlink(link[0], filepath.Join(dir, link[1])); err != nil {
			if runtime.GOOS == "windows" {
				t.Skipf("Windows lets only some users make links: %v", err)
			}
			t.Fatal(err)
		}
	}
	res, err := Dir(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var texts, skipped []string
	for _, p := range res.Passages {
		texts = append(texts, p.Source.URI+": "+p.Text)
	}
	for _, s := range res.Skipped {
		skipped = append(skipped, s.Path)
	}
	if d := cmp.Diff([]string{"a.txt: A one.", "good.txt: A one."}, texts); d != "" {
		t.Errorf("passages (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"dangling.md", "loop", "out.txt", "self.txt"}, skipped); d != "" {
		t.Errorf("skipped (-want +got):\n%s", d)
	}
}

func TestDocumentErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		data string
		want error
	}{
		"a.pdf": {"a", ErrFormat}, "a": {"a", ErrFormat}, "a.txt": {" \n", ErrNoText}, "a.md": {"\xff", ErrNotUTF8}, "\xff.md": {"a", ErrNotUTF8}, "b.md": {"aaa", ErrTooLarge},
	} {
		_, err := Document(name, []byte(tc.data), Options{MaxBytes: 2})
		var file *FileError
		if !errors.Is(err, tc.want) || !errors.As(err, &file) || file.Path != name {
			t.Errorf("%q: %v, want %v", name, err, tc.want)
		}
	}
}

// Files are read side by side, and the result is that of reading one after the other.
func TestFSInOrder(t *testing.T) {
	fsys := fstest.MapFS{}
	var want []string
	for i := range 60 {
		name := fmt.Sprintf("%02d.txt", i)
		text := strings.Repeat("A sentence of five words. ", 1+(i*37)%60)
		if i%9 == 4 {
			text = "\xff"
		} else {
			want = append(want, name)
		}
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	opts := Options{Split: Split{Size: 20}}
	var progress []string
	opts.Progress = func(p Progress) { progress = append(progress, fmt.Sprintf("%s %d", p.Path, p.Passages)) }
	first, err := FS(t.Context(), fsys, opts)
	if err != nil || first.Read != len(want) || len(first.Skipped) != 60-len(want) || len(progress) != 60 {
		t.Fatalf("%d read, %d skipped, %v", first.Read, len(first.Skipped), err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 3, 16} {
		runtime.GOMAXPROCS(procs)
		was := progress
		progress = nil
		again, err := FS(t.Context(), fsys, opts)
		if err != nil || !reflect.DeepEqual(first, again) || !slices.Equal(was, progress) {
			t.Fatalf("%d processors: another result, %v", procs, err)
		}
	}
}

// A reader that panics does so in the caller's goroutine.
func TestFSPanics(t *testing.T) {
	defer func() {
		if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "broken disk") {
			t.Errorf("recovered %v", v)
		}
	}()
	_, _ = FS(t.Context(), panicFS{fstest.MapFS{"a.txt": {Data: []byte("a")}, "b.txt": {Data: []byte("b")}}}, Options{})
}

type panicFS struct{ fstest.MapFS }

func (p panicFS) Open(name string) (fs.File, error) {
	if name == "a.txt" {
		panic("broken disk")
	}
	return p.MapFS.Open(name)
}

// A reader that ends its goroutine, as t.FailNow does, is an error, not an empty file.
func TestFSGoexit(t *testing.T) {
	res, err := FS(t.Context(), endingFS{fstest.MapFS{"a.txt": {Data: []byte("a")}, "b.txt": {Data: []byte("b")}}}, Options{})
	if err == nil {
		t.Errorf("no error, %+v", res)
	}
}

type endingFS struct{ fstest.MapFS }

func (e endingFS) Open(name string) (fs.File, error) {
	if name == "a.txt" {
		runtime.Goexit()
	}
	return e.MapFS.Open(name)
}
