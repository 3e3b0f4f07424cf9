package openai

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/go-faster/jx"

	"github.com/goselfrag/goselfrag/internal/modelhttp"
)

const (
	// mostNumbers is the greatest length of a vector before that of the model is known.
	mostNumbers = 16 << 10
	// What the parts of an answer may take, in bytes.
	roomBase   = 64 << 10
	roomVector = 1 << 10
	roomNumber = 32
)

// answerLimit returns how long the answer to so many texts may be. A vector of another length
// than that of the others may have any up to mostNumbers.
func (c *Client) answerLimit(texts int) int64 {
	length := c.dimensions.Load()
	if length == 0 {
		length = mostNumbers
	}
	return roomBase + int64(texts)*(roomVector+roomNumber*length)
}

// entry is one vector of an answer.
type entry struct {
	index  *int
	vector []float32
	some   bool // a vector came, perhaps an empty one
}

// answer is what a server says of texts, in any of the forms in use:
//
//	{"data":[{"index":0,"embedding":[…]}]}  OpenAI, vLLM, llama-server; or base64
//	{"embeddings":[[…]]}                    Ollama
//	{"embeddings":{"float":[[…]]}}          Cohere
//	[[…]]                                   Text Embeddings Inference
//	[{"index":0,"embedding":[[…]]}]         llama-server (/embedding)
//
// Without an index, vectors are in the order of the texts.
type answer struct {
	entries []entry
	tokens  *int // of the prompt
}

// parse parses an answer.
func (v *answer) parse(a *modelhttp.Answer) error {
	data, err := a.Whole()
	if err != nil {
		return err
	}
	var d *jx.Decoder
	if r := a.Chunks(data); r != nil {
		d = jx.Decode(r, 64<<10)
	} else {
		d = jx.DecodeBytes(data)
	}
	if d.Next() == jx.Array {
		err = v.list(d)
	} else {
		err = d.ObjBytes(v.member)
	}
	if err == nil && d.Next() != jx.Invalid {
		err = errors.New("more after the end of the answer")
	}
	if bad := (*badVector)(nil); errors.As(err, &bad) {
		return a.Errorf("%s", bad.reason)
	}
	return a.Malformed(err)
}

// badVector is the error of what is JSON, but no vector.
type badVector struct{ reason string }

func (e *badVector) Error() string { return e.reason }

func (v *answer) member(d *jx.Decoder, key []byte) error {
	switch string(key) {
	case "data", "embeddings":
		switch d.Next() {
		case jx.Null:
			return d.Null()
		case jx.Object: // by the kind of number
			return d.ObjBytes(func(d *jx.Decoder, kind []byte) error {
				if k := string(kind); k != "float" && k != "base64" || d.Next() != jx.Array || len(v.entries) > 0 {
					return d.Skip()
				}
				return v.list(d)
			})
		}
		return v.list(d)
	case "usage", "meta":
		if d.Next() != jx.Object {
			return d.Skip()
		}
		return d.ObjBytes(func(d *jx.Decoder, key []byte) error {
			if string(key) != "prompt_tokens" {
				return d.Skip()
			}
			return v.count(d)
		})
	case "prompt_eval_count":
		return v.count(d)
	}
	return d.Skip()
}

// count reads the number of tokens.
func (v *answer) count(d *jx.Decoder) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	n, err := d.Int()
	if n >= 0 {
		v.tokens = &n
	}
	return err
}

func (v *answer) list(d *jx.Decoder) error {
	return d.Arr(func(d *jx.Decoder) error {
		var e entry
		var err error
		if d.Next() == jx.Object {
			err = d.ObjBytes(e.member)
		} else {
			err = e.parse(d)
		}
		v.entries = append(v.entries, e)
		return err
	})
}

func (e *entry) member(d *jx.Decoder, key []byte) error {
	switch string(key) {
	case "index":
		if d.Next() == jx.Null {
			return d.Null()
		}
		n, err := d.Int()
		e.index = &n
		return err
	case "embedding", "vector":
		return e.parse(d)
	}
	return d.Skip()
}

// parse reads a vector: numbers, their bytes in base64, or a list of one vector.
func (e *entry) parse(d *jx.Decoder) error {
	switch d.Next() {
	case jx.Null:
		return &badVector{"a vector is null instead of a number"}
	case jx.String:
		s, err := d.StrBytes()
		if err != nil {
			return err
		}
		return e.decode(s)
	case jx.Object:
		return &badVector{"an embedding is an object: want numbers, or base64"}
	}
	rows := 0
	e.some = true
	err := d.Arr(func(d *jx.Decoder) error {
		switch d.Next() {
		case jx.Null:
			return &badVector{"a vector holds null instead of a number"}
		case jx.Array:
			if rows++; rows > 1 || len(e.vector) > 0 {
				return &badVector{"a text has several vectors, one for each token: set the pooling of the server"}
			}
			return e.parse(d)
		}
		if d.Next() != jx.Number || rows > 0 {
			return fmt.Errorf("a vector holds a %v instead of a number", d.Next())
		}
		x, err := d.Num()
		if err != nil {
			return err
		}
		number, err := strconv.ParseFloat(string(x), 32)
		if err != nil {
			return err
		}
		if len(e.vector) == mostNumbers {
			return &badVector{fmt.Sprintf("a vector has more than %d numbers", mostNumbers)}
		}
		e.vector = append(e.vector, float32(number))
		return nil
	})
	return err
}

// decode reads a vector of little-endian float32 in base64.
func (e *entry) decode(s []byte) error {
	b := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	n, err := base64.StdEncoding.Decode(b, s)
	if err != nil {
		return fmt.Errorf("a vector is a string that is not base64: %w", err)
	}
	if b = b[:n]; n%4 != 0 {
		return fmt.Errorf("a vector in base64 has %d bytes: want four for each number", n)
	}
	e.some = true
	e.vector = make([]float32, 0, n/4)
	for ; len(b) > 0; b = b[4:] {
		x := math.Float32frombits(binary.LittleEndian.Uint32(b))
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return &badVector{fmt.Sprintf("a vector in base64 holds %v", x)}
		}
		e.vector = append(e.vector, x)
	}
	return nil
}

// inOrder returns the vectors in the order of n texts.
func (v *answer) inOrder(a *modelhttp.Answer, n int) ([][]float32, error) {
	if len(v.entries) != n {
		return nil, a.Errorf("the answer has %d vectors for %d texts", len(v.entries), n)
	}
	indexed := 0
	for _, e := range v.entries {
		if e.index != nil {
			indexed++
		}
	}
	out := make([][]float32, n)
	for i, e := range v.entries {
		at := i
		switch {
		case indexed == 0:
		case e.index == nil:
			return nil, a.Errorf("vector %d has no index, but others have", i)
		default:
			at = *e.index
		}
		switch {
		case at < 0 || at >= n || out[at] != nil:
			return nil, a.Errorf("vector %d has the index %d: want each from 0 to %d once", i, at, n-1)
		case !e.some:
			return nil, a.Errorf("an entry of the answer holds no embedding")
		case len(e.vector) == 0:
			return nil, a.Errorf("a vector is empty")
		}
		out[at] = e.vector
	}
	return out, nil
}
