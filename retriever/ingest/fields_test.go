package ingest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// A table or a record is read with any names of columns and any separator.
func TestLayouts(t *testing.T) {
	for _, tc := range []struct {
		name, file, src string
		fields          Fields
		want            string // id|title|text|metadata of each
		notes           string
	}{
		{"pandas", "a.csv", ",id,text\n0,p,one\n1,q,two\n", Fields{}, "p||one|{} q||two|{}", "field: column 1, which has no name, left out 1"},
		{"an empty last column", "a.csv", "id,text,\np,one,\n", Fields{}, "p||one|{}", "field: column 3, which has no name, left out 1"},
		{"Pyserini", "a.jsonl", `{"id":"p","contents":"Title\nText"}`, Fields{}, "p||Title\nText|{}", ""},
		{"content", "a.csv", "id,content\np,one", Fields{}, "p||one|{}", ""},
		{"BEIR", "a.jsonl", `{"_id":"p","title":"T","text":"one","metadata":{"url":"u"}}`, Fields{}, `p|T|one|{"url":"u"}`, ""},
		{"MS MARCO", "a.jsonl", `{"docid":"p","url":"u","title":"T","body":"one"}`, Fields{}, `p|T|one|{"url":"u"}`, ""},
		{"two texts", "a.jsonl", `{"id":"p","content":{"a":1},"body":"one"}`, Fields{}, `p||one|{"content":"{\"a\":1}"}`, ""},
		{"both", "a.jsonl", `{"id":"p","text":"one","body":"two"}`, Fields{}, `p||one|{"body":"two"}`, ""},
		{"upper case", "a.jsonl", `{"ID":7,"Text":"one"}`, Fields{}, `7||one|{}`, ""},
		{"named", "a.jsonl", `{"key":"p","name":"T","words":"one","text":"two"}`, Fields{ID: "key", Title: "name", Text: "words"}, `p|T|one|{"text":"two"}`, ""},
		{"named column", "a.csv", "key,words\np,one", Fields{ID: "key", Text: "words"}, `p||one|{}`, ""},
		{"semicolons", "a.csv", "id;text;year\np;one, two;2021\n", Fields{}, `p||one, two|{"year":"2021"}`, ""},
		{"tabs", "a.csv", "id\ttext\np\tone, two; three\n", Fields{}, `p||one, two; three|{}`, ""},
		{"bars", "a.csv", "id|text\np|one, two\n", Fields{}, `p||one, two|{}`, ""},
		{"sep", "a.csv", "sep=;\r\nid;text\r\np;\"one\r\ntwo\"\r\n", Fields{}, "p||one\ntwo|{}", ""},
		{"sep and mark", "a.csv", "\ufeff\"sep=|\"\nid|text\np|one", Fields{}, "p||one|{}", ""},
		{"a mark and quotes", "a.csv", "\ufeff\"id\",\"text\"\n\"p\",\"one\"", Fields{}, "p||one|{}", ""},
		{"one column", "a.csv", "text\n\"one, two\"\n", Fields{}, "a.csv#2||one, two|{}", ""},
		{"two columns of a name", "a.csv", "id,text,tag,tag,tag_2\np,one,a,b,c", Fields{}, `p||one|{"tag":"a","tag_2":"b","tag_2_2":"c"}`,
			`field: column 4, a second "tag", is called "tag_2" 1 field: column 5, a second "tag_2", is called "tag_2_2" 1`},
		{"two texts", "a.csv", "text,TEXT\none,two", Fields{}, `a.csv#2||one|{"TEXT":"two"}`, ""},
		{"types", "a.csv", "id,text,year,score,new,day,tags\np,one,2021,1.5,yes,2021-03-04,\"a, b\"\nq,two,none,x,?,never,",
			Fields{Types: map[string]filter.Kind{"year": filter.KindInt, "score": filter.KindFloat, "new": filter.KindBool, "day": filter.KindTime, "tags": filter.KindStrings}},
			`p||one|{"day":{"time":"2021-03-04T00:00:00Z"},"new":true,"score":1.5,"tags":["a","b"],"year":2021} q||two|{}`,
			`field: "year" that is no int, left out 1 field: "score" that is no float, left out 1 field: "new" that is no bool, left out 1 field: "day" that is no time, left out 1`},
		{"types of JSON", "a.jsonl", `{"id":"p","text":"one","year":"2021","n":3}`, Fields{Types: map[string]filter.Kind{"year": filter.KindInt, "n": filter.KindFloat}},
			`p||one|{"n":3.0,"year":2021}`, ""},
		{"spaces", "a.csv", "id, text , year\np,one,1", Fields{}, `p||one|{"year":"1"}`, ""},
	} {
		var notes []string
		o := Options{Fields: tc.fields, Note: func(n Note) { notes = append(notes, fmt.Sprintf("%s: %s %d", n.Kind, n.Text, n.Count)) }}
		ps, err := Document(tc.file, []byte(tc.src), o)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		var got []string
		for _, p := range ps {
			m := []byte("{}")
			if len(p.Metadata) > 0 {
				m, _ = p.Metadata.MarshalJSON()
			}
			got = append(got, fmt.Sprintf("%s|%s|%s|%s", p.ID, p.Title, p.Text, m))
			if raw := strings.ReplaceAll(strings.ReplaceAll(tc.src[p.Source.Start:p.Source.End], "\r\n", "\n"), `\n`, "\n"); raw != p.Text {
				t.Errorf("%s: source %q", tc.name, raw)
			}
		}
		if d := cmp.Diff(tc.want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
		if d := cmp.Diff(tc.notes, strings.Join(notes, " ")); d != "" {
			t.Errorf("%s: notes (-want +got):\n%s", tc.name, d)
		}
	}
}

func TestTypedColumnsFilter(t *testing.T) {
	ps, err := Document("a.csv", []byte("id,text,year\np,one,2020\nq,two,2021\n"), Options{Fields: Fields{Types: map[string]filter.Kind{"year": filter.KindInt}}})
	if err != nil {
		t.Fatal(err)
	}
	expr, err := filter.Parse("year >= 2021")
	if err != nil || filter.Match(expr, ps[0].Metadata) || !filter.Match(expr, ps[1].Metadata) {
		t.Errorf("%v, %v", ps, err)
	}
}

func TestFieldErrors(t *testing.T) {
	for _, f := range []Fields{{ID: "a", Text: "a"}, {Types: map[string]filter.Kind{"a": 0}}, {Types: map[string]filter.Kind{"a": 99}}} {
		if _, err := Document("a.csv", []byte("text\na"), Options{Fields: f}); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	for _, file := range []string{"a.csv", "a.jsonl"} {
		src := map[string]string{"a.csv": "text\na", "a.jsonl": `{"text":"a"}`}[file]
		if _, err := Document(file, []byte(src), Options{Fields: Fields{Text: "words"}}); !errors.Is(err, ErrRecord) || !strings.Contains(err.Error(), `"words", which Options.Fields names`) {
			t.Errorf("%s: %v", file, err)
		}
	}
	// Errors count the line with the separator.
	_, bad := read(t, "a.csv", "sep=;\nid;text\np;one\nq\n", Options{})
	if len(bad) != 1 || !strings.HasPrefix(bad[0], "ingest: a.csv:4: ") {
		t.Errorf("%q", bad)
	}
}

// Ids of records collide neither with those of sections nor with each other.
func TestIDs(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	for name, o := range map[string]Options{
		"plain": {}, "children": {Children: &Split{Unit: Sentences, Size: 1}}, "split": {SplitRecords: true, Split: Split{Size: 3}},
	} {
		res, err := FS(t.Context(), fstest.MapFS{
			"a.jsonl":   file(`{"id":"manual.md#1","text":"A record. It has two sentences."}` + "\n" + `{"id":"p","text":"One of two. It goes on."}` + "\n" + `{"id":"q","text":"Fine."}`),
			"b.csv":     file("id,text\np,Two of two. It goes on.\np,Three.\np#1,Four.\n,Five."),
			"manual.md": file("# M\n\nThe manual. It has two sentences."),
			"c.jsonl":   file(`{"id":"manual.md#1.1","text":"Six."}` + "\n" + `{"id":"b.csv#3","text":"Seven."}` + "\n" + `{"id":"p.1","text":"Eight."}`),
		}, o)
		if err != nil || len(res.Skipped) > 0 || res.Read != 4 {
			t.Fatalf("%s: %v, %+v", name, err, res)
		}
		seen := map[string]bool{}
		for _, p := range res.Passages {
			if seen[p.ID] {
				t.Errorf("%s: two passages %q", name, p.ID)
			}
			seen[p.ID] = true
			if parent, ok := p.Metadata[parentKey].AsString(); ok && (!seen[parent] || !strings.HasPrefix(p.ID, parent+".")) {
				t.Errorf("%s: %q has no parent %q", name, p.ID, parent)
			}
		}
		for _, id := range []string{"manual.md#1", "q", "a.jsonl#1"} {
			if !seen[id] && !(name == "split" && seen[id+"#1"]) {
				t.Errorf("%s: no passage %q in %v", name, id, seen)
			}
		}
		renamed := 0
		for _, n := range res.Notes {
			if n.Kind == NoteID {
				renamed += n.Count
			}
		}
		if renamed < 4 {
			t.Errorf("%s: notes %v", name, res.Notes)
		}
	}
}
