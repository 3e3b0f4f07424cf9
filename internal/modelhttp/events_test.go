package modelhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/goselfrag/goselfrag/modelserver"
)

// all reads a stream to its end.
func all(t testing.TB, body io.Reader, media string) ([]string, error) {
	t.Helper()
	c, err := New(modelserver.Config{URLs: []string{"http://x"}, Retries: -1, Client: &http.Client{
		Transport: transport(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {media}}, Body: io.NopCloser(body)}, nil
		}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	err = c.Do(t.Context(), Call{}, func(a *Answer) error {
		for {
			data, err := a.Events().Next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			list = append(list, string(data))
		}
	})
	return list, err
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const sse, ndjson = "text/event-stream", "application/x-ndjson"

func TestEvents(t *testing.T) {
	for _, c := range []struct {
		name, media, body string
		want              []string
		says              string // "" if the stream ends well
	}{
		{"events", sse, "data: a\n\ndata: b\n\n", []string{"a", "b"}, ""},
		{"line ends of both kinds", sse, "data: a\r\n\r\ndata: b\n\n", []string{"a", "b"}, ""},
		{"byte order mark", sse, "\uFEFFdata: a\n\ndata: \uFEFFb\n\n", []string{"a", "\uFEFFb"}, ""},
		{"blanks around the end", sse, "data: a\n\ndata:  [DONE] \n\ndata: b\n\n", []string{"a"}, ""},
		{"several lines", sse, "data: a\ndata: b\n\n", []string{"a\nb"}, ""},
		{"no blank", sse, "data:a\n\ndata:  b\n\n", []string{"a", " b"}, ""},
		{"other fields", sse, "id: 1\nevent: x\nretry: 5\ndata: a\nfoo\n\n", []string{"a"}, ""},
		{"comments", sse, ": ping\n\n:\n\ndata: a\n\n", []string{"a"}, ""},
		{"without data", sse, "event: x\n\n\n\ndata: a\n\n", []string{"a"}, ""},
		{"done", sse, "data: a\n\ndata: [DONE]\n\ndata: b\n\n", []string{"a"}, ""},
		{"done, cut", sse, "data: a\n\ndata: [DONE]", []string{"a"}, ""},
		{"last blank line missing", sse, "data: a\n", []string{"a"}, ""},
		{"cut in a line", sse, "data: a\n\ndata: b", []string{"a"}, "before it was complete"},
		{"cut in a name", sse, "data: a\n\nda", []string{"a"}, "before it was complete"},
		{"nothing", sse, "", nil, ""},
		{"error line", sse, "error: {\"code\":503,\"message\":\"busy\",\"type\":\"x\"}\n\n", nil, "503 Service Unavailable: busy"},
		{"error line without words", sse, "data: a\n\nerror: oops\n\n", []string{"a"}, "the server reports an error: oops"},
		{"error by name", sse, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"full\"}}\n\n", nil, "full"},
		{"error in data", sse, "data: {\"error\": {\"message\": \"no\", \"code\": \"400\"}}\n\n", nil, "400 Bad Request: no"},
		{"error in data, flat", sse, "data: { \"object\" : \"error\", \"message\":\"no\",\"code\":400}\n\n", nil, "400 Bad Request: no"},
		{"no error", sse, "data: {\"error\":null,\"a\":1}\n\n", []string{`{"error":null,"a":1}`}, ""},
		{"lines", ndjson, "{\"a\":1}\n\n{\"a\":2}\r\n{\"a\":3}", []string{`{"a":1}`, `{"a":2}`, `{"a":3}`}, ""},
		{"lines are not events", ndjson, "data: [DONE]\n", []string{"data: [DONE]"}, ""},
		{"error in lines", ndjson, "{\"a\":1}\n{\"error\":\"gone\"}\n", []string{`{"a":1}`}, "gone"},
		{"lines, not named", "", "{\"a\":1}\n", []string{`{"a":1}`}, ""},
		{"events, not named", "", "data: 1\n\n", []string{"1"}, ""},
		{"no stream", "application/json", `{"error":{"message":"not streaming","code":422}}`, nil, "not streaming"},
		{"no stream and no error", "application/json", `{"choices":[]}`, nil, "content type"},
		{"long line", sse, "data: " + strings.Repeat("x", 100_000) + "\n\n", []string{strings.Repeat("x", 100_000)}, ""},
		{"too long a line", sse, "data: " + strings.Repeat("x", defaultLimit) + "\n\n", nil, "the answer is longer than"},
		{"too long an event", sse, strings.Repeat("data: "+strings.Repeat("x", defaultLimit/4)+"\n", 5), nil, "longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := all(t, strings.NewReader(c.body), c.media)
			if !slices.Equal(got, c.want) {
				t.Errorf("%.200q, want %.200q", got, c.want)
			}
			var e *modelserver.Error
			if c.says == "" && err != nil || c.says != "" && (!errors.As(err, &e) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("error %v: want one that says %q", err, c.says)
			}
		})
	}
}

// endless never ends.
type endless struct{ line []byte }

func (e endless) Read(b []byte) (int, error) { return copy(b, e.line), nil }

// TestEndless: a stream without an end and without an event is given up.
func TestEndless(t *testing.T) {
	if _, err := all(t, endless{append(bytes.Repeat([]byte(":"), 15_000), '\n')}, sse); err == nil || !strings.Contains(err.Error(), fmt.Sprint(defaultLimit)) {
		t.Errorf("%v: want an error that names the limit", err)
	}
}

// plainly is a second, slow implementation of the two formats, without errors
// that servers report.
func plainly(body, media string) (list []string, complete bool) {
	lines := strings.SplitAfter(strings.TrimPrefix(body, "\uFEFF"), "\n")
	var data []string
	kind := ""
	for _, l := range lines {
		text := strings.TrimSuffix(strings.TrimSuffix(l, "\n"), "\r")
		if strings.HasSuffix(text, "\r") && !strings.HasSuffix(l, "\n") {
			text = strings.TrimSuffix(l, "\r")
		}
		switch {
		case media == ndjson:
			if !strings.HasSuffix(l, "\n") && !isNothing([]byte(l)) && !json.Valid([]byte(l)) {
				return list, false
			}
			if !isNothing([]byte(text)) {
				list = append(list, text)
			}
		case l == "":
		case !strings.HasSuffix(l, "\n") && strings.TrimSpace(strings.TrimPrefix(l, "data:")) != "[DONE]":
			return list, false
		case text == "":
			if s := strings.Join(data, "\n"); s != "" && !slices.Contains(alive, strings.ToLower(kind)) {
				if strings.TrimSpace(s) == "[DONE]" {
					return list, true
				}
				list = append(list, s)
			}
			data, kind = nil, ""
		default:
			name, value, _ := strings.Cut(text, ":")
			if name == "event" {
				kind = strings.TrimPrefix(value, " ")
			}
			if name == "data" && !isNothing([]byte(value)) {
				data = append(data, strings.TrimPrefix(value, " "))
			}
		}
	}
	if s := strings.Join(data, "\n"); s != "" && strings.TrimSpace(s) != "[DONE]" {
		list = append(list, s)
	}
	return list, true
}

func FuzzEvents(f *testing.F) {
	for _, s := range []string{
		"data: a\n\ndata: b\n\n", ": ping\n\ndata: a\r\ndata: b\r\n\r\ndata: [DONE]\n\n", "data: a\n", "data: a", "event: x\ndata:\n\n",
		"{\"a\":1}\n{\"a\":2}\n", "error: x\n\n", "data: {\"error\":\"x\"}\n\n", "event: error\ndata: x\n\n", "data:\ndata: x\n\n",
		"\uFEFFdata: [DONE]", "\uFEFFdata: a\n\ndata: \ndata: [DONE] \n", "\uFEFF\n{}",
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, events bool) {
		media := ndjson
		if events {
			media = sse
		}
		got, err := all(t, bytes.NewReader(body), media)
		again, err2 := all(t, iotest.OneByteReader(bytes.NewReader(body)), media)
		if !slices.Equal(got, again) || fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Fatalf("%q %v, but byte by byte %q %v", got, err, again, err2)
		}
		text := string(body)
		if strings.Contains(text, "error") || strings.Contains(text, "code") { // what servers report is not in the formats
			return
		}
		want, complete := plainly(text, media)
		if !slices.Equal(got, want) || (err == nil) != complete {
			t.Fatalf("%q (%v) of %q: want %q (complete %t)", got, err, text, want, complete)
		}
	})
}
