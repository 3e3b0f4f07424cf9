// Package analysistest has a sample of many scripts and the results of each
// analyzer of the module for it, so that every change of an analyzer is noticed.
package analysistest

import (
	"embed"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

//go:embed testdata/*.txt
var files embed.FS

var update = flag.Bool("update", false, "write what the analyzers make of the sample anew")

// Sample returns the texts of the sample. Some hold line breaks, bytes that are not
// UTF-8, and characters in composed and decomposed form.
func Sample(t *testing.T) []string {
	t.Helper()
	data, err := files.ReadFile("testdata/sample.txt")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for line := range strings.Lines(string(data)) {
		text, err := strconv.Unquote(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		texts = append(texts, text)
	}
	return texts
}

// Pinned compares the results of an analyzer for each text of the sample with the
// file of that name, or writes the file with -update. The result of analyze must be
// ASCII, such as that of the verb %+q.
func Pinned(t *testing.T, name string, analyze func(text string) string) {
	t.Helper()
	var b strings.Builder
	for _, text := range Sample(t) {
		b.WriteString(strconv.QuoteToASCII(text) + "\n\t" + analyze(text) + "\n")
	}
	name += ".txt"
	if *update {
		_, here, _, _ := runtime.Caller(0)
		if err := os.WriteFile(filepath.Join(filepath.Dir(here), "testdata", name), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	data, err := files.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	want, got := strings.Split(string(data), "\n"), strings.Split(b.String(), "\n")
	if len(want) != len(got) {
		t.Fatalf("%s has %d lines, now there are %d: has the sample changed?", name, len(want), len(got))
	}
	for i := range want {
		if want[i] != got[i] {
			t.Errorf("%s, line %d:\n got %s\nwant %s", name, i+1, got[i], want[i])
		}
	}
}
