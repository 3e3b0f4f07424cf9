package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/tools/internal/annset"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// runProgram runs the program and returns what it prints.
func runProgram(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, t.TempDir())
	}
	c, err := parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	c.pass, c.window = time.Millisecond, 20*time.Millisecond
	var out, log bytes.Buffer
	if err := run(t.Context(), c, &out, &log); err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	return out.String(), log.String()
}

// lines parses JSON lines. Fields of points and of figures that the other lacks are zero.
func lines(t *testing.T, stdout string) (points []point, figures []figure) {
	t.Helper()
	for line := range strings.Lines(stdout) {
		var p point
		var f figure
		for _, v := range []any{&p, &f} {
			if err := json.Unmarshal([]byte(line), v); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
		if f.Measure == "" {
			points = append(points, p)
		} else {
			figures = append(figures, f)
		}
	}
	return points, figures
}

func TestSearch(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "curves.svg")
	stdout, _ := runProgram(t, "-set", "b", "-n", "400", "-queries", "20", "-rounds", "1", "-ef", "20,40",
		"-lib", "hnsw,hnsw-int8,hnsw-int8only,flat,chromem", "-json", "-plot", picture)
	points, _ := lines(t, stdout)
	var got []string
	for _, p := range points {
		got = append(got, p.Lib)
		least := map[string]float64{"hnsw": 0.9, "hnsw-int8": 0.9, "hnsw-int8only": 0.8, "flat": 1, "chromem": 1}[p.Lib]
		if p.Recall < least || p.Recall > 1 {
			t.Errorf("%s at ef %d: recall %v, want %v to 1", p.Lib, p.EF, p.Recall, least)
		}
		if exhaustive := entries[p.Lib].exhaustive; exhaustive != (p.EF == 0) {
			t.Errorf("%s has ef %d", p.Lib, p.EF)
		}
		if p.QPS <= 0 || p.BuildS < 0 || p.Set != "b" || p.N != 400 || p.Dim != 768 || p.Metric != "cosine" || p.K != 10 || p.Queries != 20 || p.Rounds != 1 {
			t.Errorf("%+v", p)
		}
		if raw := int64(400 * 768); p.Bytes < raw || p.Bytes > 8*raw {
			t.Errorf("%s takes %d bytes: its vectors take %d as int8", p.Lib, p.Bytes, raw)
		}
	}
	want := []string{"hnsw", "hnsw", "hnsw-int8", "hnsw-int8", "hnsw-int8only", "hnsw-int8only", "flat", "chromem"}
	if !slices.Equal(got, want) {
		t.Errorf("lines of %v, want %v", got, want)
	}
	svg, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "hnsw-int8", "recall@10", "set b: 400 vectors"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the picture lacks %q", want)
		}
	}
}

// The names and types of these fields are relied on.
func TestFieldsOfALine(t *testing.T) {
	stdout, _ := runProgram(t, "-n", "50", "-queries", "5", "-rounds", "1", "-ef", "20", "-lib", "hnsw", "-json")
	var line map[string]any
	if err := json.Unmarshal([]byte(stdout), &line); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ef", "recall", "qps", "build_s", "bytes"} {
		if _, ok := line[name].(float64); !ok {
			t.Errorf("%s is %v", name, line[name])
		}
	}
	if line["lib"] != "hnsw" {
		t.Errorf("lib is %v", line["lib"])
	}
}

func TestMeasures(t *testing.T) {
	stdout, stderr := runProgram(t, "-n", "400", "-queries", "20", "-rounds", "1", "-ef", "10", "-k", "5",
		"-lib", "hnsw,hnsw-int8", "-measure", "build,memory,scan,open,churn", "-json")
	_, figures := lines(t, stdout)
	units := map[string]bool{}
	for _, f := range figures {
		units[f.Measure+" "+f.Lib+" "+f.Unit] = true
		if f.Value <= 0 || f.Low > f.Value || f.High < f.Value {
			t.Errorf("%+v", f)
		}
		if f.Measure == "scan" && f.Unit == "qps" && f.Note != "recall 1.0000" {
			t.Errorf("an exhaustive search has %s", f.Note)
		}
	}
	for _, want := range []string{"build hnsw s", "build hnsw-int8 s", "memory hnsw bytes", "scan flat ratio", "scan chromem qps", "open hnsw s"} {
		if !units[want] {
			t.Errorf("no figure %q\n%s\n%s", want, stdout, stderr)
		}
	}
}

func TestWithoutCompiler(t *testing.T) {
	t.Setenv("CXX", "no-such-compiler")
	stdout, stderr := runProgram(t, "-n", "50", "-queries", "5", "-rounds", "1", "-lib", "hnswlib,flat,faiss,chromem", "-json")
	points, _ := lines(t, stdout)
	if len(points) != 1 || points[0].Lib != "flat" {
		t.Errorf("lines %+v, want one of flat", points)
	}
	for _, want := range []string{"hnswlib is left out", "libhnswlib-dev", "faiss is left out", "libfaiss-dev", "chromem is left out: chromem-go knows cosine only"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("standard error lacks %q:\n%s", want, stderr)
		}
	}
}

