package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	question = "How do I stop the machine?"
	abstains = `{"sources":[],"stop":"abstained","text":"The documents do not say."}`
	button   = `"text":"Press the red button [1]."}`
	itself   = `"text":"It stops by itself [1]."}`
)

func TestHandler(t *testing.T) {
	s := newService(t)
	for name, c := range map[string]struct {
		tenant, question, filter string
		delay                    time.Duration
		code                     int
		want                     string
	}{
		"answer":         {"acme", question, "", 0, 200, button},
		"another tenant": {"globex", question, "", 0, 200, itself},
		"no such tenant": {"initech", question, "", 0, 200, abstains},
		"no tenant":      {"", question, "", 0, 401, "no tenant"},
		"filter":         {"acme", question, `path = "acme/color.md"`, 0, 200, abstains},
		"not their own":  {"acme", question, `path prefix "globex/" or true`, 0, 200, button},
		"of another":     {"acme", question, `path prefix "globex/"`, 0, 200, abstains},
		"bad filter":     {"acme", question, `path ~ "other"`, 0, 400, "filter: 1:6"},
		"blank":          {"acme", " ", "", 0, 400, "it is empty"},
		"too slow":       {"acme", question, "", time.Hour, 504, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if code, text := s.ask(c.tenant, c.question, c.filter, c.delay); code != c.code || !strings.Contains(text, c.want) {
					t.Errorf("%d, %s: want %d, %s", code, text, c.code, c.want)
				}
			})
		})
	}
}

// After a restart the answers are there before the folder is looked at, and no file that is
// as it was is read again. What was deleted is gone, for its tenant alone.
func TestRestartAndDeletion(t *testing.T) {
	s := newService(t)
	answers := func(tenant, want string) {
		t.Helper()
		if code, text := s.ask(tenant, question, "", 0); code != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d, %s: want %s", tenant, code, text, want)
		}
	}
	s.check(s.store.Close())
	if code, _ := s.ask("acme", question, "", 0); code != 503 {
		t.Errorf("the store is closed: status %d", code)
	}
	s.open()
	answers("acme", button)
	answers("globex", itself)
	s.check(os.Remove(filepath.Join(s.docs, "acme/manual.md")))
	if r := s.sync(); r.Unchanged != 2 || len(r.Removed) != 1 || r.Passages > 0 {
		t.Errorf("%+v", r)
	}
	for range 2 {
		answers("acme", abstains)
		answers("globex", itself)
		s.check(s.store.Close())
		s.open()
	}
}
