package critics_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

var (
	relevant    = reflection.Relevant
	irrelevant  = reflection.Irrelevant
	supported   = reflection.FullySupported
	unsupported = reflection.NoSupport
)

func checkPairs(t *testing.T, got, want []critics.Pair, err error) {
	t.Helper()
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %v", err, cmp.Diff(want, got))
	}
	for _, p := range got {
		if err := p.Check(); err != nil {
			t.Errorf("%s: %v", p.ID, err)
		}
	}
}

func TestCLAPnq(t *testing.T) {
	got, err := critics.CLAPnq(strings.NewReader(`{"id":"q1","question":"Who built it?","answers":["Ada did.","Ada"],"passage":{"id":"p","title":"T","text":"One. Two. Three.","sentences":["One.","Two.","Three."]},"support":["Two."]}
{"id":"q2","question":"When?","answers":["1871"],"passage":{"title":"T","text":"One. Two.","sentences":["One.","Two."]},"support":[0,1]}
{"id":"q3","question":"Why?","answers":[],"passage":{"title":"T","text":"Near."},"support":[]}
{"id":"q4","question":"How?","answers":["So."],"passage":{"title":"T","text":"One. Two. One.","sentences":["One.","Two.","One."]},"support":[2]}`), "set")
	one := func(id, of, question, text, passage string, want expect) critics.Pair {
		return critics.Pair{ID: id, Cluster: of, Question: question, Text: text, Passage: generator.Evidence{Title: "T", Text: passage}, Expect: want}
	}
	both := expect{reflection.IsREL: relevant, reflection.IsSUP: supported}
	checkPairs(t, got, []critics.Pair{
		one("q1", "q1", "Who built it?", "Ada did.", "One. Two. Three.", both),
		one("q1/without-support", "q1", "Who built it?", "Ada did.", "One. Three.", expect{reflection.IsSUP: unsupported}),
		one("q2", "q2", "When?", "1871", "One. Two.", both), // nothing is left without support
		one("q3", "q3", "Why?", "", "Near.", expect{reflection.IsREL: irrelevant}),
		one("q4", "q4", "How?", "So.", "One. Two. One.", both),
		one("q4/without-support", "q4", "How?", "So.", "Two.", expect{reflection.IsSUP: unsupported}), // the sentence is given twice
	}, err)
}

func TestHaluEval(t *testing.T) {
	got, err := critics.HaluEval(strings.NewReader(`{"id":"h1","question":"Who?","evidence":"Ada did.","supported":"Ada","unsupported":"It was Ben."}`), "set")
	p := critics.Pair{ID: "h1/supported", Cluster: "h1", Question: "Who?", Text: "Ada", Passage: generator.Evidence{Text: "Ada did."}, Expect: expect{reflection.IsSUP: supported}}
	q := p
	q.ID, q.Text, q.Expect = "h1/unsupported", "It was Ben.", expect{reflection.IsSUP: unsupported}
	checkPairs(t, got, []critics.Pair{p, q}, err)
}

