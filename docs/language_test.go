package docs

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// banned are words and phrases that made comments and pages hard to read, each with what to
// write in its place.
var banned = []struct{ phrase, better string }{
	{`(^|[^-\w])(stands?|standing|stood)($|[^-\w])`, "say what it is: is, is in, is at, means"},
	{`\bwhoever\b|\bwhatever it is\b`, "name who acts"},
	{`\bof which it\b|\bthose of which\b`, "begin another sentence"},
	{`\btakes? no offen[cs]e\b|\bdispleas|\bis a wish\b|\bsees to it\b`, "code has no feelings: say what it does"},
	{`\bwhat holds\b|\bwhere to read on\b|\bthe way of the data\b`, "use the words that a reader searches for: guarantees, next steps, data flow"},
}

// The comments of all Go files and the text of all pages are without these phrases.
func TestLanguage(t *testing.T) {
	var list []*regexp.Regexp
	for _, b := range banned {
		list = append(list, regexp.MustCompile(`(?i)`+b.phrase))
	}
	check := func(name string, line int, text string) {
		for i, b := range list {
			if found := b.FindString(text); found != "" {
				t.Errorf("%s:%d: %q: %s", name, line, strings.TrimSpace(found), banned[i].better)
			}
		}
	}
	files := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		switch {
		case d.IsDir() && (name == "testdata" || len(name) > 2 && name[0] == '.'):
			return filepath.SkipDir
		case filepath.Ext(name) == ".go" && !d.IsDir():
			files++
			comments(read(t, path), func(line int, text string) { check(path, line, text) })
		case filepath.Ext(name) == ".md":
			files++
			code := false
			for i, line := range strings.Split(read(t, path), "\n") {
				if strings.HasPrefix(strings.TrimSpace(line), "```") {
					code = !code
				}
				if !code || name == "prompts.md" { // its blocks are prompts, which are ours, too
					check(path, i+1, line)
				}
			}
		}
		return nil
	})
	if err != nil || files < 100 {
		t.Errorf("%d files: %v", files, err)
	}
}

// comments calls f with each line of each comment of a Go file.
func comments(source string, f func(line int, text string)) {
	set := token.NewFileSet()
	file := set.AddFile("", set.Base(), len(source))
	var s scanner.Scanner
	s.Init(file, []byte(source), nil, scanner.ScanComments)
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return
		}
		if tok != token.COMMENT || strings.HasPrefix(text, "// Output:") {
			continue
		}
		for i, line := range strings.Split(text, "\n") {
			f(set.Position(pos).Line+i, line)
		}
	}
}
