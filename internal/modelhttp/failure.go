package modelhttp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// refusal is the error of an answer with a bad status.
func (a *Answer) refusal() error {
	data, err := a.excerpt()
	if err != nil {
		return err
	}
	message, _ := serverMessage(data)
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
	// Some hosted servers know better than their status says.
	if should, err := strconv.ParseBool(a.header.Get("X-Should-Retry")); err == nil {
		e.Retryable = should
	}
	return e
}

// excerpt returns the beginning of an answer that is an error, as far as it comes soon:
// that it is one is known without it. Its own error is that of the caller's context.
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

// failure returns the error that data reports, nil if it reports none. Servers
// send errors with a good status, too, and in the middle of streams.
func (a *Answer) failure(data []byte) error {
	if len(data) > errorLimit || !opensWithError(data) {
		return nil
	}
	message, code := serverMessage(data)
	if message == "" {
		return nil
	}
	return a.reported(message, code)
}

// reported is the error that the server reports within a good answer.
func (a *Answer) reported(message string, code int) error {
	e := a.wrong(nil, message)
	e.Status, e.Retryable = code, retryable(code)
	return e
}

// opensWithError reports whether data is an object that begins as the errors of
// servers do. It looks at the beginning only: it is called for every event.
func opensWithError(data []byte) bool {
	rest, ok := after(data, "{")
	if !ok {
		return false
	}
	if value, ok := after(rest, `"error"`); ok {
		return !saysNone(value)
	}
	for _, s := range [...]string{`"object"`, ":", `"error"`} {
		if rest, ok = after(rest, s); !ok {
			return false
		}
	}
	return true
}

// saysNone reports whether what follows the key of an error says that there is none.
func saysNone(data []byte) bool {
	value, _ := after(data, ":")
	for _, s := range [...]string{"null", "false", "0", `""`, "{}", "[]"} {
		if rest, ok := after(value, s); ok {
			rest = bytes.TrimLeft(rest, " \t\r\n")
			return len(rest) > 0 && (rest[0] == ',' || rest[0] == '}')
		}
	}
	return false
}

// after returns what follows s in data, which may begin with white space.
func after(data []byte, s string) ([]byte, bool) {
	data = bytes.TrimLeft(data, " \t\r\n")
	if len(data) < len(s) || string(data[:len(s)]) != s {
		return nil, false
	}
	return data[len(s):], true
}

// problem is what is wrong, as servers write it.
type problem struct {
	Message, Code, Status json.RawMessage
}

// serverMessage returns what a server says is wrong and the status it gives for
// it, 0 if none, in any of the forms in use:
//
//	{"error":{"message":"…","code":400}}        OpenAI, vLLM, llama-server
//	{"error":"…","status":400}                  Ollama
//	{"object":"error","message":"…","code":400} older vLLM
//	{"detail":"…"}, {"detail":[…]}              FastAPI
//	{"message":"…","code":400}                  llama-server, in a stream
func serverMessage(data []byte) (message string, code int) {
	var body struct {
		problem
		Error, Detail json.RawMessage
	}
	if json.Unmarshal(data, &body) != nil {
		return "", 0
	}
	p := body.problem
	switch {
	case text(body.Error) != "":
		p.Message = body.Error
		inner := p
		if json.Unmarshal(body.Error, &inner) == nil && text(inner.Message) != "" {
			p = inner
		}
	case text(p.Message) == "":
		p.Message = body.Detail
	}
	for _, raw := range [...]json.RawMessage{p.Code, p.Status} {
		if n, err := strconv.Atoi(text(raw)); err == nil && n >= 400 && n <= 599 {
			code = n
		}
	}
	return text(p.Message), code
}

// text returns the value of a JSON string, "" for null and for nothing, and any
// other value as it is written.
func text(raw json.RawMessage) string {
	var s *string
	switch err := json.Unmarshal(raw, &s); {
	case err != nil:
		return string(raw)
	case s == nil:
		return ""
	}
	return *s
}
