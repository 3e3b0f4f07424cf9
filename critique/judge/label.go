package judge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// label is a one-token answer and its meaning.
type label struct {
	name  string
	token reflection.Token
}

// labels are the possible answers to a one-token question, all of one group.
type labels []label

// find returns the index of the label that a token spells, -1 if it spells none.
// Case, full-width forms, and characters at the ends other than letters and digits
// are ignored: "A", " a", "**A" and "A)" are spellings of one label.
func (ls labels) find(token string) int {
	word := strings.TrimFunc(token, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	word = strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' { // the full-width forms of ! to ~
			return r - '！' + '!'
		}
		return r
	}, word)
	return slices.IndexFunc(ls, func(l label) bool { return strings.EqualFold(l.name, word) })
}

// minMass is the least probability that all spellings of all labels must have
// together. With less the model has answered something else, and the ratio between
// its labels means little.
const minMass = 0.5

// rounding is the possible error of the sum of a server's probabilities, which are
// rounded to single precision.
const rounding = 1e-6

// distribution turns the likeliest tokens at a position into the distribution of the
// labels' group and the likeliest label. A label has the summed probability of its
// spellings among them. A label without any is bounded by what all of them together
// leave. Spellings below them would add to a label, but are unknown and left out.
// It reports false if the tokens do not answer the question.
func (ls labels) distribution(top []generator.Alternative) (reflection.Distribution, reflection.Token, bool) {
	sums := make([]float64, len(ls))
	all, mass := 0.0, 0.0
	for _, a := range top {
		p, exact := a.Prob.Value()
		if !exact {
			continue
		}
		all += p
		if a.Text == "" {
			continue
		}
		if i := ls.find(a.Text); i >= 0 {
			sums[i] += p
			mass += p
		}
	}
	if !(mass >= minMass) {
		return reflection.Distribution{}, reflection.None, false
	}
	rest := math.Log(max(1-all, rounding))
	d := reflection.Distribution{Group: ls[0].token.Group()}
	best := 0
	for i, l := range ls {
		if sums[i] > sums[best] {
			best = i
		}
		p := reflection.AtMostLog(rest)
		if sums[i] > 0 {
			p = reflection.ExactLog(math.Log(min(1, sums[i])))
		}
		d.Set(l.token, p)
	}
	return d, ls[best].token, true
}

// field is one member of the JSON object that a reply must be.
type field struct {
	key string
	// values maps the allowed values to their meaning. Digits are JSON numbers, all
	// other values are strings.
	values map[string]reflection.Token
	// letters are the answers to the same question for one token. Some models give
	// them here, too.
	letters labels
}

// maxReply bounds the length in bytes of a reply that is read, and so the nesting.
const maxReply = 4096

// parse reads a reply that must be one JSON object with exactly the given fields,
// each once. White space and one Markdown code fence may surround it. The error
// says what is wrong, in words that a model can act on.
func parse(reply string, fields []field) (map[string]reflection.Token, error) {
	if len(reply) > maxReply {
		return nil, errors.New("the reply is too long")
	}
	if !utf8.ValidString(reply) {
		return nil, errors.New("the reply is not UTF-8")
	}
	dec := json.NewDecoder(strings.NewReader(unfence(reply)))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("the reply does not begin with {")
	}
	out := make(map[string]reflection.Token, len(fields))
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, errors.New("the reply is not JSON")
		}
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		if i < 0 {
			return nil, fmt.Errorf("there is a field %q", key)
		}
		value, err := dec.Token()
		if err != nil {
			return nil, errors.New("the reply is not JSON")
		}
		token, ok := fields[i].meaning(value)
		if !ok {
			return nil, fmt.Errorf("the value of %q is not one of those allowed", key)
		}
		if _, twice := out[fields[i].key]; twice {
			return nil, fmt.Errorf("the field %q is given twice", key)
		}
		out[fields[i].key] = token
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('}') {
		return nil, errors.New("the JSON object is cut off")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	for _, f := range fields {
		if _, ok := out[f.key]; !ok {
			return nil, fmt.Errorf("the field %q is missing", f.key)
		}
	}
	return out, nil
}