// The drivers, where their libraries are installed.
func TestDrivers(t *testing.T) {
	t.Setenv("CXXFLAGS", "-O1") // compiles faster
	stdout, stderr := runProgram(t, "-n", "500", "-queries", "20", "-rounds", "1", "-ef", "10,40", "-lib", "hnsw,hnswlib,faiss",
		"-measure", "search,ratio,memory,open", "-json")
	points, figures := lines(t, stdout)
	for _, name := range []string{"hnswlib", "faiss"} {
		if strings.Contains(stderr, name+" is left out") {
			t.Logf("%s is not installed", name)
			continue
		}
		of := 0
		for _, p := range points {
			if p.Lib == name {
				of++
				if p.Recall < 0.85 || p.QPS <= 0 || p.BuildS <= 0 || p.Bytes <= 0 {
					t.Errorf("%+v", p)
				}
			}
		}
		if of != 2 {
			t.Errorf("%d lines of %s, want 2", of, name)
		}
		if !slices.ContainsFunc(figures, func(f figure) bool { return f.Measure == "ratio" && f.Against == name }) {
			t.Errorf("no ratio to %s:\n%s", name, stderr)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	s := annset.Mixture{Metric: annset.L2, Dim: 4, Clusters: 3, Rank: 2, Center: 1, Noise: 0.1, Seed: 1}.Set(60, 10)
	for name, v := range map[string]annset.Vectors{"base": s.Base, "query": s.Queries} {
		var b bytes.Buffer
		if err := annset.WriteFvecs(&b, v); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".fvecs"), b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	base, query := filepath.Join(dir, "base.fvecs"), filepath.Join(dir, "query.fvecs")
	for _, tt := range []struct {
		name       string
		args       []string
		n, queries int
		metric     string
	}{
		{"with queries", []string{"-query", query, "-metric", "cosine"}, 60, 10, "cosine"},
		{"fewer", []string{"-query", query, "-n", "20", "-queries", "3"}, 20, 3, "l2"},
		{"held back", []string{"-queries", "15"}, 45, 15, "l2"},
		{"held back, fewer", []string{"-queries", "15", "-n", "30"}, 30, 15, "l2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, _ := runProgram(t, append([]string{"-set", base, "-k", "3", "-rounds", "1", "-lib", "flat", "-json"}, tt.args...)...)
			points, _ := lines(t, stdout)
			if len(points) != 1 || points[0].N != tt.n || points[0].Queries != tt.queries || points[0].Metric != tt.metric || points[0].Recall != 1 || points[0].Set != "base" {
				t.Errorf("%+v, want %d vectors, %d queries, %s", points, tt.n, tt.queries, tt.metric)
			}
		})
	}
	for name, args := range map[string][]string{
		"all queries":    {"-set", base, "-queries", "60"},
		"no such file":   {"-set", filepath.Join(dir, "none.fvecs")},
		"k above n":      {"-set", base, "-query", query, "-k", "61"},
		"unknown metric": {"-set", base, "-metric", "l1"},
	} {
		c, err := parse(args, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), c, io.Discard, io.Discard); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-lib", "hnsw,annoy"}, `-lib has "annoy": want some of chromem, coder`},
		{[]string{"-measure", "all"}, `-measure has "all": want some of build`},
		{[]string{"-ef", "16,x"}, `-ef has "x"`},
		{[]string{"-ef", "0"}, `-ef has "0"`},
		{[]string{"-n", "-1"}, "-n is -1: want at least 0"},
		{[]string{"-rounds", "0"}, "-rounds is 0"},
		{[]string{"-query", "q.fvecs"}, "-query goes with -set FILE"},
		{[]string{"a"}, `unexpected argument "a"`},
	} {
		if _, err := parse(tt.args, io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: error %v, want %q", tt.args, err, tt.want)
		}
	}
}

func TestTables(t *testing.T) {
	for _, tt := range []struct {
		markdown bool
		want     string
	}{
		{false, "lib   ef  recall  qps   build_s  MiB\nhnsw  16  0.9500  1234  2.5      2.0\n\n" +
			"measure  lib   against  what  value  unit   rounds       note\nratio    hnsw  faiss    qps   2.00   ratio  1.00 – 3.00  n\n\n"},
		{true, "| lib | ef | recall | qps | build_s | MiB |\n| --- | --- | --- | --- | --- | --- |\n| hnsw | 16 | 0.9500 | 1234 | 2.5 | 2.0 |\n\n" +
			"| measure | lib | against | what | value | unit | rounds | note |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n| ratio | hnsw | faiss | qps | 2.00 | ratio | 1.00 – 3.00 | n |\n\n"},
	} {
		var b strings.Builder
		o := &output{w: &b, markdown: tt.markdown}
		if err := o.point(point{Lib: "hnsw", EF: 16, Recall: 0.95, QPS: 1234, BuildS: 2.5, Bytes: 2 << 20}); err != nil {
			t.Fatal(err)
		}
		if err := o.figure(rounds("ratio", "qps", "hnsw", "faiss", "ratio", []float64{1, 3, 2}, "n")); err != nil {
			t.Fatal(err)
		}
		if err := o.flush(); err != nil {
			t.Fatal(err)
		}
		if b.String() != tt.want {
			t.Errorf("printed\n%s\nwant\n%s", b.String(), tt.want)
		}
	}
}
