package modelserver_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
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
		"good":          {modelserver.Config{URLs: []string{"http://localhost:8000", "https://h/v"}, APIKey: modelserver.NewKey("k")}, ""},
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
		"headers":       {modelserver.Config{URLs: []string{"http://h"}, Header: map[string]modelserver.Key{"X-Ab.c_1": modelserver.NewKey("a\tü"), "X-None": {}}}, ""},
		"header name":   {modelserver.Config{URLs: []string{"http://h"}, Header: map[string]modelserver.Key{"X Team": modelserver.NewKey("a")}}, `Header has the name "X Team"`},
		"header value":  {modelserver.Config{URLs: []string{"http://h"}, Header: map[string]modelserver.Key{"X-Token": modelserver.NewKey("secret\n")}}, "Header X-Token holds"},
		"header twice":  {modelserver.Config{URLs: []string{"http://h"}, Header: map[string]modelserver.Key{"x-team": modelserver.NewKey("a"), "X-Team": modelserver.NewKey("b")}}, "X-Team and x-team, which are one name"},
		"line break":    {modelserver.Config{URLs: []string{"http://h"}, APIKey: modelserver.NewKey("secret\n")}, "APIKey"},
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

// service holds a configuration as a user's own type may, where package fmt reaches what
// it prints by reflection alone.
type service struct {
	config  modelserver.Config
	pointer *modelserver.Config
	any     any
	list    []modelserver.Key
	byName  map[string]modelserver.Key
}

// TestKeyIsNotPrinted writes a configuration in every way it may get into a log.
func TestKeyIsNotPrinted(t *testing.T) {
	key := modelserver.NewKey("secret")
	c := modelserver.Config{URLs: []string{"http://h"}, APIKey: key, Header: map[string]modelserver.Key{"X-Token": key}}
	held := service{c, &c, c, []modelserver.Key{key}, c.Header}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T"} {
		for _, v := range []any{c, &c, c.APIKey, c.Header, held, &held, []any{held}, map[string]service{"a": held}, fmt.Errorf("%v", held)} {
			fmt.Fprintf(&out, verb, v)
		}
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "config", c, "pointer", &c, "key", c.APIKey, "held", held, "header", c.Header)
	}
	for _, v := range []any{c.APIKey, c.Header, held} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		out.Write(b)
	}
	dump(&out, reflect.ValueOf(&held), 20)
	for _, shown := range []string{"secret", fmt.Sprintf("%x", "secret"), fmt.Sprintf("%X", "secret"), fmt.Sprint([]byte("secret"))} {
		if strings.Contains(out.String(), shown) {
			t.Errorf("%q is shown: %s", shown, &out)
		}
	}
	if !strings.Contains(out.String(), "[key]") || fmt.Sprint(modelserver.NewKey("")) != "" {
		t.Errorf("want a placeholder for a key, and nothing for none: %s", &out)
	}
	if key.Reveal() != "secret" || (modelserver.Key{}).Reveal() != "" {
		t.Error("a key cannot be read")
	}
}

// dump writes every string that reflection reaches, as packages that print structures do.
func dump(w io.Writer, v reflect.Value, depth int) {
	if depth == 0 || !v.IsValid() {
		return
	}
	switch v.Kind() {
	case reflect.String:
		fmt.Fprintln(w, v.String())
	case reflect.Pointer, reflect.Interface:
		dump(w, v.Elem(), depth-1)
	case reflect.Struct:
		for i := range v.NumField() {
			dump(w, v.Field(i), depth-1)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			dump(w, v.Index(i), depth-1)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			dump(w, it.Key(), depth-1)
			dump(w, it.Value(), depth-1)
		}
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