// readReply reads a reply as parse does. If that fails it reads a reply in which the
// labels are still clear: an object within text, with more fields, with keys and
// labels in another case, with the letter of a label, or with a number in another
// notation. Several objects must agree. It reports whether the reply deviates from
// what was asked for. The error is that of parse.
func readReply(reply string, fields []field) (found map[string]reflection.Token, deviates bool, err error) {
	if found, err = parse(reply, fields); err == nil || len(reply) > maxReply || !utf8.ValidString(reply) {
		return found, false, err
	}
	for at := strings.IndexByte(reply, '{'); at >= 0; {
		got, end, fits := object(reply[at:], fields)
		if end == 0 {
			end = 1 // look inside
		} else if !fits {
			return nil, false, err
		} else if found != nil && !maps.Equal(found, got) {
			return nil, false, err
		} else {
			found = got
		}
		next := strings.IndexByte(reply[at+end:], '{')
		if next < 0 {
			break
		}
		at += end + next
	}
	if found == nil {
		return nil, false, err
	}
	return found, true, nil
}

// object reads the object that text begins with. end is its end if it has a label
// for each field, else 0. It does not fit if a field occurs twice with different
// labels.
func object(text string, fields []field) (found map[string]reflection.Token, end int, fits bool) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if _, err := dec.Token(); err != nil {
		return nil, 0, false
	}
	found, fits = make(map[string]reflection.Token, len(fields)), true
	for dec.More() {
		key, err := dec.Token()
		var value any
		if err != nil || dec.Decode(&value) != nil {
			return nil, 0, false
		}
		i := slices.IndexFunc(fields, func(f field) bool { return strings.EqualFold(f.key, strings.TrimSpace(key.(string))) })
		if i < 0 {
			continue
		}
		token, ok := fields[i].looseMeaning(value)
		if !ok {
			return nil, 0, false
		}
		if other, twice := found[fields[i].key]; twice && other != token {
			fits = false
		}
		found[fields[i].key] = token
	}
	if _, err := dec.Token(); err != nil || len(found) < len(fields) {
		return nil, 0, false
	}
	return found, int(dec.InputOffset()), fits
}

// looseMeaning returns the meaning of a value that may be in another notation than asked
// for.
func (f field) looseMeaning(value any) (reflection.Token, bool) {
	switch v := value.(type) {
	case string:
		v = strings.TrimSpace(v)
		for name, token := range f.values {
			if strings.EqualFold(name, v) {
				return token, true
			}
		}
		if i := slices.IndexFunc(f.letters, func(l label) bool { return strings.EqualFold(l.name, v) }); i >= 0 {
			return f.letters[i].token, true
		}
	case json.Number:
		if x, err := v.Float64(); err == nil {
			token, ok := f.values[strconv.FormatFloat(x, 'f', -1, 64)]
			return token, ok
		}
	}
	return reflection.None, false
}

// meaning returns the meaning of a JSON value in the field.
func (f field) meaning(value json.Token) (reflection.Token, bool) {
	switch v := value.(type) {
	case string:
		if _, err := strconv.Atoi(v); err == nil {
			return reflection.None, false
		}
		t, ok := f.values[v]
		return t, ok
	case json.Number:
		t, ok := f.values[v.String()]
		return t, ok
	}
	return reflection.None, false
}

// unfence removes a Markdown code fence around the whole text.
func unfence(text string) string {
	text = strings.TrimSpace(text)
	inner, ok := strings.CutPrefix(text, "```")
	if !ok {
		return text
	}
	if inner, ok = strings.CutSuffix(inner, "```"); !ok {
		return text
	}
	if _, body, ok := strings.Cut(inner, "\n"); ok {
		return body
	}
	return text
}
