package ingest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// The verdicts in testdata/excluded.jsonl are those of git check-ignore (git 2.39), with the
// lines in .gitignore files: some written by hand, most of random parts. Lines such as
// "a**/b" are not among them: there git lets the stars go across folders, against its manual.
func TestListExcludesAsGitDoes(t *testing.T) {
	f, err := os.Open("testdata/excluded.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	paths := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c struct {
			Lines          map[string][]string // by folder
			Excluded, Kept []string
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		for i, name := range append(c.Excluded, c.Kept...) {
			paths++
			fsys := fstest.MapFS{name: {}}
			for dir, text := range c.Lines {
				fsys[path.Join(dir, excludeFile)] = &fstest.MapFile{Data: []byte(strings.Join(text, "\n"))}
			}
			list, err := List(t.Context(), fsys, Options{})
			if got := excludedFile(t, list, fsys, name); err != nil || got != (i < len(c.Excluded)) {
				t.Errorf("%q: %q: excluded %v, %v", c.Lines, name, got, err)
			}
		}
	}
	if paths < 3000 {
		t.Errorf("%d paths", paths)
	}
}

// excludedFile reports whether a file is excluded, whatever its format: without it as much is
// listed.
func excludedFile(t *testing.T, list Listing, fsys fstest.MapFS, name string) bool {
	rest, err := List(t.Context(), without(fsys, name), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Files)+list.Ignored == len(rest.Files)+rest.Ignored
}

func without(fsys fstest.MapFS, name string) fstest.MapFS {
	rest := fstest.MapFS{}
	for n, f := range fsys {
		if n != name {
			rest[n] = f
		}
	}
	return rest
}

func TestExclude(t *testing.T) {
	fsys := fstest.MapFS{
		"a.md":                  {Data: []byte("A.")},
		"drafts/b.md":           {Data: []byte("B.")},
		"drafts/keep.md":        {Data: []byte("K.")},
		"drafts/" + excludeFile: {Data: []byte("\ufeff# kept\r\n!keep.md\r\n[x\r\n")},
	}
	res, err := FS(t.Context(), fsys, Options{Exclude: []string{"drafts/*.md"}})
	if err != nil || res.Read != 2 || res.Excluded != 1 || res.Passages[1].ID != "drafts/keep.md#1" {
		t.Errorf("%v, %+v", err, res)
	}
	if len(res.Skipped) != 1 || !errors.Is(res.Skipped[0], ErrPattern) || res.Skipped[0].Line != 3 {
		t.Errorf("skipped %v", res.Skipped)
	}
	if _, err := List(t.Context(), fsys, Options{Exclude: []string{"[x"}}); !errors.Is(err, ErrOption) || !errors.Is(err, ErrPattern) {
		t.Errorf("a bad pattern: %v", err)
	}
}

