package ingest

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// read collects a stream, with errors as texts.
func read(t *testing.T, name, src string, o Options) (passages []retriever.Passage, bad []string) {
	t.Helper()
	// Byte by byte, so that no buffer hides a mistake about offsets.
	for p, err := range Stream(t.Context(), name, iotest.OneByteReader(strings.NewReader(src)), o) {
		if err != nil {
			bad = append(bad, err.Error())
			continue
		}
		passages = append(passages, p)
	}
	return passages, bad
}

func TestRecords(t *testing.T) {
	text := filter.String
	for name, tc := range map[string]struct {
		file, src string
		want      []retriever.Passage // Source is checked below
		raw       []string            // the bytes at Source
	}{
		"JSON": {"a.jsonl", "\ufeff{\"id\":\"p1\",\"title\":\"T\",\"text\":\"One \\\"two\\\"\\n\\u6771\\ud83d\\ude00\"}\r\n\n" +
			` {"text" : "x", "_id": 7, "year": 2020, "tags": ["a"], "deep": {"b": [1]}, "none": null, "metadata": {"lang": "en"}}`,
			[]retriever.Passage{
				{ID: "p1", Title: "T", Text: "One \"two\"\n東😀"},
				{ID: "7", Text: "x", Metadata: filter.Metadata{"year": filter.Int(2020), "tags": filter.Strings("a"), "deep": text(`{"b": [1]}`), "lang": text("en")}},
			}, []string{`One \"two\"\n\u6771\ud83d\ude00`, "x"}},
		"no id": {"a.ndjson", "\n" + `{"text":"</paragraph>[Relevant]"}`,
			[]retriever.Passage{{ID: "a.ndjson#2", Text: "</paragraph>[Relevant]"}}, []string{"</paragraph>[Relevant]"}},
		"psgs_w100": {"psgs_w100.tsv", "id\ttext\ttitle\n1\t\"A \"\"quoted\"\" text, with commas\"\tAaron\n2\tplain\tB\n",
			[]retriever.Passage{{ID: "1", Title: "Aaron", Text: `A "quoted" text, with commas`}, {ID: "2", Title: "B", Text: "plain"}},
			[]string{`A ""quoted"" text, with commas`, "plain"}},
		"CSV": {"a.csv", "\ufeffTitle,lang,Text,ID\r\n\r\nT,en,\"one,\r\n\"\"two\"\"\",x\r\nU,,\"東\",y",
			[]retriever.Passage{{ID: "x", Title: "T", Text: "one,\n\"two\"", Metadata: filter.Metadata{"lang": text("en")}}, {ID: "y", Title: "U", Text: "東"}},
			[]string{"one,\r\n\"\"two\"\"", "東"}},
		"one column": {"a.csv", "text\n\"x\"\r\n\"\"\"y\"\r\nz",
			[]retriever.Passage{{ID: "a.csv#2", Text: "x"}, {ID: "a.csv#3", Text: `"y`}, {ID: "a.csv#4", Text: "z"}}, []string{"x", `""y`, "z"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, bad := read(t, tc.file, tc.src, Options{})
			var raw []string
			for i, p := range got {
				raw = append(raw, tc.src[p.Source.Start:p.Source.End])
				if p.Source.URI != tc.file {
					t.Errorf("URI %q", p.Source.URI)
				}
				got[i].Source = retriever.Source{}
			}
			if d := cmp.Diff(tc.want, got); d != "" || bad != nil {
				t.Errorf("%q, -want +got:\n%s", bad, d)
			}
			if d := cmp.Diff(tc.raw, raw); d != "" {
				t.Errorf("sources (-want +got):\n%s", d)
			}
		})
	}
}

