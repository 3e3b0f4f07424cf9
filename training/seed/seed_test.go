package seed

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/training"
)

// read returns the records, and of the other items a line each.
func read(t *testing.T, in io.Reader, layout Layout, set string) (list []training.Record, skipped []string) {
	t.Helper()
	r, err := NewReader(in, "f", layout, set)
	if err != nil {
		t.Fatal(err)
	}
	for record, err := range r.All() {
		if err != nil {
			skipped = append(skipped, err.Error())
			continue
		}
		if err := record.Check(); err != nil {
			t.Error(err)
		}
		list = append(list, record)
	}
	return list, skipped
}

// The records are those that the reference's programs made of the same files, which were
// written for this test.
func TestReleased(t *testing.T) {
	for _, tc := range []struct {
		file    string
		layout  Layout
		set     string
		skipped []string
	}{
		{"arc.jsonl", ARC, "", []string{"f:3: seed: skipped: not an answer of A to D"}},
		{"obqa.jsonl", OBQA, "", nil},
		{"asqa.json", ASQA, "", nil},
		{"nq.json", KILT, "nq", nil},
		{"fever.json", KILT, "fever", nil},
		{"wow.json", KILT, "wow", nil},
		{"trex.json", KILT, "trex", nil},
		{"open-instruct.jsonl", OpenInstruct, "flan_v2", []string{
			"f:4: seed: skipped: not one turn", "f:5: seed: skipped: more than 500 words on a side", "f:6: seed: skipped: more than 500 words on a side",
			"f:8: seed: skipped: no answer", "f:9: seed: skipped: not English", "f:10: seed: skipped: not English",
			"f:11: seed: skipped: not English", "f:12: seed: skipped: not English",
		}},
	} {
		t.Run(tc.file, func(t *testing.T) {
			in, err := os.ReadFile(filepath.Join("testdata", tc.file))
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(filepath.Join("testdata", strings.TrimSuffix(tc.file, filepath.Ext(tc.file))+".want.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var want []training.Record
			for r, err := range training.NewReader[training.Record](f, f.Name()).All() {
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, r)
			}
			for _, in := range []io.Reader{strings.NewReader(string(in)), iotest.OneByteReader(strings.NewReader(string(in)))} {
				got, skipped := read(t, in, tc.layout, tc.set)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("want -, got +:\n%s", diff)
				}
				if diff := cmp.Diff(tc.skipped, skipped); diff != "" {
					t.Errorf("skipped: want -, got +:\n%s", diff)
				}
			}
		})
	}
}

// What the reference fails at, or passes on as it is, is skipped with its line.
func TestSkipped(t *testing.T) {
	const four = `"choices":{"text":["a","b","c","d"]}`
	for _, tc := range []struct {
		layout   Layout
		set      string
		in, want string
	}{
		{ARC, "", `{"question":"q",` + four + `,"answerKey":"E"}`, "f:1: seed: skipped: not an answer of A to D"},
		{ARC, "", `{"question":"q",` + four + `}`, "f:1: seed: skipped: not an answer of A to D"},
		{ARC, "", `{"question":"q",` + four + `,"answerKey":"AB"}`, "f:1: seed: skipped: not an answer of A to D"},
		{ARC, "", `{` + four + `,"answerKey":"A"}`, `f:1: training: bad record: "question" is missing or empty`},
		{ARC, "", "\n3", "f:2: training: bad record: not a JSON object"},
		{OBQA, "", `{` + four + `,"answerKey":"A"}`, `f:1: training: bad record: "question_stem" is missing or empty`},
		{KILT, "fever", `{"question":"q","answers":["NOT ENOUGH INFO"]}`, "f:1: seed: skipped: an answer of fever that is neither SUPPORTS nor REFUTES"},
		{KILT, "nq", `{"question":"q","answers":[]}`, "f:1: seed: skipped: no answer"},
		{KILT, "nq", `{"question":"q","answers":[" "]}`, "f:1: seed: skipped: no answer"},
		{KILT, "nq", `{"answers":["a"]}`, `f:1: training: bad record: "question" is missing or empty`},
		{OpenInstruct, "x", `{"messages":[{"content":"a"}]}`, "f:1: seed: skipped: not one turn"},
		{OpenInstruct, "x", `{"messages":[]}`, `f:1: training: bad record: "messages" is missing or empty`},
		{OpenInstruct, "x", `{"messages":[{"content":"\n"},{"content":"the"}]}`, `f:1: training: bad record: "content" is missing or empty`},
		{OpenInstruct, "x", `{"messages":[{"content":"the"},{"content":"\n\n"}]}`, "f:1: seed: skipped: no answer"},
		{ASQA, "", `{"train":{` + "\n" + `"a":{"ambiguous_question":"q"}}}`, "f:2: seed: skipped: no answer"},
		{ASQA, "", "{\"train\":{\"a\":\n{}}}", `f:1: training: bad record: "ambiguous_question" is missing or empty`},
		{ASQA, "", `{"train":{"a":{}}}`, `f:1: training: bad record: "ambiguous_question" is missing or empty`},
		{ASQA, "", `{"train":{"a":{"ambiguous_question":"` + "\xff" + `"}}}`, "f:1: training: bad record: not UTF-8"},
		{ASQA, "", `{"train":{"a":{"ambiguous_question":1}}}`, "f:1: training: bad record: json: cannot unmarshal"},
		{ASQA, "", `{"dev":{"a":[1,{}]}}`, `f:1: training: bad record: want an object with the object "train"`},
		{ASQA, "", `[]`, `f:1: training: bad record: want an object with the object "train"`},
		{ASQA, "", `{"train":3}`, `f:1: training: bad record: want an object with the object "train"`},
		{ASQA, "", "", "f:1: unexpected EOF"},
		{ASQA, "", "{\n\"train\":{", "f:2: unexpected EOF"},
		{ASQA, "", `{"train":{"a":}}`, "f:1: invalid character"},
	} {
		list, skipped := read(t, strings.NewReader(tc.in), tc.layout, tc.set)
		if len(list) > 0 || len(skipped) != 1 || !strings.HasPrefix(skipped[0], tc.want) {
			t.Errorf("%s %s: %v, %q: want %s", tc.layout, tc.in, list, skipped, tc.want)
		}
	}
	r, err := NewReader(strings.NewReader(`{"question":"q","answers":[]}`), "f", KILT, "nq")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range r.All() {
		var line *dataset.LineError
		if !errors.Is(err, Unanswered) || !errors.As(err, &line) {
			t.Errorf("%v", err)
		}
	}
}

