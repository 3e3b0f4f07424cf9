package endpoint

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/goselfrag/goselfrag/internal/foreign"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// HitError reports which hit of an answer cannot be used, and why.
type HitError struct {
	// Hit is the rank of the hit, from 1; 0 if the error is about the whole answer.
	Hit int
	// Path is the path of Options with the fault.
	Path string
	// Reason says what is wrong and what is wanted. If the query had a filter, it is a
	// fixed text without details, since the filter may exclude the hit.
	Reason string
}

// Error implements error.
func (e *HitError) Error() string {
	if e.Hit == 0 {
		return fmt.Sprintf("the path %q of the hits: %s", e.Path, e.Reason)
	}
	return fmt.Sprintf("hit %d, path %q: %s", e.Hit, e.Path, e.Reason)
}

// checkPaths checks the paths into the answer.
func (e *Endpoint) checkPaths() error {
	o := &e.o
	if o.Hits == "" {
		o.Hits = "@this"
	}
	if o.ID == "" || o.Text == "" {
		return badOption("ID or Text is empty: want the path in a hit")
	}
	named := map[string]string{"Hits": o.Hits, "ID": o.ID, "Text": o.Text, "Title": o.Title, "URI": o.URI, "Metadata": o.Metadata, "Score": o.Score}
	o.Fields = maps.Clone(o.Fields)
	for name, path := range o.Fields {
		if name == "" || !utf8.ValidString(name) || path == "" {
			return badOption("Fields has the name %q with the path %q: want a name in UTF-8, and a path", name, path)
		}
		named[fmt.Sprintf("Fields[%q]", name)] = path
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if reason := badPath(named[name]); reason != "" {
			return badOption("%s is the path %q, which %s", name, named[name], reason)
		}
	}
	if (o.Score == "") != (o.Scores == "" || o.Scores == retriever.RankOnly) {
		return badOption("Score is %q and Scores is %q: want the path of scores and their kind, or neither", o.Score, o.Scores)
	}
	if o.Scores == "" {
		o.Scores = retriever.RankOnly
	}
	if err := foreign.CheckKind(o.Scores); err != nil {
		return badOption("%v", err)
	}
	return nil
}

// badPath returns what is wrong with a path, as far as that is visible without an
// answer.
func badPath(path string) string {
	var open []rune
	quoted, escaped := false, false
	keyed := false // the current key has begun
	for i, r := range path {
		dot := false
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"' && len(open) > 0:
			quoted = !quoted
		case quoted:
		case strings.ContainsRune("([{", r):
			open = append(open, r)
		case strings.ContainsRune(")]}", r):
			if len(open) == 0 || strings.IndexRune("([{", open[len(open)-1]) != strings.IndexRune(")]}", r) {
				return fmt.Sprintf("closes a bracket at byte %d that is not open: in a key, put a backslash before it", i)
			}
			open = open[:len(open)-1]
		case r == '.' && len(open) == 0:
			if dot = true; !keyed {
				return fmt.Sprintf("has an empty key before byte %d", i)
			}
		}
		keyed = !dot
	}
	switch {
	case len(open) > 0 || escaped:
		return "ends within brackets or an escape: in a key, put a backslash before a bracket"
	case path != "" && !keyed:
		return "ends with a dot"
	}
	return ""
}

// hits returns the first k hits of an answer, which is JSON.
func (e *Endpoint) hits(data []byte, k int) ([]retriever.Hit, *HitError) {
	if !utf8.Valid(data) {
		data = []byte(string([]rune(string(data)))) // U+FFFD for each byte, like encoding/json
	}
	list := gjson.GetBytes(data, e.o.Hits)
	switch {
	case !list.Exists():
		return nil, &HitError{Path: e.o.Hits, Reason: "nothing is there: want an array"}
	case list.Type == gjson.Null:
		return nil, nil
	case !list.IsArray():
		return nil, &HitError{Path: e.o.Hits, Reason: fmt.Sprintf("%s is there: want an array", kindOf(list))}
	}
	var hits []retriever.Hit
	seen := make(map[string]int)
	for _, r := range list.All() {
		if len(hits) == k {
			break
		}
		hit, bad := e.hit(r)
		if first := seen[hit.Passage.ID]; bad == nil && first > 0 {
			bad = &HitError{Path: e.o.ID, Reason: fmt.Sprintf("the id %.100q is that of hit %d, too: want one for each hit", hit.Passage.ID, first)}
		}
		if bad != nil {
			bad.Hit = len(hits) + 1
			return nil, bad
		}
		hits = append(hits, hit)
		seen[hit.Passage.ID] = len(hits)
	}
	if i, err := foreign.Rank(hits, e.o.Scores); err != nil {
		return nil, &HitError{Hit: i + 1, Path: e.o.Score, Reason: err.Error()}
	}
	return hits, nil
}

