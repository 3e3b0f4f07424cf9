package completion

import (
	"errors"
	"math"
	"strings"

	"github.com/go-faster/jx"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/reflection"
)

// Events are parsed with a pull parser: most of a stream are alternatives that
// nobody looks at, and encoding/json would take longer over them than a fast
// server takes for a token.

// Object parses data, which must be one JSON object. It calls member with each
// key; member must read the value with d, or skip it.
func Object(a *modelhttp.Answer, data []byte, member func(d *jx.Decoder, key []byte) error) error {
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(data)
	err := d.ObjBytes(member)
	if err == nil && d.Next() != jx.Invalid {
		err = errors.New("more after the end of the object")
	}
	return a.Malformed(err)
}

// List parses data, nothing or one JSON array, and calls element for each of its
// elements, which it must read with d.
func List(a *modelhttp.Answer, data []byte, element func(d *jx.Decoder) error) error {
	if len(data) == 0 {
		return nil
	}
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(data)
	return a.Malformed(Elements(d, element))
}

// Members calls member with each key of an object, as Object does. Null has none.
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
// Any part may be missing. It calls other with further keys, unless it is nil.
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
			if other == nil {
				return d.Skip()
			}
			err = other(d, key)
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
		list = append(list, Entry{ID: t.ID, Text: strings.ToValidUTF8(string(t.Text), "\uFFFD"), LogProb: t.LogProb})
		return err
	})
	return list, err
}

// End takes over the reason for which an answer ended: end where the model ended
// it, length where it became too long.
func (c *Chunk) End(a *modelhttp.Answer, reason, end, length string) error {
	switch reason {
	case end:
		c.Finish = generator.FinishEnd
	case length:
		c.Finish = generator.FinishLength
	default:
		return a.Errorf("the answer ended for the reason %q: want %s or %s", reason, end, length)
	}
	return nil
}

// Raw reads any value and keeps it as it is written; null is nil.
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
