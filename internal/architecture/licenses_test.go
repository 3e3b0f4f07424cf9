package architecture

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// marks maps licenses to what their texts contain.
var marks = map[string][]string{
	"MIT":          {"Permission is hereby granted, free of charge", "this permission notice"},
	"MIT-0":        {"MIT No Attribution"},
	"BSD-2-Clause": {"Redistribution and use in source and binary forms", "2-Clause"},
	"BSD-3-Clause": {"Redistribution and use in source and binary forms", "Neither the name"},
	"Apache-2.0":   {"Apache License"},
	"CC0-1.0":      {"CC0 1.0 Universal"},
}

// licenseRows returns the first two cells of the rows below a heading of docs/licenses.md.
func licenseRows(t *testing.T, heading string) (rows [][2]string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/licenses.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, ok := strings.Cut(string(text), "## "+heading+"\n")
	if !ok {
		t.Fatalf("docs/licenses.md has no heading %q", heading)
	}
	part, _, _ = strings.Cut(part, "\n## ")
	for line := range strings.Lines(part) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) >= 2 && strings.Contains(cells[0]+cells[1], "`") {
			rows = append(rows, [2]string{strings.Trim(cells[0], "`"), cells[1]})
		}
	}
	return rows
}

// Every module that is linked on some system is listed, with the license that its license
// file holds, and no other.
func TestModuleLicenses(t *testing.T) {
	linked := map[string]string{} // to folders
	for _, system := range []string{"linux", "darwin", "windows"} {
		t.Setenv("GOOS", system)
		for _, line := range goList(t, "-deps", "-f", "{{with .Module}}{{.Path}}\t{{.Dir}}{{end}}", module+"/...") {
			if name, dir, ok := strings.Cut(line, "\t"); ok && name != module {
				linked[name] = dir
			}
		}
	}
	if len(linked) < 20 {
		t.Fatalf("go list names %d modules: want more", len(linked))
	}
	for _, row := range licenseRows(t, "Modules") {
		name, license := row[0], row[1]
		dir, ok := linked[name]
		if !ok {
			t.Errorf("docs/licenses.md lists %s, which is not linked", name)
			continue
		}
		delete(linked, name)
		text := licenseText(t, dir)
		for _, one := range strings.Split(license, " and ") {
			if len(marks[one]) == 0 {
				t.Errorf("%s: the test does not know the license %q", name, one)
			}
			for _, mark := range marks[one] {
				if !strings.Contains(text, mark) {
					t.Errorf("%s: docs/licenses.md says %s, but its license file does not contain %q", name, license, mark)
				}
			}
		}
	}
	for name, dir := range linked {
		t.Errorf("docs/licenses.md does not list %s, which is linked: see its license in %s", name, dir)
	}
}

// licenseText returns the license files of a module, white space folded.
func licenseText(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if strings.HasPrefix(name, "LICENSE") || strings.HasPrefix(name, "COPYING") {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			text.Write(b)
		}
	}
	return strings.Join(strings.Fields(text.String()), " ")
}

var embedding = regexp.MustCompile(`(?m)^//go:embed (.+)$`)

// Every file that a package embeds is listed, and no other; and data within modules is in
// modules that are linked.
func TestEmbeddedFiles(t *testing.T) {
	var want []string
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".go" {
			return err
		}
		text, err := fs.ReadFile(root, name)
		for _, m := range embedding.FindAllStringSubmatch(string(text), -1) {
			for _, pattern := range strings.Fields(m[1]) {
				want = append(want, path.Join(path.Dir(name), pattern))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range licenseRows(t, "Files in this repository") {
		got = append(got, row[0])
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("docs/licenses.md lists the files %q: want %q", got, want)
	}
	var modules []string
	for _, row := range licenseRows(t, "Modules") {
		modules = append(modules, row[0])
	}
	for _, row := range licenseRows(t, "Data within modules") {
		for _, name := range strings.Split(row[1], ", ") {
			if !slices.Contains(modules, strings.Trim(name, "`")) {
				t.Errorf("docs/licenses.md lists data in %s, which is no module of its list", name)
			}
		}
	}
}

// The languages whose stop words come from a module are those that the list names.
func TestStopWordLicenses(t *testing.T) {
	var got, want []string
	for _, row := range licenseRows(t, "Data within modules") {
		if codes, ok := strings.CutPrefix(row[0], "stop words of "); ok {
			got = append(got, strings.Split(codes, ", ")...)
		}
	}
	for _, imported := range goList(t, "-f", `{{join .Imports "\n"}}`, module+"/internal/analysis/keyword") {
		if code, ok := strings.CutPrefix(imported, "github.com/blevesearch/bleve/v2/analysis/lang/"); ok {
			want = append(want, code)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("docs/licenses.md lists stop words of %q: want %q", got, want)
	}
}
