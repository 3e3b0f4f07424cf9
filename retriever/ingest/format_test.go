package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// readerFunc is a Reader.
type readerFunc func(context.Context, []byte) (Text, error)

func (f readerFunc) Read(ctx context.Context, data []byte) (Text, error) { return f(ctx, data) }

// given is a Reader that returns a text.
func given(t Text) Options {
	return Options{Formats: map[string]Reader{".pdf": readerFunc(func(context.Context, []byte) (Text, error) { return t, nil })}}
}

// A passage says on which pages it is, and goes across pages only if its paragraph does.
func TestPagesOfPassages(t *testing.T) {
	body := "One is here.\n\nTwo begins and ends on the next page. Three.\n\nFour.\n\nFive."
	at := func(s string) int { return strings.Index(body, s) }
	text := Text{Title: " The  Title ", Body: body, Pages: []int{0, at("ends"), at("Five"), at("Five"), len(body)}, Notes: []Note{{Kind: NoteImage, Text: "x", Count: 1}}}
	var notes []string
	opts := given(text)
	opts.Note = func(n Note) { notes = append(notes, n.String()) }
	ps, err := Document("a/B.PDF", []byte("data"), opts)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range ps {
		page, _ := p.Metadata["page"].AsInt()
		format, _ := p.Metadata["format"].AsString()
		if want := body[p.Source.Start:p.Source.End]; p.Text != want {
			t.Errorf("%q, but the source says %q", p.Text, want)
		}
		got = append(got, fmt.Sprintf("%s %s %s %d: %s (%v)", p.ID, p.Title, format, page, p.Text, p.Source))
	}
	want := []string{
		"a/B.PDF#1 The Title pdf 1: One is here.\n\nTwo begins and ends on the next page. Three. (a/B.PDF, pages 1-2)",
		"a/B.PDF#2 The Title pdf 2: Four. (a/B.PDF, page 2)",
		"a/B.PDF#3 The Title pdf 4: Five. (a/B.PDF, page 4)",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"a/B.PDF: image: x (1)"}, notes); d != "" {
		t.Error(d)
	}
}

// A text without pages, of any length, is cut as others are.
func TestLongForeignText(t *testing.T) {
	for _, body := range []string{strings.Repeat("A sentence of five words.\n\n", 100_000), strings.Repeat("A sentence of five words. ", 100_000), strings.Repeat("é", 3<<20)} {
		opts := given(Text{Body: body})
		opts.Children = &Split{Size: 10}
		ps, err := Document("a.pdf", make([]byte, len(body)), opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ps {
			if body[p.Source.Start:p.Source.End] != p.Text || p.Source.Page != 0 {
				t.Fatalf("%q of %+v", p.Text, p.Source)
			}
		}
	}
}

func TestFormatErrors(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		text Text
		err  error
		want error
	}{
		"reader":           {Text{}, broken, broken},
		"nothing":          {Text{}, nil, ErrNoText},
		"blank":            {Text{Body: "\n\n \n"}, nil, ErrNoText},
		"bytes":            {Text{Body: "\xff"}, nil, errText},
		"pages descend":    {Text{Body: "abc", Pages: []int{0, 2, 1}}, nil, errText},
		"pages beyond":     {Text{Body: "abc", Pages: []int{0, 4}}, nil, errText},
		"page 1 is not 0":  {Text{Body: "abc", Pages: []int{1}}, nil, errText},
		"title in Latin-1": {Text{Body: "abc", Title: "\xe9"}, nil, errText},
	} {
		opts := Options{Formats: map[string]Reader{".pdf": readerFunc(func(context.Context, []byte) (Text, error) { return c.text, c.err })}}
		_, err := Document("a.pdf", nil, opts)
		if file := new(FileError); !errors.As(err, &file) || file.Path != "a.pdf" || !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		res, err := FS(t.Context(), fstest.MapFS{"a.pdf": {}, "b.txt": {Data: []byte("Text.")}, "c.doc": {}}, opts)
		if err != nil || len(res.Skipped) != 1 || !errors.Is(res.Skipped[0], c.want) || len(res.Passages) != 1 || res.Ignored != 1 {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
	opts := given(Text{Body: "A."})
	if _, err := Document("a.pdf", make([]byte, 64<<20), opts); err != nil {
		t.Error(err)
	}
	if _, err := Document("a.pdf", make([]byte, 64<<20+1), opts); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	opts.MaxBytes = 3
	if _, err := Document("a.pdf", make([]byte, 4), opts); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	r := readerFunc(nil)
	for _, formats := range []map[string]Reader{{"pdf": r}, {".PDF": r}, {".": r}, {"": r}, {".tar.gz": r}, {".a/b": r}, {".pdf": nil}, {".md": r}} {
		if _, err := Document("a.txt", []byte("a"), Options{Formats: formats}); !errors.Is(err, ErrOption) {
			t.Errorf("%v: %v", formats, err)
		}
	}
	_, err := FS(t.Context(), fstest.MapFS{"c.doc": {}}, given(Text{}))
	if err == nil || !strings.Contains(err.Error(), ".tsv, .pdf files") {
		t.Error(err)
	}
}

// A reader that is interrupted ends the reading of a folder.
func TestFormatCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	opts := Options{Formats: map[string]Reader{".pdf": readerFunc(func(ctx context.Context, _ []byte) (Text, error) {
		cancel()
		<-ctx.Done()
		return Text{}, ctx.Err()
	})}}
	if _, err := FS(ctx, fstest.MapFS{"a.pdf": {}}, opts); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