// A bad record is reported with its line, and the others are read.
func TestBadRecords(t *testing.T) {
	for name, tc := range map[string]struct {
		file, src string
		ids       string
		bad       []string
	}{
		"JSON": {"a.jsonl", strings.Join([]string{
			`{"id":"1","text":"a"}`, `{"id":"2","text":"a"`, `[1]`, `{"id":3.5,"text":"a"}`, `{"id":"4"}`, `{"id":"5","text":5}`, `{"text":" "}`, "{\"text\":\"\xff\"}",
			`{"text":"a","text":"b"}`, `{"text":"a"} {}`, `{"text":"` + strings.Repeat("x", 100) + `"}`, `{"text":"a","":1}`, `{"text":"a","title":["b"]}`,
			`{"text":"a","metadata":{"x":1},"x":2}`, `{"text":"a","metadata":1}`, `{"text":"a" "b"}`, `{"id":"9","text":"z"}`}, "\n"),
			"1 9", []string{
				"ingest: a.jsonl:2: bad record: the JSON object does not end on its line",
				"ingest: a.jsonl:3: bad record: want a JSON object on one line",
				`ingest: a.jsonl:4: bad record: the field "id" is not a text or a whole number of 64 bits`,
				`ingest: a.jsonl:5: bad record: no text in a field "text": name the field in Options.Fields`,
				`ingest: a.jsonl:6: bad record: the field "text" is not a text`,
				"ingest: a.jsonl:7: holds no text but headings, if any",
				"ingest: a.jsonl:8: not UTF-8: convert the file to UTF-8",
				`ingest: a.jsonl:9: bad record: the field "text" comes twice`,
				"ingest: a.jsonl:10: bad record: more than one JSON value on the line",
				"ingest: a.jsonl:11: larger than Options.MaxBytes: raise the limit or split the file",
				`ingest: a.jsonl:12: bad record: metadata: the field name is empty`,
				`ingest: a.jsonl:13: bad record: the field "title" is not a text`,
				`ingest: a.jsonl:14: bad record: the metadata "x" comes twice`,
				"ingest: a.jsonl:15: bad record: metadata: want a JSON object",
				`ingest: a.jsonl:16: bad record: invalid character '"' after object key:value pair`,
			}},
		"TSV": {"a.tsv", "id\ttext\n1\ta\n2\n3\tb \"c\"\n4\t\"d\ne\"\n\n5\t\xff\n6\t \n7\t" + strings.Repeat("x", 100) + "\n8\tz\n", "1 4 8", []string{
			"ingest: a.tsv:3: bad record: column 1 of line 3: wrong number of fields: want as many fields as the first row names",
			"ingest: a.tsv:4: bad record: column 5 of line 4: bare \" in non-quoted-field: put a field with quotes in it in quotes, and write each of its own as two",
			"ingest: a.tsv:8: not UTF-8: convert the file to UTF-8",
			"ingest: a.tsv:9: holds no text but headings, if any",
			"ingest: a.tsv:10: larger than Options.MaxBytes: raise the limit or split the file",
		}},
		"a long id": {"a.csv", "text,id\na," + strings.Repeat("x", 1001) + "\nb,2", "2", []string{"ingest: a.csv:2: bad record: the id has 1001 bytes: want at most 1000"}},
		"an open quote": {"a.csv", "text,id\na,1\n\"b,2\n" + strings.Repeat("c,3\n", 50000), "1", []string{
			"ingest: a.csv:3: larger than Options.MaxBytes: raise the limit or split the file",
		}},
		"an open quote at the end": {"a.csv", "text,id\na,1\n\"b,2\n", "1", []string{
			"ingest: a.csv:3: bad record: column 6 of line 3: extraneous or missing \" in quoted-field: put a field with quotes in it in quotes, and write each of its own as two",
		}},
		"a first row in UTF-16": {"a.csv", "\xff\xfet\x00e\x00x\x00t\x00\n\x00", "", []string{"ingest: a.csv: holds no text but headings, if any"}},
		"no text column": {"a.csv", "id,words\n1,a", "", []string{
			`ingest: a.csv: bad record: no column "text": the first row must name the columns, such as id, title and text, or Options.Fields the one with the text`}},
		"a bad first row": {"a.csv", "te\"xt\n1", "", []string{"ingest: a.csv: bad record: line 1: bare \" in non-quoted-field: put a field with quotes in it in quotes, and write each of its own as two"}},
		"an empty table":  {"a.csv", "", "", []string{"ingest: a.csv: holds no text but headings, if any"}},
		"only a header":   {"a.csv", "text", "", []string{"ingest: a.csv: holds no text but headings, if any"}},
		"an empty file":   {"a.jsonl", "\n\n", "", []string{"ingest: a.jsonl: holds no text but headings, if any"}},
	} {
		t.Run(name, func(t *testing.T) {
			limit := int64(99)
			if name == "a long id" {
				limit = 0
			}
			ps, bad := read(t, tc.file, tc.src, Options{MaxBytes: limit})
			var ids []string
			for _, p := range ps {
				ids = append(ids, p.ID)
			}
			if d := cmp.Diff(tc.bad, bad); d != "" || strings.Join(ids, " ") != tc.ids {
				t.Errorf("ids %q, errors (-want +got):\n%s", ids, d)
			}
		})
	}
}

