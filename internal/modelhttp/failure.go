package modelhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-faster/jx"

	"github.com/goselfrag/goselfrag/modelserver"
)

// refusal is the error of an answer with a bad status.
func (a *Answer) refusal() error {
	data, err := a.excerpt()
	if err != nil {
		return err
	}
	message := readProblem(data).message
	if page := bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")); message == "" && !page {
		message = string(data)
	}
	if to, err := url.Parse(a.header.Get("Location")); err == nil && to.String() != "" && a.status < 400 {
		to.User, to.RawQuery, to.Fragment = nil, "", "" // they may hold secrets
		message = fmt.Sprintf("it redirects to %s, which is not followed, since it is another host or another request: ask the right address", to)
	}
	e := a.wrong(nil, message)
	e.RetryAfter = retryAfter(a.header, time.Now())
	e.Retryable = retryable(a.status)
	// Some hosted servers say more than their status does.
	if should, err := strconv.ParseBool(a.header.Get("X-Should-Retry")); err == nil {
		e.Retryable = should
	}
	return e
}

// excerpt returns the beginning of an answer with an error status, as far as it arrives
// soon. Its error is that of the caller's context.
func (a *Answer) excerpt() ([]byte, error) {
	defer time.AfterFunc(errorTime, a.cancel).Stop()
	data, err := io.ReadAll(io.LimitReader(a, errorLimit))
	if err != nil && a.try.ctx.Err() != nil {
		return nil, err
	}
	return data, nil
}

// retryable reports whether a request that was refused with this status may be
// accepted later.
func retryable(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// edge is the length of the searched parts of a long event, at its beginning and its end.
const edge = 512

// eventFailure returns the error that an event reports, nil if it reports none. It is
// called for every event. Long events are long for the alternatives of their tokens. Those
// are not searched: an error is before or after them.
func (a *Answer) eventFailure(data []byte) error {
	if len(data) > 2*edge && !bytes.Contains(data[:edge], []byte("rror")) && !bytes.Contains(data[len(data)-edge:], []byte("rror")) {
		return nil
	}
	return a.failure(data, true)
}

// Failure returns the error that a part of the answer of a model reports, nil if it
// reports none. It searches all of it.
func (a *Answer) Failure(data []byte) error { return a.failure(data, true) }

// failure returns the error that data reports, nil if it reports none. Servers send errors
// with a good status, too, and in the middle of streams. If model is set, data is an
// answer of a model, and inner objects may report an error. Otherwise inner objects may be
// data of users and are ignored.
func (a *Answer) failure(data []byte, model bool) error {
	// A search that begins with a rare letter is several times as fast as one that begins
	// with a quotation mark.
	if !(bytes.Contains(data, []byte("rror")) && bytes.Contains(data, []byte(`"error`))) &&
		!(model && len(data) <= bareLimit && bytes.Contains(data, []byte("ode\":"))) {
		return nil
	}
	object := problemIn(data, model)
	if object == nil {
		return nil
	}
	p := readProblem(object)
	if p.message == "" {
		return nil
	}
	if p.code == 0 { // it may be beside the list that holds the error
		p.code = readProblem(data).code
	}
	return a.reported(p)
}

// reported is the error that the server reports within a good answer.
func (a *Answer) reported(p problem) *modelserver.Error {
	e := a.wrong(nil, p.message)
	e.Status, e.Retryable = p.code, retryable(p.code)
	if p.code == 0 {
		e.Retryable = p.passing
	}
	return e
}

// opensWithError reports whether the first member of an object is an error.
func opensWithError(data []byte) bool {
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(data)
	found, errFirst := false, errors.New("the first member")
	if d.Next() != jx.Object {
		return false
	}
	_ = d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		if string(key) == "error" {
			value, err := d.Raw()
			found = err == nil && !saysNone(value)
		}
		return errFirst
	})
	return found
}

// deepest is how far inside an answer an error is looked for.
const deepest = 6

// opaque are the members of answers in which names are tokens, or belong to the user.
var opaque = []string{"logprobs", "top_logprobs", "prompt_logprobs", "completion_probabilities", "meta_info", "model_info", "metadata", "document", "documents", "arguments"}

// bareLimit bounds the length in bytes of an error that has nothing but a message and a
// code.
const bareLimit = 512

// problemIn returns the object in data that reports an error, nil if there is none or if
// data is not JSON.
func problemIn(data []byte, model bool) []byte {
	depth := 0
	if model {
		depth = deepest
	}
	return search(data, depth)
}

