package training

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

const released = `{"instruction": "Who?", "output": "[No Retrieval]É.[Utility:5]", "input": "", "id": "nq_1", "dataset_name": "nq"}`

// read returns what a reader yields, each as one line.
func read[T Checked](in io.Reader) (list []string) {
	r := NewReader[T](in, "f")
	for v, err := range r.All() {
		b, _ := json.Marshal(v)
		list = append(list, fmt.Sprintf("%d %s %v", r.Line(), b, err))
	}
	return list
}

func TestReader(t *testing.T) {
	const a, b = `{"instruction":"a","output":"x","input":"","id":"1","dataset_name":""}`, `{"instruction":"b","output":"y","input":"","id":"2","dataset_name":"","masked":[[0,1]]}`
	const none = `{"instruction":"","output":"","input":"","id":"","dataset_name":""}`
	for _, tc := range []struct {
		name, in string
		want     []string
	}{
		{"empty", "", nil},
		{"blank", "\uFEFF \n\n", nil},
		{"lines", a + "\n\n" + b, []string{"1 " + a + " <nil>", "3 " + b + " <nil>"}},
		{"mark and line ends", "\uFEFF" + a + "\r\n" + b + "\r\n", []string{"1 " + a + " <nil>", "2 " + b + " <nil>"}},
		{"blank first", "\n  \n " + a, []string{"3 " + a + " <nil>"}},
		{"array", "[" + a + ",\n\n" + b + "]\n", []string{"1 " + a + " <nil>", "3 " + b + " <nil>"}},
		{"array over lines", " [\n" + strings.ReplaceAll(a, ",", ",\n") + "\n,\n" + b + "\n]", []string{"2 " + a + " <nil>", "8 " + b + " <nil>"}},
		{"empty array", "[ ]", nil},
		{"brackets in strings", `[{"instruction":"]},\"[","output":"x"}]`, []string{`1 {"instruction":"]},\"[","output":"x","input":"","id":"","dataset_name":""} <nil>`}},
		{"numbers as ids", `{"instruction":"a","output":"x","id":1}`, []string{"1 " + a + " <nil>"}},
		{"other fields, null", `{"instruction":"a","output":"x","id":"1","input":null,"topic":{}}`, []string{"1 " + a + " <nil>"}},
		{"a bad line between", a + "\n{\n" + b, []string{
			"1 " + a + " <nil>", "2 " + none + " f:2: training: bad record: unexpected end of JSON input", "3 " + b + " <nil>"}},
		{"no object", "null\n" + a, []string{"1 " + none + " f:1: training: bad record: not a JSON object", "2 " + a + " <nil>"}},
		{"not UTF-8", "{\"instruction\":\"\xff\"}\n" + a, []string{"1 " + none + " f:1: training: bad record: not UTF-8", "2 " + a + " <nil>"}},
		{"a field is missing", `{"instruction":"a"}`, []string{`1 {"instruction":"a","output":"","input":"","id":"","dataset_name":""} f:1: training: bad record: "output" is missing or blank`}},
		{"the mask is wrong", `{"instruction":"a","output":"x","masked":[[0,2]]}`, []string{
			`1 {"instruction":"a","output":"x","input":"","id":"","dataset_name":"","masked":[[0,2]]} f:1: masked[0]: training: bad record: the text ends before code point 2`}},
		{"array with a bad element", "[" + a + ",\n3,\n" + b + "]", []string{
			"1 " + a + " <nil>", "2 " + none + " f:2: training: bad record: not a JSON object", "3 " + b + " <nil>"}},
		{"array without end", "[" + a + "\n", []string{"1 " + none + " f:1: training: bad record: the array has no end"}},
		{"array with an end too many", "[" + a + "]\n]", []string{"1 " + a + " <nil>", "2 " + none + " f:2: training: bad record: text follows the array"}},
		{"array with a comma too many", "[" + a + ",]", []string{"1 " + a + " <nil>", "1 " + none + " f:1: training: bad record: an element of the array is missing"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, read[Record](strings.NewReader(tc.in))); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, read[Record](iotest.OneByteReader(strings.NewReader(tc.in)))); diff != "" {
				t.Errorf("byte by byte: want -, got +:\n%s", diff)
			}
		})
	}
}