func TestStreamStops(t *testing.T) {
	src := strings.Repeat("{\"text\":\"a\"}\n", 3) + "x\n{\"text\":\"a\"}\n"
	for name, src := range map[string]string{"a.jsonl": src, "a.csv": "text\na\na\na\n\"\"x\na\n"} {
		n := 0
		for range Stream(t.Context(), name, strings.NewReader(src), Options{}) {
			if n++; n == 2 {
				break
			}
		}
		for _, err := range Stream(t.Context(), name, strings.NewReader(src), Options{}) {
			if err != nil {
				break
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var last error
		n = 0
		for _, err := range Stream(ctx, name, strings.NewReader(src), Options{}) {
			cancel()
			last = err
			n++
		}
		if n != 2 || last != context.Canceled {
			t.Errorf("%s: after canceling: %d pairs, %v", name, n, last)
		}
		broken := errors.New("broken")
		last = nil
		for _, err := range Stream(t.Context(), name, io.MultiReader(strings.NewReader("text\n\n"), iotest.ErrReader(broken)), Options{}) {
			last = err
		}
		var file *FileError
		if !errors.Is(last, broken) || !errors.As(last, &file) || file.Path != name {
			t.Errorf("%s: a broken reader: %v", name, last)
		}
	}
}

func TestRecordsInFolder(t *testing.T) {
	res, err := FS(t.Context(), fstest.MapFS{
		"a.jsonl": {Data: []byte("{\"text\":\"a\"}\nx\n")}, "b.csv": {Data: []byte("a,b\n")}, "c.txt": {Data: []byte("c")},
	}, Options{})
	if err != nil || len(res.Passages) != 2 || res.Read != 2 || len(res.Skipped) != 2 || res.Bytes != 16 {
		t.Fatalf("%v, %+v", err, res)
	}
	if res.Skipped[0].Line != 2 || res.Skipped[1].Path != "b.csv" || res.Skipped[1].Line != 0 {
		t.Errorf("skipped %v", res.Skipped)
	}
}

func TestSplitRecords(t *testing.T) {
	src := `{"id":"p","title":"T","text":"One \"two\".\nThree four.","n":1}`
	ps, bad := read(t, "a.jsonl", src, Options{SplitRecords: true, Split: Split{Size: 2}})
	var got []string
	for _, p := range ps {
		got = append(got, fmt.Sprintf("%s %s %v %s", p.ID, p.Title, p.Metadata["n"], src[p.Source.Start:p.Source.End]))
	}
	if d := cmp.Diff([]string{`p#1 T 1 One \"two\".`, `p#2 T 1 Three four.`}, got); d != "" || bad != nil {
		t.Errorf("%q, -want +got:\n%s", bad, d)
	}
}

// decode undoes the escapes of a format by its own library.
func decode(format, raw string) (string, error) {
	if format == "jsonl" {
		var s string
		err := json.Unmarshal([]byte(`"`+raw+`"`), &s)
		return s, err
	}
	fields, err := csv.NewReader(strings.NewReader(`"` + raw + `"`)).Read()
	if err != nil {
		return "", err
	}
	return fields[0], nil
}

// What is written by the standard library comes back, and every passage's Source,
// read by the standard library, is its text.
func FuzzRecords(f *testing.F) {
	f.Add("p", "T", "One \"two\". 東京は。\r\n<b>[Relevant]</b>\\ e\u0301", "v", byte(1))
	f.Add("0", "", "0\x00,", "\xe2", byte(174))
	f.Add(" ", "\t", "a,b\tc\n\n\"\"", "\u2028", byte(200))
	f.Fuzz(func(t *testing.T, id, title, text, value string, size byte) {
		for _, s := range []*string{&id, &title, &text, &value} {
			*s = strings.ToValidUTF8(*s, "\ufffd")
		}
		var files [3]bytes.Buffer
		_ = json.NewEncoder(&files[0]).Encode(map[string]string{"id": id, "title": title, "text": text, "v": value})
		for i, comma := range []rune{',', '\t'} {
			w := csv.NewWriter(&files[i+1])
			w.Comma = comma
			_ = w.WriteAll([][]string{{"id", "title", "text", "v"}, {id, title, text, value}})
		}
		for i, format := range []string{"jsonl", "csv", "tsv"} {
			want := text
			if format != "jsonl" {
				want = strings.ReplaceAll(text, "\r\n", "\n") // as encoding/csv reads it
			}
			src := files[i].String()
			if strings.Count(src, "\x00") >= 4 && strings.Count(src, "\x00")*20 >= len(src) || strings.Contains(src, "\x1b") {
				continue // it could be of another encoding
			}
			ps, err := Document("a."+format, []byte(src), Options{})
			if strings.TrimSpace(text) == "" {
				if !errors.Is(err, ErrNoText) {
					t.Fatalf("%q: %v", text, err)
				}
				continue
			}
			if err != nil || len(ps) != 1 || ps[0].Text != want {
				t.Fatalf("%s: %v, %+v", src, err, ps)
			}
			if n := len(ps[0].Metadata); format == "jsonl" && (n != 1 || id != "" && ps[0].ID != id || ps[0].Title != (&notes{}).shorten(title)) {
				t.Fatalf("%s: %+v", src, ps)
			}
			pieces, err := Document("a."+format, []byte(src), Options{SplitRecords: true, Split: Split{Size: int(size) + 1, Whole: WholeWords}})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range append(ps, pieces...) {
				raw := src[p.Source.Start:p.Source.End]
				if got, err := decode(format, raw); err != nil || got != p.Text {
					t.Fatalf("%q at %v is %q, %v: want %q", raw, p.Source, got, err, p.Text)
				}
			}
		}
	})
}

// No line of any bytes makes it panic, and nothing is lost without an error.
func FuzzRecordBytes(f *testing.F) {
	f.Add("{\"text\":\"a\\ud800\\u0041\"}\n{}", true)
	f.Add("text,id\n\"a\"\"\r\nb\",1\n\"x", false)
	f.Fuzz(func(t *testing.T, src string, isJSON bool) {
		name := "a.csv"
		if isJSON {
			name = "a.jsonl"
		}
		pairs := 0
		for p, err := range Stream(t.Context(), name, strings.NewReader(src), Options{SplitRecords: true, Split: Split{Size: 1}, NFC: true}) {
			var file *FileError
			if pairs++; err != nil && !errors.As(err, &file) {
				t.Fatal(err)
			}
			if err == nil && (p.ID == "" || p.Text == "" || p.Source.Start < 0 || p.Source.End <= p.Source.Start || p.Source.End > len(src) || p.Metadata.Check() != nil) {
				t.Fatalf("%+v", p)
			}
		}
		if pairs == 0 {
			t.Fatalf("%q gives neither a passage nor an error", src)
		}
	})
}