func TestPubMedQA(t *testing.T) {
	got, err := critics.PubMedQA(strings.NewReader(`{"id":"1","question":"A?","label":"yes","long_answer":"Yes, A.","passage":{"id":"p1","text":"On A."},"metadata":{"meshes":["x","y"]}}
{"id":"2","question":"B?","label":"no","long_answer":"No B.","passage":{"id":"p2","text":"On B."},"metadata":{"meshes":["z"]}}
{"id":"3","question":"C?","label":"maybe","long_answer":"C, or not.","passage":{"id":"p3","text":"On C."},"metadata":{"meshes":["y","x","x"]}}
{"id":"4","question":"D?","label":"yes","long_answer":"D.","passage":{"id":"p4","text":"On D."}}`), "set")
	own, other := expect{reflection.IsREL: relevant, reflection.IsSUP: supported}, expect{reflection.IsREL: irrelevant, reflection.IsSUP: unsupported}
	var want []critics.Pair
	for _, x := range []struct{ id, question, text, own, other string }{
		{"1", "A?", "Yes, A.", "On A.", "On C."},
		{"2", "B?", "No B.", "On B.", "On C."}, // no heading in common: the next line
		{"3", "C?", "C, or not.", "On C.", "On A."},
		{"4", "D?", "D.", "On D.", "On A."},
	} {
		want = append(want,
			critics.Pair{ID: x.id + "/own", Cluster: x.id, Question: x.question, Text: x.text, Passage: generator.Evidence{Text: x.own}, Expect: own},
			critics.Pair{ID: x.id + "/other", Cluster: x.id, Question: x.question, Text: x.text, Passage: generator.Evidence{Text: x.other}, Expect: other})
	}
	checkPairs(t, got, want, err)
	for _, text := range []string{
		`{"id":"1","question":"A?","long_answer":"A.","passage":{"text":"On A."}}`,
		`{"id":"1","question":"A?","long_answer":"A.","passage":{"text":"On A."}}` + "\n" + `{"id":"2","question":"B?","long_answer":"B.","passage":{"text":"On A."}}`,
	} {
		if _, err := critics.PubMedQA(strings.NewReader(text), "set"); err == nil || !strings.Contains(err.Error(), "set: all passages are the same") {
			t.Error(err)
		}
	}
}

func TestSetErrors(t *testing.T) {
	type reader = func(io.Reader, string) ([]critics.Pair, error)
	for name, c := range map[string]struct {
		read reader
		text string
	}{
		"clapnq id":          {critics.CLAPnq, `{"question":"Q?","passage":{"text":"P"}}`},
		"clapnq question":    {critics.CLAPnq, `{"id":"1","passage":{"text":"P"}}`},
		"clapnq passage":     {critics.CLAPnq, `{"id":"1","question":"Q?","passage":{"text":" "}}`},
		"clapnq answer":      {critics.CLAPnq, `{"id":"1","question":"Q?","answers":[" "],"passage":{"text":"P"}}`},
		"clapnq index":       {critics.CLAPnq, `{"id":"1","question":"Q?","answers":["A"],"passage":{"text":"P","sentences":["P"]},"support":[1]}`},
		"clapnq below 0":     {critics.CLAPnq, `{"id":"1","question":"Q?","answers":["A"],"passage":{"text":"P","sentences":["P"]},"support":[-1]}`},
		"clapnq fraction":    {critics.CLAPnq, `{"id":"1","question":"Q?","answers":["A"],"passage":{"text":"P","sentences":["P"]},"support":[0.5]}`},
		"clapnq huge":        {critics.CLAPnq, `{"id":"1","question":"Q?","answers":["A"],"passage":{"text":"P","sentences":["P"]},"support":[1e300]}`},
		"clapnq sentence":    {critics.CLAPnq, `{"id":"1","question":"Q?","answers":["A"],"passage":{"text":"P","sentences":["P"]},"support":["Q"]}`},
		"clapnq null":        {critics.CLAPnq, `{"id":"1","question":"Q?","answers":["A"],"passage":{"text":"P","sentences":["P"]},"support":[null]}`},
		"halueval evidence":  {critics.HaluEval, `{"id":"1","question":"Q?","supported":"A","unsupported":"B"}`},
		"halueval answer":    {critics.HaluEval, `{"id":"1","question":"Q?","evidence":"E","supported":"A"}`},
		"pubmedqa answer":    {critics.PubMedQA, `{"id":"1","question":"Q?","passage":{"text":"P"}}`},
		"pubmedqa not an id": {critics.PubMedQA, `{"id":1,"question":"Q?","long_answer":"A","passage":{"text":"P"}}`},
	} {
		_, err := c.read(strings.NewReader(c.text), "set")
		if line := new(*dataset.LineError); !errors.As(err, line) || (*line).Line != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	const line = `{"id":"1","question":"Q?","evidence":"E","supported":"A","unsupported":"B"}`
	if _, err := critics.HaluEval(strings.NewReader(line+"\n"+line), "set"); err == nil || !strings.Contains(err.Error(), "set:2") {
		t.Error(err)
	}
	if _, err := critics.CLAPnq(strings.NewReader(""), "set"); err == nil {
		t.Error("an empty set is read")
	}
}
