package data

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/ask"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/selfrag"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/label"
)

// folder is where a test writes, with a file of passages and one of seeds.
type folder struct {
	t   *testing.T
	dir string
}

func newFolder(t *testing.T) folder {
	f := folder{t, t.TempDir()}
	var passages, seeds strings.Builder
	for i := range 12 {
		fmt.Fprintf(&passages, `{"id":"p%d","title":"Tower %d","text":"Tower %d was built by Ada Kerr in 18%02d. It is %d meters high and is by the sea."}`+"\n", i, i, i, 10+i, 20+i)
		if i%2 == 0 {
			fmt.Fprintf(&seeds, `{"id":"q%d","question":"Who built tower %d?","answers":["Tower %d was built by Ada Kerr in 18%02d. It is %d meters high and is by the sea."]}`+"\n", i, i, i, 10+i, 20+i)
		} else {
			fmt.Fprintf(&seeds, `{"id":"q%d","instruction":"Who built tower %d?","output":"It was built by Ada Kerr in 18%02d, as is known.","dataset_name":"towers"}`+"\n", i, i, 10+i)
		}
	}
	f.write("p.jsonl", passages.String())
	f.write("s.jsonl", seeds.String())
	return f
}

func (f folder) name(name string) string { return filepath.Join(f.dir, name) }

