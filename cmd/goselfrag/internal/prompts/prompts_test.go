package prompts

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/internal/prompts"
)

func run(t *testing.T, args ...string) (int, string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := command.Run(t.Context(), append([]string{"prompts"}, args...), &out, &errs, Command())
	return code, out.String(), errs.String()
}

func TestList(t *testing.T) {
	code, out, errs := run(t)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	list := prompts.All()
	if code != 0 || errs != "" || len(lines) != len(list) {
		t.Fatalf("exit code %d, %d lines for %d prompts: %s", code, len(lines), len(list), errs)
	}
	for i, p := range list {
		if f := strings.Fields(lines[i]); len(f) != 3 || f[0] != p.Name || f[1] != p.Hash || !strings.HasSuffix(p.Package, f[2]) {
			t.Errorf("%q: want %s %s", lines[i], p.Name, p.Hash)
		}
	}
}

func TestOne(t *testing.T) {
	const want = `system:

You rewrite questions. You never answer them.

user:

Here is a conversation, then a follow-up question.`
	if code, out, errs := run(t, "standalone-question"); code != 0 || errs != "" || !strings.HasPrefix(out, want) || !strings.HasSuffix(out, "\nStandalone question:\n") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	// What continues one string has no role.
	if code, out, _ := run(t, "selfrag"); code != 0 || !strings.HasPrefix(out, "### Instruction:\n{{instruction}}\n") {
		t.Errorf("exit code %d: %s", code, out)
	}
	for _, p := range prompts.All() {
		_, out, _ := run(t, p.Name)
		for _, m := range p.Messages {
			if !strings.Contains(out, m.Text) {
				t.Errorf("%s: a text is not whole:\n%s", p.Name, out)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	_, out, _ := run(t, "-json")
	var list []prompt
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != len(prompts.All()) {
		t.Fatalf("%v: %d prompts", err, len(list))
	}
	for i, p := range prompts.All() {
		if d := cmp.Diff(promptOf(p), list[i]); d != "" {
			t.Errorf("%s (-want +got):\n%s", p.Name, d)
		}
	}
	_, out, _ = run(t, "judge-support", "-json")
	var one prompt
	if err := json.Unmarshal([]byte(out), &one); err != nil || one.Name != "judge-support" || len(one.Messages) != 2 || !strings.Contains(out, "<passage>") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestErrors(t *testing.T) {
	for args, want := range map[string]string{
		"judge-suport":           `prompts: there is no prompt "judge-suport": goselfrag prompts lists them`,
		"-json judge-suport":     `there is no prompt "judge-suport"`,
		"selfrag judge-support":  "there are several names",
		"--json selfrag summary": "there are several names",
	} {
		if code, out, errs := run(t, strings.Fields(args)...); code != 2 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d: %s%s", args, code, out, errs)
		}
	}
}
