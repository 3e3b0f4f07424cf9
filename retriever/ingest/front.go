package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"go.yaml.in/yaml/v3"

	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Bounds on front matter. Every passage holds its values.
const (
	maxFront  = 64 << 10
	maxKeys   = 16  // that become metadata
	maxString = 500 // bytes of each
)

// frontMatter returns the offset after the front matter, a block of YAML between lines of
// three dashes or of TOML between lines of three plus signs, and takes title and metadata
// from it. Text between two rules is not front matter. Invalid front matter is text.
func (w *writer) frontMatter(body int) int {
	at, first, mark := body, -1, ""
	for line := range strings.Lines(w.src[body:min(len(w.src), body+maxFront)]) {
		s := strings.TrimRight(line, " \t\r\n")
		switch {
		case at == body && s != "---" && s != "+++":
			return body
		case at == body:
			mark, first = s, at+len(line)
		case s == mark || mark == "---" && s == "...":
			if w.readFront(mark, first, at) {
				return at + len(line)
			}
			return body
		}
		at += len(line)
	}
	return body // never closed: a rule
}

// readFront reads front matter in the original from start to end. It reports
// whether there is some.
func (w *writer) readFront(mark string, start, end int) bool {
	text := w.src[start:end]
	var fields map[string]any
	var err error
	if mark == "+++" {
		_, err = toml.Decode(text, &fields)
	} else {
		err = readYAML(text, &fields)
	}
	switch {
	case err == nil:
		w.front(fields)
		return len(fields) > 0
	case !hasKeys(text, mark):
		return false
	}
	w.notes.add(NoteFrontMatter, "cannot be read, kept as text: "+oneLine(err), 1)
	w.code(start, end)
	w.end(true)
	return true
}

// errNotMap is the error about YAML that is no mapping.
var errNotMap = errors.New("want names and values")

func readYAML(text string, fields *map[string]any) (err error) {
	defer func() { // not seen, but input comes from outside
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		return err
	}
	if n.Kind == 0 { // empty
		return nil
	}
	if n.Kind != yaml.DocumentNode || len(n.Content) != 1 || n.Content[0].Kind != yaml.MappingNode {
		return errNotMap
	}
	return n.Decode(fields)
}

// hasKeys reports whether text that cannot be read looks like names and values: each of
// its lines that is not indented has one, or is a comment or an item.
func hasKeys(text, mark string) bool {
	sign, keys := ":", 0
	if mark == "+++" {
		sign = "="
	}
	for line := range strings.Lines(text) {
		s := strings.TrimRight(line, " \t\r\n")
		if s == "" || strings.ContainsRune(" \t#-[]{}", rune(s[0])) {
			continue
		}
		name, _, ok := strings.Cut(s, sign)
		if !ok || len(name) > 60 || strings.Count(name, " ") > 2 {
			return false
		}
		keys++
	}
	return keys > 0
}

func oneLine(err error) string {
	s := strings.Join(strings.Fields(err.Error()), " ")
	return s[:cutRune(s, 200)]
}

// front takes title and metadata of front matter.
func (w *writer) front(fields map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		v, ok := frontValue(fields[key])
		switch {
		case !ok:
		case strings.EqualFold(key, "title"):
			if s, ok := v.AsString(); ok {
				w.title(s)
			} else {
				w.title(v.String())
			}
		case slices.Contains([]string{"path", "format", "document", "number", parentKey}, key):
			w.notes.add(NoteField, fmt.Sprintf("%q of the front matter, a name that is taken, left out", key), 1)
		case len(w.doc.metadata) >= maxKeys:
			w.notes.add(NoteField, "of more than 16 of the front matter, left out", 1)
		case len(v.String()) > maxString, (filter.Metadata{key: v}).Check() != nil:
			w.notes.add(NoteField, fmt.Sprintf("%q of the front matter, too long or not allowed, left out", key[:cutRune(key, 60)]), 1)
		default:
			if w.doc.metadata == nil {
				w.doc.metadata = filter.Metadata{}
			}
			w.doc.metadata[key] = v
		}
	}
}

// frontValue converts a value of YAML or TOML to metadata: to its JSON text if metadata has
// no such kind.
func frontValue(x any) (v filter.Value, ok bool) {
	switch x := x.(type) {
	case nil:
		return v, false
	case string:
		v = filter.String(x)
	case bool:
		v = filter.Bool(x)
	case int:
		v = filter.Int(int64(x))
	case int64:
		v = filter.Int(x)
	case float64:
		v = filter.Float(x)
	case time.Time:
		v = filter.Time(x)
	case []any:
		var list []string
		for _, e := range x {
			s, isText := e.(string)
			if !isText {
				return jsonValue(x)
			}
			list = append(list, s)
		}
		v = filter.Strings(list...)
	default:
		return jsonValue(x)
	}
	return v, v.Kind() != filter.KindInvalid
}

func jsonValue(x any) (filter.Value, bool) {
	text, err := json.Marshal(x)
	if err != nil {
		return filter.Value{}, false
	}
	v := filter.String(string(text))
	return v, v.Kind() == filter.KindString
}
