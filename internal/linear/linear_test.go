package linear

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func example() *File {
	return &File{
		Provenance: map[string]string{"data": "made up"},
		Models: map[string]*Model{
			"classes": {Features: []string{"one", "x"}, Classes: []string{"no", "yes"}, Weights: [][]float64{{0, 0}, {-1.25, math.Log(3)}}},
			"choice":  {Features: []string{"x"}, Weights: [][]float64{{0.1}}},
		},
		Tables: map[string]map[string]float64{"rarity": {"bridge": 5.25}},
	}
}

func written(t testing.TB, f *File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestProbs(t *testing.T) {
	m := example().Models["classes"]
	// e^(-1.25 + ln 3·x) against 1; at x = 1.25/ln 3 they are equal.
	for x, want := range map[float64]float64{0: math.Exp(-1.25) / (1 + math.Exp(-1.25)), 1.25 / math.Log(3): 0.5, 1: 3 * math.Exp(-1.25) / (1 + 3*math.Exp(-1.25))} {
		got := m.Probs([]float64{1, x})
		if math.Abs(got[1]-want) > 1e-15 || math.Abs(got[0]+got[1]-1) > 1e-15 {
			t.Errorf("at %v: %v, want %v for the second", x, got, want)
		}
	}
	if got := m.Probs([]float64{1e308, 1e308}); math.IsNaN(got[0]) {
		t.Errorf("huge features give %v", got)
	}
}

func TestFileRoundTrip(t *testing.T) {
	f := example()
	f.Models["classes"].Weights[1][0] = -1.23456789
	b := written(t, f)
	if !bytes.Equal(b, written(t, f)) {
		t.Error("written twice, the bytes differ")
	}
	got, err := Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	f.Models["classes"].Weights[1] = []float64{-1.23457, 1.09861}
	if diff := cmp.Diff(f, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if !bytes.Equal(b, written(t, got)) {
		t.Error("written again after reading, the bytes differ")
	}
}

func TestRound(t *testing.T) {
	for x, want := range map[float64]float64{
		0: 0, 1: 1, -2.5: -2.5, 1234567: 1234570, 0.0001234567: 0.000123457, 999999.6: 1000000, 3e-300: 3e-300, 5e-324: 0,
	} {
		if got := round(x); math.Abs(got-want) > 1e-12*math.Abs(want) {
			t.Errorf("round(%v) is %v, want %v", x, got, want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	good := string(written(t, example()))
	swap := func(old, new string) string {
		if strings.Count(good, old) == 0 {
			t.Fatalf("%q is not in the file", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	// seal writes a body under its right checksum.
	seal := func(body string) string {
		sum, err := checksum([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return `{"format":"` + Format + `","version":1,"checksum":"` + sum + `","body":` + body + `}`
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":            {"", ErrFormat},
		"another file":     {"# Title\n", ErrFormat},
		"other JSON":       {`{"a":1}`, ErrFormat},
		"list":             {`[]`, ErrFormat},
		"cut in the body":  {good[:len(good)/2], ErrTruncated},
		"cut at the end":   {good[:len(good)-2], ErrTruncated},
		"a digit changed":  {swap("1.09861", "1.19861"), ErrAltered},
		"a name changed":   {swap(`"bridge"`, `"brigde"`), ErrAltered},
		"no body":          {`{"format":"` + Format + `","version":1,"checksum":""}`, ErrAltered},
		"newer":            {swap(`"version":1`, `"version":2`), ErrNewer},
		"version 0":        {swap(`"version":1`, `"version":0`), ErrFormat},
		"wrong kind":       {seal(`{"models":[]}`), ErrContent},
		"null model":       {seal(`{"models":{"m":null}}`), ErrContent},
		"short row":        {seal(`{"models":{"m":{"features":["a","b"],"weights":[[1]]}}}`), ErrContent},
		"no rows":          {seal(`{"models":{"m":{"features":["a"],"weights":[]}}}`), ErrContent},
		"huge weight":      {seal(`{"models":{"m":{"features":["a"],"weights":[[1e300]]}}}`), ErrContent},
		"one class":        {seal(`{"models":{"m":{"features":["a"],"classes":["x"],"weights":[[1]]}}}`), ErrContent},
		"number too large": {seal(`{"models":{"m":{"features":["a"],"weights":[[1e999]]}}}`), ErrContent},
	} {
		_, err := Read(strings.NewReader(c.text))
		var typed *FileError
		if !errors.Is(err, c.want) || !errors.As(err, &typed) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// White space between values is not content.
	if _, err := Read(strings.NewReader(strings.ReplaceAll(good, `"models":{`, "\n \"models\" :\n{"))); err != nil {
		t.Errorf("with white space: %v", err)
	}
}

func TestModelOfAFile(t *testing.T) {
	f := example()
	if _, err := f.Model("classes", []string{"one", "x"}, []string{"no", "yes"}); err != nil {
		t.Error(err)
	}
	for name, get := range map[string]func() (*Model, error){
		"no such model": func() (*Model, error) { return f.Model("other", nil, nil) },
		"features":      func() (*Model, error) { return f.Model("classes", []string{"one", "y"}, []string{"no", "yes"}) },
		"more features": func() (*Model, error) { return f.Model("classes", []string{"one", "x", "y"}, []string{"no", "yes"}) },
		"classes":       func() (*Model, error) { return f.Model("classes", []string{"one", "x"}, nil) },
	} {
		if _, err := get(); !errors.Is(err, ErrContent) {
			t.Errorf("%s: %v, want ErrContent", name, err)
		}
	}
}

// FuzzRead checks that Read never panics, and that what it accepts can be
// written and is the same when read again.
func FuzzRead(f *testing.F) {
	good := written(f, example())
	f.Add(good)
	f.Add(good[:40])
	f.Add([]byte(`{"format":"goselfrag-linear","version":1,"checksum":"","body":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := Read(bytes.NewReader(b))
		if err != nil {
			var typed *FileError
			if !errors.As(err, &typed) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		for _, m := range first.Models {
			x := make([]float64, len(m.Features))
			for i := range x {
				x[i] = 1
			}
			for _, p := range m.Probs(x) {
				if math.IsNaN(p) {
					t.Fatal("a probability is NaN")
				}
			}
		}
		again, err := Read(bytes.NewReader(written(t, first)))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := written(t, first), written(t, again); !bytes.Equal(a, b) {
			t.Errorf("written %s, again %s", a, b)
		}
	})
}