// Code and numbers are no language, and are kept if their letters are Latin.
func TestEnglish(t *testing.T) {
	for text, want := range map[string]bool{
		"The quick fox is on the hill.": true, "x = 3 + 4": true, "42": true, "42 лиса": false, "func main() { fmt.Println(1) }": true,
		"Der schnelle Fuchs ist auf dem Hügel und schläft.": false, "素早い狐": false, "быстрая лиса": false,
	} {
		if english(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func TestNewReaderErrors(t *testing.T) {
	for _, tc := range []struct {
		layout Layout
		set    string
	}{{"", ""}, {"squad", "squad"}, {KILT, ""}, {OpenInstruct, ""}} {
		if _, err := NewReader(strings.NewReader(""), "f", tc.layout, tc.set); !errors.Is(err, ErrLayout) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
	r, err := NewReader(iotest.ErrReader(io.ErrClosedPipe), "f", ASQA, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range r.All() {
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%v", err)
		}
	}
}

func TestStops(t *testing.T) {
	for layout, in := range map[Layout]string{
		ASQA: `{"train":{"a":{"ambiguous_question":"q","annotations":[{"long_answer":"a"}]},"b":3}}`,
		KILT: `[{"question":"q","answers":["a"]},3]`,
	} {
		r, err := NewReader(strings.NewReader(in), "f", layout, "x")
		if err != nil {
			t.Fatal(err)
		}
		for record, err := range r.All() {
			if err != nil || record.Instruction != "q" {
				t.Errorf("%+v, %v", record, err)
			}
			break
		}
	}
}

func Example() {
	file := `{"question":"Iron is a metal.","answers":["SUPPORTS"]}
{"question":"Iron is a plant.","answers":["NOT ENOUGH INFO"]}`
	r, err := NewReader(strings.NewReader(file), "fever.jsonl", KILT, "fever")
	if err != nil {
		fmt.Println(err)
		return
	}
	for record, err := range r.All() {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s: %q: %s\n", record.ID, record.Instruction, record.Output)
	}
	// Output:
	// fever_0: "Is the following statement correct or not? Say true if it's correct; otherwise say false.## Input:\n\nIron is a metal.": true
	// fever.jsonl:2: seed: skipped: an answer of fever that is neither SUPPORTS nor REFUTES
}

func FuzzASQA(f *testing.F) {
	f.Add(`{"dev":[1],"train":{"a":{"ambiguous_question":"q","annotations":[{"long_answer":"a"}]},"b":3}}`)
	f.Add("{\"train\":\n{")
	f.Fuzz(func(t *testing.T, in string) {
		r, err := NewReader(strings.NewReader(in), "f", ASQA, "")
		if err != nil {
			t.Fatal(err)
		}
		for record, err := range r.All() {
			if (err == nil) != (record.Instruction != "") {
				t.Fatalf("%+v, %v", record, err)
			}
		}
	})
}
