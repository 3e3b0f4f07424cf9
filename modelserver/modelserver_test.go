package modelserver_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/modelserver"
)

func TestConfigCheck(t *testing.T) {
	for name, c := range map[string]struct {
		config modelserver.Config
		says   string // "" if it is good
	}{
		"good":          {modelserver.Config{URLs: []string{"http://localhost:8000", "https://h/v"}, APIKey: "k"}, ""},
		"no URL":        {modelserver.Config{}, "URLs is empty"},
		"no scheme":     {modelserver.Config{URLs: []string{"localhost:8000"}}, "URLs[0]"},
		"no host":       {modelserver.Config{URLs: []string{"http://h", "http://"}}, "URLs[1]"},
		"other scheme":  {modelserver.Config{URLs: []string{"ftp://h"}}, "want http"},
		"no URL at all": {modelserver.Config{URLs: []string{"http://h:x"}}, "URLs[0] is not a URL"},
		"user":          {modelserver.Config{URLs: []string{"http://u:secret@h"}}, "APIKey or Header"},
		"query":         {modelserver.Config{URLs: []string{"http://h?key=secret"}}, "APIKey or Header"},
		"empty query":   {modelserver.Config{URLs: []string{"http://h?"}}, "a query or a fragment"},
		"fragment":      {modelserver.Config{URLs: []string{"http://h/v#"}}, "a query or a fragment"},
		"twice":         {modelserver.Config{URLs: []string{"http://h", "http://h"}}, "twice"},
		"twice, slash":  {modelserver.Config{URLs: []string{"http://h/a", "http://h/a//"}}, "twice"},
		"twice, case":   {modelserver.Config{URLs: []string{"HTTP://h:1", "http://H:1/"}}, "twice"},
		"two paths":     {modelserver.Config{URLs: []string{"http://h/a", "http://h/A"}}, ""},
		"IPv6":          {modelserver.Config{URLs: []string{"http://[::1]:8000", "http://[fe80::1%25eth0]:8000"}}, ""},
		"headers":       {modelserver.Config{URLs: []string{"http://h"}, Header: http.Header{"X-Ab.c_1": {"a\tü", ""}}}, ""},
		"header name":   {modelserver.Config{URLs: []string{"http://h"}, Header: http.Header{"X Team": {"a"}}}, `Header has the name "X Team"`},
		"header value":  {modelserver.Config{URLs: []string{"http://h"}, Header: http.Header{"X-Token": {"secret\n"}}}, "Header X-Token holds"},
		"line break":    {modelserver.Config{URLs: []string{"http://h"}, APIKey: "secret\n"}, "APIKey"},
		"timeout":       {modelserver.Config{URLs: []string{"http://h"}, Timeout: -1}, "Timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.config.Check()
			if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, modelserver.ErrConfig) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v: want an error that says %q", err, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

// TestKeyIsNotPrinted writes a configuration in every way it may get into a log.
func TestKeyIsNotPrinted(t *testing.T) {
	c := modelserver.Config{URLs: []string{"http://h"}, APIKey: "secret"}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb, c, &c, c.APIKey)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", c, "key", c.APIKey)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", c.APIKey)
	b, err := json.Marshal(c.APIKey)
	out.Write(b)
	if err != nil || strings.Contains(out.String(), "secret") || strings.Contains(out.String(), fmt.Sprintf("%x", "secret")) {
		t.Errorf("%v, %s", err, &out)
	}
	if !strings.Contains(out.String(), "[key]") || fmt.Sprint(modelserver.Key("")) != "" {
		t.Errorf("want a placeholder for a key, and nothing for none: %s", &out)
	}
}

func TestErrorText(t *testing.T) {
	for want, e := range map[string]modelserver.Error{
		"modelserver: http://h/x":                       {URL: "http://h/x"},
		"modelserver: http://h/x: 418 I'm a teapot: no": {URL: "http://h/x", Status: 418, Message: "no"},
		"modelserver: http://h/x: 599":                  {URL: "http://h/x", Status: 599, Tries: 1},
		"modelserver: http://h/x: 429 Too Many Requests: wait (request r-1, retry after 2s, 3 tries)": {
			URL: "http://h/x", Status: 429, Message: "wait", RequestID: "r-1", RetryAfter: 2 * time.Second, Tries: 3,
		},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if err := (&modelserver.Error{Err: io.EOF}); !errors.Is(err, io.EOF) {
		t.Error("the cause is out of reach")
	}
}