// What a folder excludes is not known if the file cannot be read.
func TestListWithoutExclusions(t *testing.T) {
	fsys := failing{fstest.MapFS{
		"a.md": {}, "d/b.md": {}, "d/e/c.md": {}, "d/" + excludeFile: {}, "f/d.md": {},
	}, "d/" + excludeFile}
	list, err := List(t.Context(), fsys, Options{})
	if err != nil || len(list.Files) != 2 || len(list.Skipped) != 1 || list.Skipped[0].Path != "d" || !errors.Is(list.Skipped[0], fs.ErrPermission) {
		t.Errorf("%v, %+v", err, list)
	}
	fsys = failing{fstest.MapFS{"a.md": {}, excludeFile: {}}, excludeFile}
	if _, err := List(t.Context(), fsys, Options{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the top folder: %v", err)
	}
	large := fstest.MapFS{"a.md": {}, "d/b.md": {}, "d/" + excludeFile: {Data: make([]byte, maxExclude+1)}}
	if list, err := List(t.Context(), large, Options{}); err != nil || len(list.Files) != 1 || len(list.Skipped) != 1 {
		t.Errorf("%v, %+v", err, list)
	}
}

// failing is a file system with a file that cannot be opened.
type failing struct {
	fstest.MapFS
	name string
}

func (f failing) Open(name string) (fs.File, error) {
	if name == f.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return f.MapFS.Open(name)
}

// File gives what FS does, but for the ids of records.
func TestFile(t *testing.T) {
	text := `{"id":"7","text":"One."}` + "\n" + `{"text":"Two."}` + "\n" + `{"id":"7","text":"Three."}` + "\n" + `{"id":"t.jsonl#2","text":"Four."}` + "\nbad\n"
	var notes []Note
	res, err := File(t.Context(), "t.jsonl", strings.NewReader(text), Options{Note: func(n Note) { notes = append(notes, n) }})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, p := range res.Passages {
		ids = append(ids, p.ID+" "+p.Text)
	}
	want := []string{"t.jsonl#id:7 One.", "t.jsonl#2 Two.", "t.jsonl#3 Three.", "t.jsonl#id:t.jsonl#2 Four."}
	if !reflect.DeepEqual(ids, want) {
		t.Errorf("ids %q, want %q", ids, want)
	}
	if len(res.Skipped) != 1 || res.Skipped[0].Line != 5 || len(notes) != 1 || notes[0].Kind != NoteID || notes[0].Line != 3 {
		t.Errorf("skipped %v, notes %v", res.Skipped, notes)
	}
	page := "# T\n\nOne. Two.\n"
	all, err := FS(t.Context(), fstest.MapFS{"d/a.md": {Data: []byte(page)}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	one, err := File(t.Context(), "d/a.md", strings.NewReader(page), Options{})
	if err != nil || !reflect.DeepEqual(one.Passages, all.Passages) {
		t.Errorf("%v, %+v, want %+v", err, one.Passages, all.Passages)
	}
	none, err := File(t.Context(), "a.md", strings.NewReader(page), Options{MaxBytes: 3})
	if err != nil || len(none.Passages) > 0 || len(none.Skipped) != 1 || !errors.Is(none.Skipped[0], ErrTooLarge) {
		t.Errorf("%v, %+v", err, none)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := File(ctx, "a.md", strings.NewReader(page), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// Each option on which passages depend changes the fingerprint.
func TestFingerprint(t *testing.T) {
	seen := map[string]string{}
	check := func(what string, o *Options) {
		t.Helper()
		got, err := o.Fingerprint()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if seen[got] != "" {
			t.Errorf("%s has the fingerprint of %s", what, seen[got])
		}
		seen[got] = what
	}
	check("the zero value", &Options{})
	check("children", &Options{Children: &Split{}})
	change := func(what string, o *Options, v reflect.Value) {
		switch v.Kind() {
		case reflect.Bool:
			v.SetBool(true)
		case reflect.String:
			v.SetString("x")
		case reflect.Map:
			v.Set(reflect.ValueOf(map[string]filter.Kind{"year": filter.KindInt}))
		case reflect.Int, reflect.Int64:
			v.SetInt(3)
		default:
			v.SetUint(2)
		}
		check(what, o)
	}
	done := map[string]bool{"Formats": true, "Note": true, "Progress": true, "Exclude": true}
	for i := range reflect.TypeFor[Options]().NumField() {
		field := reflect.TypeFor[Options]().Field(i)
		o := &Options{Children: &Split{}}
		v := reflect.ValueOf(o).Elem().Field(i)
		switch {
		case done[field.Name], !field.IsExported():
		case field.Name == "Split", field.Name == "Children", field.Name == "Fields":
			for k := range reflect.Indirect(v).NumField() {
				o := &Options{Children: &Split{}}
				part := reflect.Indirect(reflect.ValueOf(o).Elem().Field(i))
				if name := part.Type().Field(k).Name; name == "Unit" { // tokens want a Count
					part.Field(k).SetUint(uint64(Sentences))
					check(field.Name+"."+name, o)
				} else if name != "Count" {
					change(field.Name+"."+name, o, part.Field(k))
				}
			}
		default:
			change(field.Name, o, v)
		}
	}
	same, err := Options{Split: Split{Size: 100}, MaxBytes: 0}.Fingerprint()
	if err != nil || seen[same] != "the zero value" {
		t.Errorf("defaults have another fingerprint than 0: %v", err)
	}
	if _, err := (Options{MaxBytes: -1}).Fingerprint(); !errors.Is(err, ErrOption) {
		t.Errorf("bad options: %v", err)
	}
}