// search returns the first object in raw that reports an error, the outer ones before the
// inner ones.
func search(raw []byte, depth int) []byte {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 || raw[0] != '{' && raw[0] != '[' {
		return nil
	}
	var inner [][]byte
	found, kind, message, choices, code := false, false, false, false, 0
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(raw)
	keep := func(d *jx.Decoder) ([]byte, error) {
		value, err := d.Raw()
		if t := jx.Raw(value).Type(); err == nil && depth > 0 && (t == jx.Object || t == jx.Array) {
			inner = append(inner, value)
		}
		return value, err
	}
	var err error
	if raw[0] == '[' {
		if depth == 0 {
			return nil
		}
		err = d.Arr(func(d *jx.Decoder) error {
			_, err := keep(d)
			return err
		})
	} else {
		err = d.ObjBytes(func(d *jx.Decoder, key []byte) error {
			name := strings.ToLower(string(key))
			if slices.Contains(opaque, name) {
				return d.Skip()
			}
			value, err := keep(d)
			if err != nil {
				return err
			}
			switch name {
			case "error", "errors":
				found = found || !saysNone(value)
			case "object", "type":
				kind = kind || strings.EqualFold(text(value), "error")
			case "message", "detail":
				message = message || jx.Raw(value).Type() == jx.String && !saysNone(value)
			case "choices", "data", "results", "response":
				choices = choices || !saysNone(value)
			case "code", "status":
				if n, err := strconv.Atoi(text(value)); err == nil && n >= 400 && n <= 599 {
					code = n
				}
			}
			return nil
		})
	}
	switch {
	case err != nil:
		return nil
	case found, kind && message, depth > 0 && message && code > 0 && !choices:
		return raw
	}
	for _, value := range inner {
		if object := search(value, depth-1); object != nil {
			return object
		}
	}
	return nil
}

// saysNone reports whether the value of an error says that there is none: it is null,
// false, zero or empty, or an object or a list of nothing else.
func saysNone(raw []byte) bool {
	switch string(bytes.TrimSpace(raw)) {
	case "", "null", "false", "0", `""`, "{}", "[]":
		return true
	}
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(raw)
	none := true
	member := func(d *jx.Decoder) error {
		value, err := d.Raw()
		none = none && saysNone(value)
		return err
	}
	switch d.Next() {
	case jx.Object:
		return d.ObjBytes(func(d *jx.Decoder, _ []byte) error { return member(d) }) == nil && none
	case jx.Array:
		return d.Arr(member) == nil && none
	}
	return false
}

// problem is what is wrong, as a server writes it.
type problem struct {
	message string
	code    int  // the HTTP status that it gives for it, 0 if none
	passing bool // it has a name for it that says that it may pass
}

// passing are parts of the names of problems that may pass.
var passing = []string{"overloaded", "rate_limit", "ratelimit", "server_error", "internal_error", "internal_server", "unavailable", "timeout", "busy"}

// readProblem reads a server's error message, in any of the forms in use:
//
//	{"error":{"message":"…","code":400}}        OpenAI, vLLM, llama-server
//	{"error":"…","status":400}                  Ollama
//	{"object":"error","message":"…","code":400} older vLLM
//	{"type":"error","error":{"type":"overloaded_error","message":"…"}}
//	{"detail":"…"}, {"detail":[…]}              FastAPI
//	{"message":"…","code":400}                  llama-server, in a stream
//	{"errors":[{"message":"…"}]}
func readProblem(data []byte) (p problem) {
	for range deepest {
		var body struct {
			Message, Msg, Error, Errors, Detail json.RawMessage
			Code, Status, Type                  json.RawMessage
			StatusCode                          json.RawMessage `json:"status_code"`
		}
		if json.Unmarshal(data, &body) != nil {
			return p
		}
		for _, raw := range [...]json.RawMessage{body.Code, body.Status, body.StatusCode, body.Type} {
			name := text(raw)
			if n, err := strconv.Atoi(name); err == nil && n >= 400 && n <= 599 {
				p.code = n
			}
			p.passing = p.passing || slices.ContainsFunc(passing, func(s string) bool { return strings.Contains(strings.ToLower(name), s) })
		}
		inner := body.Error
		switch jx.Raw(bytes.TrimSpace(inner)).Type() {
		case jx.Bool, jx.Number: // that there is one, or its status
			if n, err := strconv.Atoi(text(inner)); err == nil && n >= 400 && n <= 599 {
				p.code = n
			}
			if !saysNone(body.Message) || !saysNone(body.Msg) || !saysNone(body.Detail) {
				inner = nil
			}
		}
		if saysNone(inner) {
			inner = body.Errors
		}
		var list []json.RawMessage
		if json.Unmarshal(inner, &list) == nil && len(list) > 0 {
			inner = list[0]
		}
		for _, raw := range [...]json.RawMessage{inner, body.Message, body.Msg, body.Detail} {
			if !saysNone(raw) {
				p.message = text(raw)
				break
			}
		}
		if saysNone(inner) {
			return p
		}
		data = inner
	}
	return p
}

// text returns the value of a JSON string, "" for null and for nothing, and any
// other value as it is written.
func text(raw json.RawMessage) string {
	if len(raw) > errorLimit {
		raw = raw[:errorLimit] // no JSON any longer
	}
	var s *string
	switch err := json.Unmarshal(raw, &s); {
	case err != nil:
		return string(raw)
	case s == nil:
		return ""
	}
	return *s
}