func (f folder) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(f.name(name), []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f folder) read(name string) string {
	f.t.Helper()
	text, err := os.ReadFile(f.name(name))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

// run runs a command line, in which names that begin with @ are those of files in the folder.
func (f folder) run(line string) (code int, stdout, stderr string) {
	f.t.Helper()
	args := strings.Fields(line)
	for i := range args {
		args[i] = strings.Replace(args[i], "@", f.dir+string(filepath.Separator), 1)
	}
	var out, errs bytes.Buffer
	code = command.Run(f.t.Context(), args, &out, &errs, Command(), ask.Command())
	return code, out.String(), errs.String()
}

func (f folder) good(line string) (stdout, stderr string) {
	f.t.Helper()
	code, stdout, stderr := f.run(line)
	if code != 0 {
		f.t.Fatalf("%s: exit code %d\n%s%s", line, code, stdout, stderr)
	}
	return stdout, stderr
}

func count[T training.Checked](f folder, name string) int {
	f.t.Helper()
	n := 0
	for _, err := range training.NewReader[T](strings.NewReader(f.read(name)), name).All() {
		if err != nil {
			f.t.Fatal(err)
		}
		n++
	}
	return n
}

// Critic data of the embedded model: labels, splits, agreement with itself, resumption.
func TestCritic(t *testing.T) {
	f := newFolder(t)
	in := "data critic -seeds @s.jsonl -corpus @p.jsonl -utility 4 "
	_, errs := f.good(in + "-plan")
	if !strings.Contains(errs, "labels: at most") {
		t.Error(errs)
	}
	code, _, errs := f.run(in + "-out @train -remember @memory -calls 30")
	if _, err := os.Stat(f.name("train")); code != 1 || err == nil || !strings.Contains(errs, "give the same command again to go on") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	out, _ := f.good(in + "-out @train -dev @dev -dev-size 20 -labels @labels -remember @memory")
	whole, _ := f.good(in + "-out @train2 -dev @dev2 -dev-size 20 -labels @labels2 -workers 1")
	for _, name := range []string{"train", "dev", "labels"} {
		if f.read(name) != f.read(name+"2") {
			t.Errorf("%s of the run that went on is another one", name)
		}
	}
	if out != whole || !strings.Contains(out, "relevance") || !strings.Contains(out, "(rejected)") {
		t.Error(out)
	}
	train, dev, all := count[training.CriticRecord](f, "train"), count[training.CriticRecord](f, "dev"), count[label.Labeled](f, "labels")
	if dev < 20 || train == 0 || train+dev > all {
		t.Errorf("%d and %d of %d labels", train, dev, all)
	}
	// The labels are the source now, and agree with themselves.
	out, _ = f.good(in + "-critic Retrieve=@labels -critic isrel=@labels -critic IsSUP=@labels -out @train3 -agree @labels -most relevance=0.9 -relevant 0.7 -tasks relevance")
	if !strings.Contains(out, "1.000 to 1.000") || strings.Contains(out, "retrieval") {
		t.Error(out)
	}
	// Records with their passages.
	f.write("records", `{"instruction":"Who?","target_output":"Ada Kerr.","evidence":"Tower\nBuilt by Ada Kerr.","output":"Ada Kerr.","q_id":1,"sent_idx":0,"p_id":"p"}`+"\n")
	if out, _ = f.good("data critic -records @records -out @train4 -tasks relevance"); !strings.Contains(out, "1 records to train on") {
		t.Error(out)
	}
}

// Generator data of the embedded model: records, variants, noise, resumption.
func TestGenerate(t *testing.T) {
	f := newFolder(t)
	in := "data generate -seeds @s.jsonl -corpus @p.jsonl -utility 5 "
	if _, errs := f.good(in + "-plan"); !strings.Contains(errs, "12 seeds") {
		t.Error(errs)
	}
	code, _, errs := f.run(in + "-out @made -remember @memory -calls 40")
	if code != 1 || !strings.Contains(errs, "give the same command again to go on") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	f.good(in + "-out @made -remember @memory -dropped @dropped")
	out, _ := f.good(in + "-out @made2 -workers 1")
	if f.read("made") != f.read("made2") || !strings.HasPrefix(out, "12 seeds, ") {
		t.Errorf("%s\n%s", out, f.read("made"))
	}
	records := 0
	for r, err := range training.NewReader[training.Record](strings.NewReader(f.read("made")), "made").All() {
		if err != nil {
			t.Fatal(err)
		}
		o, err := training.Parse(r.Output)
		if err != nil || len(o.Segments) == 0 || r.Masked == nil {
			t.Errorf("%+v, %v", r, err)
		}
		records++
	}
	if records == 0 {
		t.Error("no record was made")
	}
	f.good(in + "-out @released -rules released,negative-samples")
	f.good(in + "-out @noisy -noise 1")
	if f.read("noisy") == f.read("made") {
		t.Error("labels drawn at random change nothing")
	}
	f.write("same", `{"IsREL":[[1,0],[0,1]]}`)
	f.good(in + "-out @same-records -confusion @same")
	if f.read("same-records") != f.read("made") {
		t.Error("a confusion matrix that changes nothing changes the records")
	}
	f.good("data generate -seeds @s.jsonl -variant no-retriever -out @plain")
	f.good("data generate -seeds @s.jsonl -variant no-critic -corpus @p.jsonl -out @first")
	if n := count[training.Record](f, "first"); n != 12 || strings.Contains(f.read("plain"), "[") && strings.Contains(f.read("plain"), "[Utility") {
		t.Errorf("%d records", n)
	}
	f.write("kilt", `[{"question":"Who built tower 3?","answers":["Ada Kerr"]},{"question":"And?","answers":[]}]`)
	if out, errs := f.good("data generate -seeds @kilt -layout kilt -set nq -corpus @p.jsonl -utility 5 -out @kilt-records"); !strings.HasPrefix(out, "1 seeds") || !strings.Contains(errs, "left out: no answer: 1") {
		t.Errorf("%s%s", out, errs)
	}
	if out, _ := f.good("data check @made"); !strings.Contains(out, "records") {
		t.Error(out)
	}
}

// The embedded model judges no utility: without -utility no record is made, and the command
// says what to change.
func TestGenerateWithoutUtility(t *testing.T) {
	f := newFolder(t)
	const advice = "\nNo utility was judged: name a model that follows instructions by -generator, or give -utility N.\n"
	out, _ := f.good("data generate -seeds @s.jsonl -corpus @p.jsonl -out @made")
	if !strings.HasPrefix(out, "12 seeds, 0 records ") || !strings.HasSuffix(out, advice) {
		t.Errorf("without -utility: %s", out)
	}
	if out, _ := f.good("data generate -seeds @s.jsonl -corpus @p.jsonl -utility 5 -out @made"); strings.Contains(out, advice) {
		t.Errorf("with -utility: %s", out)
	}
}

// Pairs of an answer with its trace.
func TestPairs(t *testing.T) {
	f := newFolder(t)
	passages, err := dataset.Passages(f.name("p.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	index, err := lexical.New(t.Context(), passages, lexical.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := selfrag.New(extractive.New(), index, selfrag.WithMode(selfrag.Always))
	if err != nil {
		t.Fatal(err)
	}
	var traces bytes.Buffer
	enc := json.NewEncoder(&traces)
	for _, q := range []string{"Who built tower 3?", "How high is tower 4?"} {
		answer, err := engine.Answer(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []any{answer, answer.Trace} {
			if err := enc.Encode(line); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.write("traces", traces.String()+`{"answer":"no trace"}`+"\n")
	out, _ := f.good("data pairs -out @pairs -form text -per-point 3 @traces")
	if !strings.HasSuffix(out, " pairs of 4 traces; 1 lines have no trace\n") || strings.HasPrefix(out, "0 ") {
		t.Errorf("%s\n%s", out, f.read("pairs"))
	}
	f.write("bad", `{"trace":{"version":99}}`)
	if code, _, errs := f.run("data pairs -out @pairs @bad"); code != 1 || !strings.Contains(errs, "version 99") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// Wrong command lines are refused before any work.
func TestWrongLines(t *testing.T) {
	f := newFolder(t)
	f.write("labels", `{"task":"relevance"}`)
	for _, line := range []string{
		"data critic", "data critic -seeds @s.jsonl -out @o", "data critic -seeds @s.jsonl -corpus @p.jsonl", "data critic -seeds @s.jsonl -records @s.jsonl -corpus @p.jsonl -out @o",
		"data critic -records @s.jsonl -corpus @p.jsonl -out @o", "data critic -seeds @s.jsonl -corpus @p.jsonl -out @s.jsonl", "data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -dev @o",
		"data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -tasks grounding", "data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -most 0.5", "data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -most utility=0", "data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -relevant 2",
		"data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -dev-size 0", "data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -k 0", "data critic -seeds @s.jsonl -corpus @p.jsonl -docs @. -out @o",
		"data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -workers 0", "data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -critic IsREL", "data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -critic None=@labels",
		"data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -critic IsREL=@labels", "data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -utility 6", "data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -calls -1",
		"data generate", "data generate -seeds @s.jsonl -out @o", "data generate -seeds @s.jsonl -corpus @p.jsonl", "data generate -seeds @s.jsonl -corpus @p.jsonl -out @o -rules nq",
		"data generate -seeds @s.jsonl -corpus @p.jsonl -out @o -variant half", "data generate -seeds @s.jsonl -corpus @p.jsonl -out @o -mask all", "data generate -seeds @s.jsonl -corpus @p.jsonl -out @o -noise 2",
		"data generate -seeds @s.jsonl -corpus @p.jsonl -out @o -noise 0.5 -confusion @p.jsonl", "data generate -seeds @s.jsonl -corpus @p.jsonl -out @o -confusion @p.jsonl", "data generate -seeds @s.jsonl -corpus @p.jsonl -out @o -k 0",
		"data generate -seeds @s.jsonl -corpus @p.jsonl -out @o -layout nq", "data generate -seeds @s.jsonl -corpus @p.jsonl -out @o -set nq",
		"data pairs -out @o", "data pairs @s.jsonl", "data pairs -out @o -form chat @s.jsonl", "data pairs -out @o -per-point 0 @s.jsonl", "data pairs -out @o -least -1 @s.jsonl", "data pairs -out @o -mask no @s.jsonl",
	} {
		code, stdout, errs := f.run(line)
		if code != 2 || stdout != "" || strings.Contains(errs, "Options") {
			t.Errorf("%s: exit code %d\n%s%s", line, code, stdout, errs)
		}
		if _, err := os.Stat(f.name("o")); err == nil {
			t.Fatalf("%s: the file was written", line)
		}
	}
	for _, line := range []string{
		"data generate -seeds @none -corpus @p.jsonl -out @o", "data generate -seeds @p.jsonl -corpus @p.jsonl -out @o", "data generate -seeds @s.jsonl -corpus @none -out @o", "data critic -seeds @s.jsonl -corpus @p.jsonl -out @none/o",
		"data critic -seeds @s.jsonl -corpus @p.jsonl -out @o -agree @none", "data pairs -out @o @none",
	} {
		if code, stdout, errs := f.run(line); code != 1 || stdout != "" || errs == "" {
			t.Errorf("%s: exit code %d\n%s%s", line, code, stdout, errs)
		}
	}
}
