package completion

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/reflection"
)

// Events are parsed with a pull parser: most of a stream are alternatives that are
// never read, and encoding/json would take longer over them than a fast server
// takes for a token.

// Object parses data, which must be one JSON object. It calls member with each
// key; member must read the value with d, or skip it.
func Object(a *modelhttp.Answer, data []byte, member func(d *jx.Decoder, key []byte) error) error {
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(data)
	if len(data) > largePart {
		member = patient(a, member)
	}
	err := d.ObjBytes(member)
	if err == nil && d.Next() != jx.Invalid {
		err = errors.New("more after the end of the object")
	}
	return a.Malformed(err)
}

// List parses data, nothing or one JSON array, and calls element for each of its
// elements. element must read it with d.
func List(a *modelhttp.Answer, data []byte, element func(d *jx.Decoder) error) error {
	if len(data) == 0 {
		return nil
	}
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(data)
	if len(data) > largePart {
		element = patiently(a, element)
	}
	return a.Malformed(Elements(d, element))
}

const (
	// largePart is the size from which on parsing checks the context: lists of
	// alternatives can hold a whole vocabulary.
	largePart = 256 << 10
	// often is the number of members or elements between checks.
	often = 1024
)

// patient returns member with checks of the context.
func patient(a *modelhttp.Answer, member func(d *jx.Decoder, key []byte) error) func(d *jx.Decoder, key []byte) error {
	n := 0
	return func(d *jx.Decoder, key []byte) error {
		if n++; n%often == 0 && a.Alive() != nil {
			return a.Alive()
		}
		return member(d, key)
	}
}

// patiently returns element with checks of the context.
func patiently(a *modelhttp.Answer, element func(d *jx.Decoder) error) func(d *jx.Decoder) error {
	n := 0
	return func(d *jx.Decoder) error {
		if n++; n%often == 0 && a.Alive() != nil {
			return a.Alive()
		}
		return element(d)
	}
}

// Whole parses a whole answer, one JSON object, like Object. It checks the context
// from time to time. Copy what member reads to keep it.
func Whole(a *modelhttp.Answer, member func(d *jx.Decoder, key []byte) error) error {
	data, err := a.Whole()
	if err != nil {
		return err
	}
	r := a.Chunks(data)
	if r == nil {
		return Object(a, data, member)
	}
	d := jx.Decode(r, 64<<10)
	err = d.ObjBytes(member)
	if err == nil && d.Next() != jx.Invalid {
		err = errors.New("more after the end of the object")
	}
	return a.Malformed(err)
}

// Members calls member with each key of an object, like Object. Null has none.
func Members(d *jx.Decoder, member func(d *jx.Decoder, key []byte) error) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	return d.ObjBytes(member)
}

// Elements calls element for each element of an array. Null has none.
func Elements(d *jx.Decoder, element func(d *jx.Decoder) error) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	return d.Arr(element)
}

// Int32s appends the whole numbers of an array to list.
func Int32s(d *jx.Decoder, list []int32) ([]int32, error) {
	err := Elements(d, func(d *jx.Decoder) error {
		n, err := Int[int32](d)
		list = append(list, n)
		return err
	})
	return list, err
}

// ReadToken reads a token in the form that most servers use:
//
//	{"id":300,"token":" a","logprob":-0.5,"top_logprobs":[…]}
//
// Any part may be missing. It calls other, if not nil, with further keys.
func ReadToken(d *jx.Decoder, other func(d *jx.Decoder, key []byte) error) (Token, error) {
	t := Token{ID: -1}
	err := Members(d, func(d *jx.Decoder, key []byte) (err error) {
		switch string(key) {
		case "id":
			t.ID, err = Int[int32](d)
		case "token":
			t.Text, err = AppendString(nil, d)
		case "logprob":
			t.LogProb, err = LogProb(d)
		case "top_logprobs":
			t.Likeliest, err = Raw(d)
		default:
			switch {
			case other != nil:
				err = other(d, key)
			case string(key) == "bytes":
				t.bytes, err = Raw(d)
			default:
				err = d.Skip()
			}
		}
		return err
	})
	return t, err
}