func TestReaderLarge(t *testing.T) {
	const most = 100_000
	large := `{"instruction":"` + strings.Repeat("a", most) + `"}`
	read := func(in string) (list []string) {
		r := NewReader[Record](strings.NewReader(in), "f")
		if r.most != 16<<20 {
			t.Errorf("a record may have %d bytes", r.most)
		}
		r.most = most
		for v, err := range r.All() {
			list = append(list, fmt.Sprintf("%d %s %v", r.Line(), v.ID, err))
		}
		return list
	}
	const tooLarge = "training: bad record: it has more than 16 MiB"
	got := read(released + "\n" + large + "\n" + released + "\n" + large)
	if diff := cmp.Diff([]string{"1 nq_1 <nil>", "2  f:2: " + tooLarge, "3 nq_1 <nil>", "4  f:4: " + tooLarge}, got); diff != "" {
		t.Errorf("lines: want -, got +:\n%s", diff)
	}
	got = read("[" + released + ",\n" + large + "," + released)
	if diff := cmp.Diff([]string{"1 nq_1 <nil>", "2  f:2: " + tooLarge + ", and the array cannot be read on"}, got); diff != "" {
		t.Errorf("array: want -, got +:\n%s", diff)
	}
}

func TestReaderFails(t *testing.T) {
	broken := errors.New("broken")
	got := read[Record](io.MultiReader(strings.NewReader(released+"\n"), iotest.ErrReader(broken)))
	if len(got) != 2 || !strings.HasSuffix(got[1], "f:2: broken") {
		t.Errorf("a reader that fails: %q", got)
	}
}

func TestReaderStops(t *testing.T) {
	r := NewReader[Record](strings.NewReader(released+"\n"+released), "f")
	for range r.All() {
		break
	}
	if r.Line() != 1 {
		t.Errorf("line %d", r.Line())
	}
	r = NewReader[Record](strings.NewReader("{"), "f")
	for _, err := range r.All() {
		var line *dataset.LineError
		if !errors.As(err, &line) || line.Line != 1 || line.File != "f" || !errors.Is(err, ErrRecord) {
			t.Errorf("%v", err)
		}
	}
}

// What is written is what is read, whatever the texts are, in lines and in an array.
func TestWriter(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 21))
	text := func() string { return "x" + strings.ToValidUTF8(randomText(rng, harmless, hostile), "") }
	var want []Record
	var out bytes.Buffer
	w := NewWriter(&out)
	for i := range 300 {
		r := Record{text(), randomOutput(rng, text).String(), text(), ID(text()), text(), nil}
		if i%3 > 0 {
			spans, err := Mask(r.Output, maskKinds.Names[i%len(maskKinds.Names)])
			if err != nil {
				t.Fatal(err)
			}
			r.Masked = Runes(spans)
		}
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
		want = append(want, r)
	}
	if !strings.Contains(out.String(), "<paragraph>") {
		t.Error("paragraph marks are escaped")
	}
	array := "[" + strings.ReplaceAll(strings.TrimSpace(out.String()), "\n", ",\n") + "]"
	for _, in := range []string{out.String(), array} {
		var got []Record
		r := NewReader[Record](strings.NewReader(in), "f")
		for v, err := range r.All() {
			got = append(got, v)
			if err != nil || r.Line() != len(got) {
				t.Fatalf("line %d: %v", r.Line(), err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
	}
}

// The other records hold whatever texts there are, too.
func TestWriterOthers(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 21))
	text := func() string { return "x" + strings.ToValidUTF8(randomText(rng, harmless, hostile), "") }
	for range 300 {
		critic := CriticRecord{text(), text(), reflection.FullySupported.String(), text()}
		judge := JudgeRecord{text(), text(), text(), text(), text(), ID(text()), rng.IntN(9), ID(text())}
		var out bytes.Buffer
		w := NewWriter(&out)
		if err := errors.Join(w.Write(critic), w.Write(judge)); err != nil {
			t.Fatal(err)
		}
		first, second, _ := strings.Cut(out.String(), "\n")
		for got, err := range NewReader[CriticRecord](strings.NewReader(first), "f").All() {
			if got != critic || err != nil {
				t.Errorf("%+v becomes %+v, %v", critic, got, err)
			}
		}
		for got, err := range NewReader[JudgeRecord](strings.NewReader(second), "f").All() {
			if got != judge || err != nil {
				t.Errorf("%+v becomes %+v, %v", judge, got, err)
			}
		}
	}
}

