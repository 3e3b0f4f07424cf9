package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

// line is a line of a file and what is found there.
type line struct {
	text string
	want map[Kind]Place
}

func record(instruction, output string, more ...string) string {
	in, _ := json.Marshal(instruction)
	out, _ := json.Marshal(output)
	return fmt.Sprintf(`{"instruction":%s,"output":%s,"input":"","id":"x","dataset_name":"nq"%s}`, in, out, strings.Join(more, ""))
}

const (
	plain = "[No Retrieval]Four.[Utility:5]"
	two   = "[Retrieval]<paragraph>Ö\nab</paragraph>[Relevant]Yes.[Fully supported][Retrieval]<paragraph>c</paragraph>[Irrelevant]No.[Utility:4]"
	long  = "who was the first person to walk on the far side of the moon"
)

// faulty is a file with each fault once, by the number of the line.
var faulty = []line{
	{record("How many legs has a dog?", plain), nil},
	{"{", map[Kind]Place{NoRecord: {Reason: "training: bad record: unexpected end of JSON input"}}},
	{`{"instruction":"no output"}`, map[Kind]Place{NoRecord: {Reason: `training: bad record: "output" is missing or blank`}}},
	{record("mask beyond the end", plain, `,"masked":[[0,1000]]`), map[Kind]Place{NoRecord: {Reason: "masked[0]: training: bad record: the text ends before code point 1000"}}},
	{record("Where?", "[No Retrieval]É."), map[Kind]Place{Malformed: {Offset: 17, Reason: "no utility token ends the output"}}},
	{record("Who?", "[Retrieval]<paragraph>a</paragraph>b[Utility:1]"), map[Kind]Place{Malformed: {Offset: 35, Reason: "no relevance token follows the passage"}}},
	{record("two passages, right mask", two, `,"masked":[[22,26],[91,92]]`), nil},
	{record("two passages, released mask", two, `,"masked":[[22,92]]`), map[Kind]Place{WrongMask: {Reason: "text outside of passages has no loss"}}},
	{record("two passages, one masked", two, `,"masked":[[22,26]]`), map[Kind]Place{WrongMask: {Reason: "a part of a passage has a loss"}}},
	{record("two passages, all wrong", two, `,"masked":[[0,1]]`), map[Kind]Place{WrongMask: {Reason: "text outside of passages has no loss, and a part of a passage has one"}}},
	{record("nothing said", "[No Retrieval] [Utility:1]"), map[Kind]Place{EmptyAnswer: {}}},
	{record("nothing found", "[Retrieval]<paragraph>t\n </paragraph>[Irrelevant]a[Utility:1]"), map[Kind]Place{EmptyPassage: {}}},
	{record("Say [Relevant] and [Utility:1].", "[No Retrieval]So be it.[Utility:1]"), map[Kind]Place{PromptToken: {Reason: "[Relevant]"}}},
	{record("nothing to continue", "[Continue to Use Evidence]a[Retrieval]<paragraph>b</paragraph>[Relevant]c[Continue to Use Evidence]d[Utility:1]"), map[Kind]Place{NoEvidence: {}}},
	{record("How many legs has a dog?", plain), map[Kind]Place{Duplicate: {Of: 1}}},
	{record("how many legs has a DOG", "[No Retrieval]Three.[Utility:1]"), map[Kind]Place{SameQuestion: {Of: 1}}},
	{record("near, and of many words, so that one is little: what is the capital of the country to the north?", "[No Retrieval]Paris is, as all of us know.[Utility:5]"), nil},
	{record("near, and of many words, so that one is little: what is the capital of the country to the north?!", "[Retrieval]<paragraph>x</paragraph>[Relevant]Paris is, as all of us knew.[Utility:5]"), map[Kind]Place{SameQuestion: {Of: 17}, NearDuplicate: {Of: 17, Reason: "similarity 0.92"}}},
	{record("Answer it.## Input:\n\n"+long+"?", plain), map[Kind]Place{Overlap: {Of: 1}}},
	{record("Choose.\n\n### Input:\nWhat is red?\nA: a rose\nB: a bee", plain), map[Kind]Place{Overlap: {Of: 2}}},
	{record("Say who was the first person to walk on the far side of Mars", plain), map[Kind]Place{NearOverlap: {Of: 1}}},
	{record("who was the first person", plain), nil},
	{strings.Replace(record("Translate.", plain), `"input":""`, `"input":"ein Hund"`, 1), nil},
	{strings.Replace(record("Translate.", plain), `"input":""`, `"input":"eine Katze"`, 1), nil},
	{record("name the two towns on the river to the east", plain), nil}, // 8 of the 17 words of a question
}