// hit returns a hit of the answer.
func (e *Endpoint) hit(r gjson.Result) (h retriever.Hit, bad *HitError) {
	p := &h.Passage
	if id := r.Get(e.o.ID); id.Type == gjson.Number {
		p.ID = strings.Clone(id.Raw) // a copy, so that the answer can be freed
	} else if p.ID, bad = text(r, e.o.ID); bad != nil {
		return h, bad
	}
	if p.Text, bad = text(r, e.o.Text); bad != nil {
		return h, bad
	}
	switch {
	case p.ID == "":
		return h, &HitError{Path: e.o.ID, Reason: "there is no id: want a string that is not empty, or a number"}
	case strings.TrimSpace(p.Text) == "":
		return h, &HitError{Path: e.o.Text, Reason: "there is no text: want a string that is not blank"}
	}
	if p.Title, bad = text(r, e.o.Title); bad != nil {
		return h, bad
	}
	if p.Source.URI, bad = text(r, e.o.URI); bad != nil {
		return h, bad
	}
	if p.Metadata, bad = e.metadata(r); bad != nil || e.o.Score == "" {
		return h, bad
	}
	s := r.Get(e.o.Score)
	var err error
	if h.Score, err = strconv.ParseFloat(s.Raw, 64); err != nil || s.Type != gjson.Number {
		return h, &HitError{Path: e.o.Score, Reason: fmt.Sprintf("the score is %s: want a number of 64 bits", kindOf(s))}
	}
	return h, nil
}

// metadata returns the metadata of a hit.
func (e *Endpoint) metadata(r gjson.Result) (filter.Metadata, *HitError) {
	var m filter.Metadata
	set := func(name string, raw []byte) {
		if value, ok := foreign.JSON(raw); ok {
			if m == nil {
				m = make(filter.Metadata)
			}
			m[name] = value
		}
	}
	if e.o.Metadata != "" {
		switch object := r.Get(e.o.Metadata); {
		case object.IsObject():
			var members map[string]json.RawMessage
			if err := json.Unmarshal([]byte(object.Raw), &members); err != nil {
				return nil, &HitError{Path: e.o.Metadata, Reason: err.Error()}
			}
			for name, raw := range members {
				set(name, raw)
			}
		case object.Exists() && object.Type != gjson.Null:
			return nil, &HitError{Path: e.o.Metadata, Reason: fmt.Sprintf("%s is there: want an object", kindOf(object))}
		}
	}
	for name, path := range e.o.Fields {
		if field := r.Get(path); field.Exists() {
			set(name, []byte(field.Raw))
		}
	}
	if err := m.Check(); err != nil {
		return nil, &HitError{Path: e.o.Metadata, Reason: err.Error()}
	}
	return m, nil
}

// text returns the string at a path of a hit, empty if there is none or null.
func text(hit gjson.Result, path string) (s string, bad *HitError) {
	if path == "" {
		return "", nil
	}
	r := hit.Get(path)
	switch {
	case !r.Exists() || r.Type == gjson.Null:
		return "", nil
	case r.Type == gjson.String && json.Unmarshal([]byte(r.Raw), &s) == nil:
		return s, nil
	}
	return "", &HitError{Path: path, Reason: fmt.Sprintf("%s is there: want a string", kindOf(r))}
}

// kindOf describes a value.
func kindOf(r gjson.Result) string {
	switch {
	case !r.Exists():
		return "nothing"
	case r.IsObject():
		return "an object"
	case r.IsArray():
		return "an array"
	case r.IsBool():
		return "a bool"
	case r.Type == gjson.Null:
		return "null"
	case r.Type == gjson.String:
		return "a string"
	}
	return fmt.Sprintf("the number %.40s", r.Raw)
}
