package endpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/goselfrag/goselfrag/internal/modelhttp"
)

// The placeholders of a template.
const (
	queryMark  = "{{query}}"
	kMark      = "{{k}}"
	filterMark = "{{filter}}"
)

// mark returns the placeholder that s is, empty if it is none.
func mark(s string) (string, error) {
	for _, m := range []string{queryMark, kMark, filterMark} {
		if s == m {
			return m, nil
		}
		if strings.Contains(s, m) {
			return "", fmt.Errorf("%s is inside the string %q: a placeholder must be a whole string", m, s)
		}
	}
	if strings.HasPrefix(s, "{{") && strings.HasSuffix(s, "}}") {
		return "", fmt.Errorf("%q is no placeholder: want %s, %s or %s", s, queryMark, kMark, filterMark)
	}
	return "", nil
}

// checkRequest parses the template and checks it with the rest of the request.
func (e *Endpoint) checkRequest() error {
	if _, err := url.Parse("http://host" + e.o.Path); err != nil || !strings.HasPrefix(e.o.Path, "/") || strings.ContainsAny(e.o.Path, "?#") {
		return badOption("Path is %q: want one of a URL that begins with /, with its query in Params", e.o.Path)
	}
	used := make(map[string]bool)
	note := func(s string) error {
		m, err := mark(s)
		used[m] = true
		return err
	}
	if e.o.Body != "" {
		d := json.NewDecoder(strings.NewReader(e.o.Body))
		d.UseNumber() // large numbers keep their value
		err := d.Decode(&e.body)
		if _, more := d.Token(); err == nil && more != io.EOF {
			err = errors.New("something follows the first value")
		}
		if err == nil && e.body == nil {
			err = errors.New("it is null")
		}
		if err == nil && count(e.o.Body) != size(e.body) {
			err = errors.New("an object has a key twice, and only one would be sent")
		}
		if err != nil {
			return badOption("Body is not the JSON of a request: %v", err)
		}
		if err := scan(e.body, note); err != nil {
			return badOption("Body: %v", err)
		}
	}
	e.o.Params = cloneValues(e.o.Params)
	for _, name := range slices.Sorted(maps.Keys(e.o.Params)) {
		for _, s := range e.o.Params[name] {
			if err := note(s); err != nil {
				return badOption("Params[%q]: %v", name, err)
			}
		}
	}
	switch {
	case !used[queryMark]:
		return badOption("neither Body nor Params has the string %q, the placeholder of the text of the query", queryMark)
	case !used[kMark]:
		return badOption("neither Body nor Params has the string %q, the placeholder of the number of hits: the service must return as many as requested", kMark)
	case used[filterMark] && e.o.Filter == nil:
		return badOption("%q is in Body or Params, but Filter is nil", filterMark)
	case !used[filterMark] && e.o.Filter != nil:
		return badOption("Filter is set, but neither Body nor Params has the string %q", filterMark)
	}
	return nil
}

// count returns the number of tokens of JSON.
func count(text string) (n int) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	for {
		if _, err := d.Token(); err != nil {
			return n
		}
		n++
	}
}

// size returns the number of tokens in the written form of a value.
func size(v any) (n int) {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			n += size(element)
		}
		return n + 2
	case map[string]any:
		for _, element := range v {
			n += 1 + size(element)
		}
		return n + 2
	}
	return 1
}

func cloneValues(v url.Values) url.Values {
	v = maps.Clone(v)
	for name, list := range v {
		v[name] = slices.Clone(list)
	}
	return v
}

// scan calls note with every string of a JSON value that is not a key.
func scan(v any, note func(string) error) error {
	switch v := v.(type) {
	case string:
		return note(v)
	case []any:
		for _, element := range v {
			if err := scan(element, note); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if m, err := mark(key); err != nil || m != "" {
				return fmt.Errorf("the key %q: a placeholder cannot be a key", key)
			}
			if err := scan(v[key], note); err != nil {
				return err
			}
		}
	}
	return nil
}

// call returns the request for a query.
func (e *Endpoint) call(text string, k int, filter any) (modelhttp.Call, error) {
	encoded, err := json.Marshal(filter)
	if err != nil {
		return modelhttp.Call{}, fmt.Errorf("endpoint: what Options.Filter made is no JSON: %w", err)
	}
	call := modelhttp.Call{Path: e.o.Path}
	if e.o.Body != "" {
		call.Body = fill(e.body, map[string]any{queryMark: text, kMark: k, filterMark: json.RawMessage(encoded)})
	}
	param := map[string]string{queryMark: text, kMark: strconv.Itoa(k), filterMark: string(encoded)}
	if s, ok := filter.(string); ok {
		param[filterMark] = s
	}
	call.Query = cloneValues(e.o.Params)
	for _, list := range call.Query {
		for i, s := range list {
			if value, ok := param[s]; ok {
				list[i] = value
			}
		}
	}
	return call, nil
}

// fill returns a copy of a template with values in place of the placeholders. It
// does not search the values for placeholders.
func fill(v any, values map[string]any) any {
	switch v := v.(type) {
	case string:
		if value, ok := values[v]; ok {
			return value
		}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = fill(v[i], values)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for key := range v {
			object[key] = fill(v[key], values)
		}
		return object
	}
	return v
}