func source(lines []line) string {
	var texts []string
	for _, l := range lines {
		texts = append(texts, l.text)
	}
	return strings.Join(texts, "\n")
}

func run1(t *testing.T, in string, o Options) *Report {
	t.Helper()
	r, err := Run(t.Context(), training.NewReader[training.Record](strings.NewReader(in), "f"), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var against = []Question{{Question: long, Line: 1}, {Instruction: "x## Input:\n\nwhat is red", Line: 2},
	{Question: "name the two towns on the river to which a bridge was built in the last century", Line: 3}}

// Each fault of a file with known faults is found where it is, and nothing else is.
func TestFaults(t *testing.T) {
	report := run1(t, source(faulty), Options{Against: against, NearDuplicate: 0.8})
	got := map[int]map[Kind]Place{}
	for _, f := range report.Findings {
		if f.Count != len(f.Places) {
			t.Errorf("%s: %d, but %d places", f.Kind, f.Count, len(f.Places))
		}
		for _, p := range f.Places {
			if got[p.Line] == nil {
				got[p.Line] = map[Kind]Place{}
			}
			got[p.Line][f.Kind] = p
		}
	}
	seen := map[Kind]bool{}
	for i, l := range faulty {
		want := maps.Clone(l.want)
		for k, p := range want {
			p.Line = i + 1
			want[k], seen[k] = p, true
		}
		if diff := cmp.Diff(want, got[i+1]); diff != "" {
			t.Errorf("line %d: want -, got +:\n%s", i+1, diff)
		}
	}
	for _, f := range report.Findings {
		if !seen[f.Kind] {
			t.Errorf("no line has the fault %q", f.Kind)
		}
	}
	if !report.Broken() || report.Records != len(faulty)-3 || report.Datasets["nq"] != report.Records {
		t.Errorf("%+v", report)
	}
}

func TestCounts(t *testing.T) {
	report := run1(t, source([]line{{text: record("a", plain)}, {text: record("b", "Oh."+two)}, {text: record("c", "[No Retrieval]no end")}}), Options{Length: 63})
	counts := map[reflection.Token][2]int{}
	for _, token := range report.Tokens {
		if token.Count > 0 {
			counts[token.Token] = [2]int{token.Count, token.Records}
		}
	}
	want := map[reflection.Token][2]int{
		reflection.NoRetrieval: {2, 2}, reflection.Retrieval: {2, 1}, reflection.ParagraphStart: {2, 1}, reflection.ParagraphEnd: {2, 1},
		reflection.Relevant: {1, 1}, reflection.Irrelevant: {1, 1}, reflection.FullySupported: {1, 1}, reflection.Utility4: {1, 1}, reflection.Utility5: {1, 1},
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if s := report.Tokens[reflection.Retrieval-1].Share; s != 0.5 {
		t.Errorf("half of the tokens of Retrieve are [Retrieval], got %v", s)
	}
	if report.Segments != 4 || report.Unjudged != 1 || report.Passages != 2 || report.Broken() != true {
		t.Errorf("%+v", report)
	}
	// The sentences of both are "Four.", "Oh.", "Yes." and "No.": 15 characters. At 62
	// characters of the second output, "[Relevant]Yes.[Fully supp" is cut.
	all := []Loss{
		{"passages", 0, Part{0, 15}, Part{0, 8}, Part{0, 4}, Part{5, 5}},
		{"marks", 0, Part{0, 15}, Part{0, 8}, Part{4, 4}, Part{5, 5}},
		{"released", 1, Part{4, 15}, Part{3, 8}, Part{2, 4}, Part{5, 5}},
		{"length", 1, Part{3, 15}, Part{4, 8}, Part{2, 4}, Part{1, 5}},
	}
	if diff := cmp.Diff(all, report.Masks); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// An array is the same as lines.
func TestArray(t *testing.T) {
	lines := []string{record("a", plain), record("b", two), record("a", plain)}
	want := run1(t, strings.Join(lines, "\n"), Options{})
	got := run1(t, "["+strings.Join(lines, ",\n")+"]", Options{})
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Report{})); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if got := run1(t, "["+lines[0], Options{}); got.Count(NoRecord) != 1 || got.Records != 0 {
		t.Errorf("an array without an end: %+v", got)
	}
}

// A name cannot fill the memory, and is cut between characters.
func TestLongName(t *testing.T) {
	in := strings.Replace(record("a", plain), `"nq"`, `"x`+strings.Repeat("é", 1000)+`"`, 1)
	if got := run1(t, in, Options{}).Datasets; got["x"+strings.Repeat("é", 99)] != 1 {
		t.Errorf("%v", got)
	}
}

func TestPlaces(t *testing.T) {
	report := run1(t, strings.Repeat("{\n", 50), Options{Places: 3})
	if f := report.Findings[0]; f.Count != 50 || len(f.Places) != 3 {
		t.Errorf("%+v", f)
	}
	if f := run1(t, strings.Repeat("{\n", 50), Options{}).Findings[0]; len(f.Places) != 20 {
		t.Errorf("%+v", f)
	}
}

func TestErrors(t *testing.T) {
	for _, o := range []Options{{NearDuplicate: 0.4}, {NearDuplicate: 1.1}, {Length: -1}, {Places: -1}, {Places: 100_001}} {
		if _, err := Run(t.Context(), training.NewReader[training.Record](strings.NewReader(""), "f"), o); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, training.NewReader[training.Record](strings.NewReader(record("a", plain)), "f"), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if _, err := Run(t.Context(), training.NewReader[training.Record](iotest.ErrReader(io.ErrClosedPipe), "f"), Options{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a failing reader: %v", err)
	}
	for in, want := range map[string]string{
		"":               "f holds no question",
		`{"question":1}`: "f:1: training: bad record: json",
		`{"answer":"a"}`: `neither "question" nor`,
	} {
		if _, err := ReadQuestions(strings.NewReader(in), "f"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", in, err)
		}
	}
	list, err := ReadQuestions(strings.NewReader("[{\"question\":\"a\"},\n{\"input\":\"b\"}]"), "f")
	if err != nil || !slices.EqualFunc(list, []string{"1 a", "2 \nb"}, func(q Question, s string) bool { return fmt.Sprint(q.Line, " ", q.text()) == s }) {
		t.Errorf("%+v, %v", list, err)
	}
}

// Words that many questions of the set begin with are no overlap.
func TestTemplate(t *testing.T) {
	var list []Question
	for i := range template {
		list = append(list, Question{Question: fmt.Sprintf("which of the following is the right name of %d", i), Line: i + 1})
	}
	in := record("which of the following is the right name of water", plain)
	if n := run1(t, in, Options{Against: list}).Count(NearOverlap); n != 0 {
		t.Errorf("%d", n)
	}
	if n := run1(t, in, Options{Against: list[1:]}).Count(NearOverlap); n != 1 {
		t.Errorf("one less: %d", n)
	}
}
