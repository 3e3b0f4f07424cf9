package data

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/training/check"
)

func start(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = command.Run(t.Context(), append([]string{"data"}, args...), &out, &errs, Command())
	return code, out.String(), errs.String()
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "data.jsonl")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

const faulty = `{"instruction":"Who wrote it?","output":"[Retrieval]<paragraph>A\nb</paragraph>[Relevant]Ada.[Fully supported][No Retrieval]So it is.[Retrieval]<paragraph>c</paragraph>[Irrelevant]No.[Utility:5]","input":"","id":"1","dataset_name":"nq"}
{"instruction":"Where?","output":"[No Retrieval]Paris.","input":"","id":"2","dataset_name":"\u001b[31m"}
{"instruction":"WHO wrote it","output":"[No Retrieval]Bob.[Utility:1]","input":"","id":"3","dataset_name":""}
`

const wanted = `3 records, 4 segments, 0 of them a text alone, 2 passages

data set  records
(none)    1
[31m      1
nq        1

token                         count  of group  records
[No Retrieval]                3      0.600     3
[Retrieval]                   2      0.400     1
[Continue to Use Evidence]    0      0.000     0
[Irrelevant]                  1      0.500     1
[Relevant]                    1      0.500     1
<paragraph>                   2      -         1
</paragraph>                  2      -         1
[Utility:1]                   1      0.500     1
[Utility:2]                   0      0.000     0
[Utility:3]                   0      0.000     0
[Utility:4]                   0      0.000     0
[Utility:5]                   1      0.500     1
[Fully supported]             1      1.000     1
[Partially supported]         0      0.000     0
[No support / Contradictory]  0      0.000     0

without loss under mask  of sentences  of tokens  of marks  of passages  records that lose
passages                 0.0000        0.0000     0.0000    1.0000       0
marks                    0.0000        0.0000     1.0000    1.0000       0
released                 0.6500        0.4444     0.5000    1.0000       1

finding          count
no record        0
malformed        1
wrong mask       0
empty answer     0
empty passage    0
token in prompt  0
no evidence      0
duplicate        0
same question    1

malformed:
  line 2, byte 20 of the output: no utility token ends the output

same question:
  line 3, as line 1
`

func TestCheck(t *testing.T) {
	name := write(t, faulty)
	code, out, errs := start(t, "check", name)
	if diff := cmp.Diff(wanted, out); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if want := "data check: " + name + ": lines that are no record: 0, malformed outputs: 1, wrong masks: 0\n"; code != 1 || errs != want {
		t.Errorf("exit code %d: %q, want %q", code, errs, want)
	}
	if _, out, _ = start(t, "check", write(t, "{}")); !strings.Contains(out, "no record:\n  line 1: bad record: \"instruction\" is missing or blank\n") {
		t.Errorf("%s", out)
	}
	code, out, _ = start(t, "check", "-json", "-places", "1", "-length", "100", name)
	var report check.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 1 {
		t.Fatal(code, err)
	}
	if report.Count(check.Malformed) != 1 || report.Records != 3 || report.Masks[3].Mask != "length" || report.Tokens[0].Count != 3 || !strings.Contains(out, `"<paragraph>"`) {
		t.Errorf("%+v", report)
	}
}

func TestCheckGood(t *testing.T) {
	lines := strings.SplitAfter(faulty, "\n")
	set := write(t, `[{"question": "who wrote it"}]`)
	code, out, errs := start(t, "check", "-against", set, "-near", "0.9", write(t, lines[0]+lines[2]))
	if code != 0 || errs != "" || !strings.Contains(out, "evaluation:\n  line 1, line 1 of the evaluation set\n  line 2, line 1 of the evaluation set\n") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if code, out, errs = start(t, "check", "-against", set, "-places", "1", write(t, lines[0]+lines[2])); code != 0 || !strings.Contains(out, "  and 1 more\n") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

func TestCheckCritic(t *testing.T) {
	const good = `{"instruction":"Judge.","input":"a","output":"[Utility:5]","task":"utility"}` + "\n"
	code, out, errs := start(t, "check", "-critic", write(t, good+strings.Replace(good, ":5", ":2", 1)))
	want := `finding      count
no record    0
duplicate    0
other label  1
other group  0

other label:
  line 2, as line 1: [Utility:2], there [Utility:5]
`
	if code != 0 || errs != "" || !strings.HasPrefix(out, "2 records\n\ntask     records\nutility  2\n\ntoken") || !strings.HasSuffix(out, want) || strings.Contains(out, "mask") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	name := write(t, good+"{")
	if code, _, errs = start(t, "check", "-critic", name); code != 1 || errs != "data check: "+name+": lines that are no record: 1\n" {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestCheckErrors(t *testing.T) {
	name := write(t, faulty)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"", 2, "data: the command is missing: want one of critic, generate, pairs, check"},
		{"chek", 2, `data: there is no command "chek": want one of critic, generate, pairs, check`},
		{"check", 2, "want one FILE of training data"},
		{"check a b", 2, "want one FILE of training data"},
		{"check -near 0.4 a", 2, "-near is 0.4: want 0.5 to 1"},
		{"check -length -1 a", 2, "-length is -1"},
		{"check -places 0 a", 2, "-places is 0: want 1 to 100000"},
		{"check -critic -near 0.8 a", 2, "-critic goes without -against, -near and -length"},
		{"check no-such-file", 1, "no-such-file"},
		{"check -against no-such-file " + name, 1, "-against: open no-such-file"},
		{"check -against " + name + " " + t.TempDir(), 1, "data check: "},
	} {
		if code, _, errs := start(t, strings.Fields(c.args)...); code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%q: exit code %d: %s", c.args, code, errs)
		}
	}
}
