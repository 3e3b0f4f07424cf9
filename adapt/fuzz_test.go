package adapt

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/goselfrag/goselfrag/retriever"
)

// A file of an adapter whose checksums are right can still hold anything: it is refused, or
// it is an adapter that can be applied and saved.
func FuzzAdapterSections(f *testing.F) {
	f.Add([]byte(`{"dim":2,"rank":1,"card":{"probe":"?","probe_vector":[1,0]}}`), []byte("\x00\x00\x80\x3f\x00\x00\x00\x00"), []byte("\x00\x00\x00\x3f\x00\x00\x80\x3f"))
	f.Add([]byte(`{"dim":1,"rank":1,"card":{"probe_vector":[1]}}`), []byte("\x00\x00\xc0\x7f"), []byte("1234"))
	f.Add([]byte(`{"dim":4294967296,"rank":4294967296}`), []byte{}, []byte{})
	f.Add([]byte(`{"dim":-1,"rank":-1,"card":{"report":{"epochs":[{}]}}}`), []byte{}, []byte(nil))
	dir := f.TempDir()
	file, again := filepath.Join(dir, "adapter"), filepath.Join(dir, "again")
	f.Fuzz(func(t *testing.T, head, a, b []byte) {
		if err := writeSections(t.Context(), file, []string{string(head), string(a), string(b)}); err != nil {
			t.Fatal(err)
		}
		got, err := Load(t.Context(), file)
		if err != nil {
			if !errors.Is(err, ErrFile) {
				t.Fatal(err)
			}
			return
		}
		if n := 4 * got.Dim() * got.Rank(); got.Rank() < 1 || got.Rank() > got.Dim() || len(a) != n || len(b) != n {
			t.Fatalf("dimension %d and rank %d of %d and %d bytes", got.Dim(), got.Rank(), len(a), len(b))
		}
		if q, err := got.Apply(make([]float32, got.Dim())); err != nil || slices.ContainsFunc(q, func(x float32) bool { return x != 0 }) {
			t.Fatalf("%v, %v", q, err)
		}
		if err := got.Save(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		second, err := Load(t.Context(), again)
		if err != nil || !cmp.Equal(got, second, cmp.AllowUnexported(Adapter{}), cmpopts.EquateEmpty()) {
			t.Fatalf("%v: saved and loaded %+v is %+v", err, got, second)
		}
	})
}

// A file of any bytes is an adapter or an error that says which.
func FuzzAdapterFile(f *testing.F) {
	dir := f.TempDir()
	file := filepath.Join(dir, "adapter")
	if err := writeSections(f.Context(), file, []string{`{"dim":1,"rank":1,"card":{"probe_vector":[1]}}`, "1234", "1234"}); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(t.Context(), file); err != nil && !errors.Is(err, ErrFile) {
			t.Fatal(err)
		}
	})
}

// A file of scores is refused and left as it is, or goes on: what it held is still there
// when it is opened again, and so is what was added.
func FuzzScores(f *testing.F) {
	f.Add([]byte(cacheHead + `{"k":"a","s":-1.5,"n":2}` + "\n" + `{"k":"b","s":`))
	f.Add([]byte(cacheHead[:7]))
	f.Add([]byte(cacheHead + "null\n"))
	f.Add([]byte(cacheHead + `{"k":"a","s":-1,"n":1,"t":"\u2028"}` + "\r\n"))
	f.Add([]byte("id,text\n"))
	file := filepath.Join(f.TempDir(), "scores")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := openCache(file)
		if err != nil {
			left, wrong := os.ReadFile(file)
			if wrong != nil || !errors.Is(err, ErrFile) || !bytes.Equal(left, data) {
				t.Fatalf("%v, %v: %q is now %q", err, wrong, data, left)
			}
			return
		}
		added := cacheLine{Key: "added", Sum: -0.5, Tokens: 3, Text: "x\ny"}
		if err := c.remember(added); err != nil {
			t.Fatal(err)
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
		again, err := openCache(file)
		if err != nil {
			t.Fatal(err)
		}
		defer again.close()
		if got, ok := again.get("added"); !ok || got != added || !cmp.Equal(c.known, again.known) {
			t.Fatalf("%+v: want %+v", again.known, c.known)
		}
	})
}

// A file of examples is an error or comes back as it was read.
func FuzzExamples(f *testing.F) {
	f.Add([]byte(`{"id":"q1","question":"Who?","answers":["Ada"],"positive":["p7"],"preferred":[{"passage":"p9","gain":1.5}]}` + "\n"))
	f.Add([]byte(`{"id":"1","question":"?"}` + "\n\n" + `{"id":"2","question":"\ud800"}`))
	f.Add([]byte(`{"id":"1","question":"?","preferred":[{"gain":1e309}]}`))
	f.Add([]byte("\xff{}"))
	dir := f.TempDir()
	file := filepath.Join(dir, "examples")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := ReadExamples(file)
		if err != nil {
			return
		}
		for _, e := range list {
			for _, p := range e.Preferred {
				if !(p.Gain > 0) || math.IsInf(p.Gain, 0) {
					t.Fatalf("a gain of %v", p.Gain)
				}
			}
		}
		checkWritten(t, file, list)
	})
}

// checkWritten writes examples and reads them again.
func checkWritten(t *testing.T, file string, list []Example) {
	t.Helper()
	var b bytes.Buffer
	if err := WriteExamples(&b, list); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := ReadExamples(file)
	if err != nil || !cmp.Equal(list, again, cmpopts.EquateEmpty()) {
		t.Fatalf("%v: %+v is read as %+v", err, list, again)
	}
}

// What a model replies becomes questions that it wrote, each with an answer that it wrote,
// no more than were asked for, and examples that train can read.
func FuzzReply(f *testing.F) {
	f.Add("1. Q: When was it rebuilt?\n   A: 1871\nQ: Who painted it?", "Q: when  was it rebuilt?\nA: then", 3)
	f.Add("**Question:** On which day?\n**Answer:** Monday\n", "- q: x\r\n- a: *\n", 1)
	f.Add("Q:Q: A:\nA:: :\nA: \xff", "Q: \u2028\nA: \u00a0", 2)
	file := filepath.Join(f.TempDir(), "examples")
	f.Fuzz(func(t *testing.T, first, second string, most int) {
		most = max(1, min(most, 100))
		var made []written
		for _, reply := range []string{first, second} {
			reply = strings.ToValidUTF8(reply, "\ufffd")
			list := readQuestions(reply, most)
			if len(list) > most {
				t.Fatalf("%d questions: want at most %d", len(list), most)
			}
			for _, q := range list {
				for _, text := range []string{q.Question, q.Answers[0]} {
					if strings.TrimSpace(text) == "" || text != strings.TrimSpace(text) || !strings.Contains(reply, text) {
						t.Fatalf("%q of %q", text, reply)
					}
				}
			}
			made = append(made, written{kept: list, all: len(list)})
		}
		var count Generated
		list := makeExamples(made, []retriever.Passage{{ID: "p"}, {ID: "q"}}, &count)
		if count.Kept != len(list) || count.Written != count.Kept+count.Repeated {
			t.Fatalf("%+v of %d", count, len(list))
		}
		if len(list) > 0 { // a file of none is refused
			checkWritten(t, file, list)
		}
	})
}
