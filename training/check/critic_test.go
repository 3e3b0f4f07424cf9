package check

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

func critic(task, input, output string) string {
	return fmt.Sprintf(`{"instruction":"Judge.","input":%q,"output":%q,"task":%q}`, input, output, task)
}

func TestCritic(t *testing.T) {
	lines := []string{
		critic("utility", "a", "[Utility:5]"),
		critic("utility", "b", "[Utility:4]"),
		critic("utility", "a", "[Utility:5]"),
		critic("utility", "a", "[Utility:1]"),
		critic("utility", "c", "[Relevant]"),
		critic("relevance", "a", "[Relevant]"),
		critic("relevance", "b", "Relevant"),
		critic("relevance", "c", "[Irrelevant]"),
		critic("relevance", "d", "[Retrieval]"),
		"{",
	}
	report, err := RunCritic(t.Context(), training.NewReader[training.CriticRecord](strings.NewReader(strings.Join(lines, "\n")), "f"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Finding{
		{NoRecord, 2, []Place{
			{Line: 7, Reason: `training: bad record: "output" is "Relevant": want a token of Retrieve, IsREL, IsSUP or IsUSE`},
			{Line: 10, Reason: "training: bad record: unexpected end of JSON input"},
		}},
		{Duplicate, 1, []Place{{Line: 3, Of: 1}}},
		{OtherLabel, 1, []Place{{Line: 4, Of: 1, Reason: "[Utility:1], there [Utility:5]"}}},
		{OtherGroup, 2, []Place{
			{Line: 5, Reason: "a label of IsREL, and most of the task are of IsUSE"},
			{Line: 9, Reason: "a label of Retrieve, and most of the task are of IsREL"},
		}},
	}
	if diff := cmp.Diff(want, report.Findings); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"utility": 5, "relevance": 3}, report.Datasets); diff != "" || report.Records != 8 || !report.Broken() {
		t.Errorf("%d records: %s", report.Records, diff)
	}
	if u := report.Tokens[reflection.Utility5-1]; u.Count != 2 || u.Share != 0.5 {
		t.Errorf("%+v", u)
	}
	if _, err := RunCritic(t.Context(), training.NewReader[training.CriticRecord](strings.NewReader(""), "f"), Options{Places: -1}); !errors.Is(err, ErrOption) {
		t.Errorf("%v", err)
	}
}
