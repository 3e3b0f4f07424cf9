package completion

import (
	"errors"
	"math"
	"strings"

	"github.com/go-faster/jx"

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