// ReadEntries appends the elements of raw, an array of tokens in the form of
// ReadToken, to list.
func ReadEntries(a *modelhttp.Answer, raw []byte, list []Entry) ([]Entry, error) {
	err := List(a, raw, func(d *jx.Decoder) error {
		t, err := ReadToken(d, nil)
		if err != nil {
			return err
		}
		e := Entry{ID: t.ID, Text: strings.ToValidUTF8(string(t.Text), "\uFFFD"), LogProb: t.LogProb}
		if e.Text == "" || strings.ContainsRune(e.Text, utf8.RuneError) { // few: most bytes need no reading
			e.Bytes, err = piece(a, t.bytes)
		}
		list = append(list, e)
		return err
	})
	return list, err
}

// piece reads the bytes of a token, an array of numbers, if they are not whole
// UTF-8. If a server writes something else there, there are none.
func piece(a *modelhttp.Answer, raw []byte) ([]byte, error) {
	if len(raw) == 0 || raw[0] != '[' {
		return nil, nil
	}
	var b []byte
	err := List(a, raw, func(d *jx.Decoder) error {
		n, err := d.UInt8()
		b = append(b, n)
		return err
	})
	if utf8.Valid(b) {
		return nil, err
	}
	return b, err
}

// The reasons that servers give for the end of an answer, in lower case. The first
// list is for a model that has finished or reached a stop word, the second for an
// answer that became too long.
var (
	endReasons    = []string{"stop", "eos", "eos_token", "eos_token_id", "end", "end_turn", "endoftext", "stop_sequence", "stop_token", "stop_str", "stop_string", "complete", "completed", "done", "finished", "finish_reason_stop"}
	lengthReasons = []string{"length", "limit", "max_tokens", "max_token", "max_length", "max_new_tokens", "max_output_tokens", "max_tokens_reached", "token_limit", "model_length", "context_length", "context_length_exceeded", "model_context_window_exceeded", "finish_reason_max_tokens"}
	passReasons   = []string{"error", "abort", "aborted", "network_error", "timeout", "insufficient_system_resource", "error_limit", "overloaded"}
)

// End stores the reason for the end of an answer, in any known spelling. An answer
// that has not ended has none: "", "null" or "none". The error about another reason
// names it; the call may be retried if the server failed.
func (c *Chunk) End(a *modelhttp.Answer, reason string) error {
	name := strings.ToLower(strings.TrimSpace(reason))
	switch {
	case name == "", name == "null", name == "none":
	case slices.Contains(endReasons, name):
		c.Finish = generator.FinishEnd
	case slices.Contains(lengthReasons, name):
		c.Finish = generator.FinishLength
	case slices.Contains(passReasons, name):
		return a.Failed(fmt.Sprintf("the server gave the answer up: it ended for the reason %q", reason))
	default:
		return a.Errorf("the answer ended for the reason %q: want stop or length, or another spelling of them", reason)
	}
	return nil
}

// Raw reads any value and keeps its written form; null is nil.
func Raw(d *jx.Decoder) ([]byte, error) {
	if d.Next() == jx.Null {
		return nil, d.Null()
	}
	raw, err := d.Raw()
	return raw, err
}

// String reads a string; null is "".
func String(d *jx.Decoder) (string, error) {
	if d.Next() == jx.Null {
		return "", d.Null()
	}
	s, err := d.Str()
	return strings.ToValidUTF8(s, "\uFFFD"), err
}

// AppendString appends a string to b; null is "".
func AppendString(b []byte, d *jx.Decoder) ([]byte, error) {
	if d.Next() == jx.Null {
		return b, d.Null()
	}
	return d.StrAppend(b)
}

// Int reads a whole number; null is 0.
func Int[T int | int32](d *jx.Decoder) (T, error) {
	if d.Next() == jx.Null {
		return 0, d.Null()
	}
	n, err := d.Int32()
	return T(n), err
}

// Bool reads a truth value; null is false.
func Bool(d *jx.Decoder) (bool, error) {
	if d.Next() == jx.Null {
		return false, d.Null()
	}
	return d.Bool()
}

// LogProb reads a log-probability; null is unknown.
func LogProb(d *jx.Decoder) (reflection.Prob, error) {
	if d.Next() == jx.Null {
		return reflection.Prob{}, d.Null()
	}
	x, err := d.Float64()
	return Known(x), err
}

// Known returns the log-probability that a server wrote as x. Servers that cannot
// write minus infinity write -9999 (vLLM) or the lowest float32 (llama.cpp).
func Known(x float64) reflection.Prob {
	if x <= -9999 {
		x = math.Inf(-1)
	}
	return reflection.ExactLog(x)
}