func TestWriterChecks(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	for _, v := range []Checked{
		Record{}, Record{Instruction: "a"}, Record{Instruction: "a", Output: "\xff"}, Record{Instruction: "a", Output: "b", Masked: [][2]int{{0, 2}}},
		CriticRecord{Input: "a", Output: "[Relevant]"}, CriticRecord{Instruction: "a", Output: "Relevant"}, CriticRecord{Instruction: "a", Output: "<paragraph>"},
		JudgeRecord{}, JudgeRecord{Instruction: "a", SentIdx: -1}, JudgeRecord{Instruction: "a", Evidence: "\xff"},
		ChatRecord{}, ChatRecord{Messages: []Message{{"user", "\xff", 1}}},
	} {
		if err := w.Write(v); !errors.Is(err, ErrRecord) {
			t.Errorf("%+v: %v", v, err)
		}
	}
	if out.Len() > 0 {
		t.Errorf("%q was written", &out)
	}
	if err := NewWriter(failing{}).Write(JudgeRecord{Instruction: "a"}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a failing writer: %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// The prompt that a trainer makes of a record is the prompt of inference, whatever its
// texts are.
func TestNeutralized(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 21))
	changed := 0
	for range 3000 {
		r := Record{Instruction: "x" + randomText(rng, harmless, hostile), Input: randomText(rng, harmless, hostile), Output: "[Relevant]"}
		want, err := generator.SelfRAGTemplate{}.Render(generator.Prompt{Instruction: r.Instruction, Input: r.Input})
		if err != nil {
			t.Fatal(err)
		}
		n := r.Neutralized()
		got := "### Instruction:\n" + n.Instruction
		if n.Input != "" {
			got += "\n\n### Input:\n" + n.Input
		}
		if got += "\n\n### Response:\n"; got != want || n.Output != r.Output {
			t.Fatalf("%q, want %q", got, want)
		}
		if n.Instruction != r.Instruction || n.Input != r.Input {
			changed++
		}
	}
	if changed < 500 {
		t.Errorf("only %d records held something reserved", changed)
	}
}

func TestOtherRecords(t *testing.T) {
	const critic = `{"instruction":"d","input":"i","output":"[Fully supported]","task":"groundness"}`
	if got := read[CriticRecord](strings.NewReader(critic)); len(got) != 1 || got[0] != "1 "+critic+" <nil>" {
		t.Errorf("%q", got)
	}
	const judge = `{"instruction":"q","target_output":"s","evidence":"t\ne","preceding_sentences":"","output":"o","q_id":"7","sent_idx":2,"p_id":"3"}`
	numbers := strings.NewReplacer(`"7"`, "7", `"3"`, "3", `"preceding_sentences":""`, `"preceding_sentences":null`).Replace(judge)
	if got := read[JudgeRecord](strings.NewReader(numbers)); len(got) != 1 || got[0] != "1 "+judge+" <nil>" {
		t.Errorf("%q", got)
	}
}

func TestChat(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 21))
	for i := range 300 {
		r := Record{Instruction: "q", Output: randomOutput(rng, func() string { return randomText(rng, harmless) }).String()}
		spans, err := Mask(r.Output, maskKinds.Names[i%3])
		if err != nil {
			t.Fatal(err)
		}
		r.Masked = Runes(spans)
		chat, err := r.Chat()
		if err != nil || chat.Check() != nil {
			t.Fatal(err, chat.Check())
		}
		var all strings.Builder
		var masked, want []string
		for k, m := range chat.Messages[1:] {
			if want := (Message{[]string{"assistant", "user"}[k%2], m.Content, 1 - k%2}); m != want {
				t.Fatalf("message %d is %+v, want %+v", k+1, m, want)
			}
			all.WriteString(m.Content)
			if m.Weight == 0 {
				masked = append(masked, m.Content)
			}
		}
		for _, s := range spans {
			want = append(want, s.Of(r.Output))
		}
		if diff := cmp.Diff(want, masked); diff != "" || all.String() != r.Output {
			t.Fatalf("%q: want -, got +:\n%s", r.Output, diff)
		}
	}
	r := Record{Instruction: "q", Input: "i", Output: "o"}
	if _, err := r.Chat(); !errors.Is(err, ErrRecord) {
		t.Errorf("without a mask: %v", err)
	}
	r.Masked = [][2]int{}
	chat, err := r.Chat()
	if diff := cmp.Diff(ChatRecord{Messages: []Message{{"user", "q\n\n### Input:\ni", 0}, {"assistant", "o", 1}}}, chat); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}
