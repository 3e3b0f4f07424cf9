package modelhttp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"
)

// Events reads a stream of server-sent events, or of lines. The data of an event
// is valid until the next one is read.
type Events struct {
	a     *Answer
	lines bool // each line is an event
	begun bool // a line was read
	r     *bufio.Reader
	line  []byte // the latest one, if it did not fit the buffer of r
	data  []byte // of the latest event
	timer *time.Timer
	err   error
}

// Events returns the reader of an answer that is a stream: of server-sent events, or of
// JSON objects, one on each line. The content type decides which, or the first byte if
// there is none. Events are as in the HTML standard, except that a lone carriage return
// does not end a line. Comments and fields other than data are skipped.
func (a *Answer) Events() *Events {
	if a.events == nil {
		const lines = "application/x-ndjson"
		e := &Events{a: a, r: bufio.NewReaderSize(a, 16<<10), err: a.requireType("text/event-stream", lines)}
		if e.lines = a.is(lines); e.err == nil && a.header.Get("Content-Type") == "" {
			first, _ := e.r.Peek(1) // its error comes again
			e.lines = string(first) == "{"
		}
		a.events = e
	}
	return a.events
}

// Next returns the data of the next event that has any. It returns io.EOF after "[DONE]"
// and at the end of the body; the caller decides whether the answer is complete then. For
// an event that reports an error it returns that error. For a body that ends within an
// event it returns the error of Answer.Incomplete.
func (e *Events) Next() ([]byte, error) {
	if e.err != nil {
		return nil, e.err
	}
	data, err := e.next()
	if err == nil && !e.lines && isDone(data) {
		e.Complete()
		err = io.EOF
	}
	if err == nil {
		err = e.a.eventFailure(data)
	}
	if err != nil && e.timer != nil {
		err = io.EOF
	}
	if e.err = err; err != nil {
		return nil, err
	}
	e.a.try.heard = true
	return data, nil
}

// isDone reports whether data is the event that ends a stream.
func isDone(data []byte) bool { return string(bytes.TrimSpace(data)) == "[DONE]" }

// isNothing reports whether a line of data only keeps the connection alive: it is blank, or
// a comment that a proxy has put into an event. No JSON begins with a colon.
func isNothing(value []byte) bool {
	if len(value) > 0 && value[0] > ':' { // most are
		return false
	}
	value = bytes.TrimLeft(value, " \t")
	return len(value) == 0 || value[0] == ':'
}

// alive lists the names of events that only keep the connection alive, with any data.
var alive = []string{"ping", "keepalive", "keep-alive", "keep_alive", "heartbeat"}

// Complete marks the answer as complete. The rest of the body is read only for a moment.
// However that ends, Next returns io.EOF.
func (e *Events) Complete() {
	if e.timer == nil {
		e.timer = time.AfterFunc(drainTime, e.a.cancel)
	}
}

func (e *Events) next() ([]byte, error) {
	if !e.lines {
		return e.event()
	}
	for {
		line, err := e.readLine()
		if err != nil || !isNothing(line) {
			return line, err
		}
	}
}

// event reads up to the blank line that ends an event with data.
func (e *Events) event() ([]byte, error) {
	e.data = e.data[:0]
	some := false // whether there was a line of data
	var named string
	for {
		line, err := e.readLine()
		if err == io.EOF && len(e.data) > 0 || err == nil && len(line) == 0 {
			switch {
			case named == "error":
				return nil, e.a.reported(reason(e.data))
			case named != "" && slices.Contains(alive, strings.ToLower(named)):
				e.data = e.data[:0]
			case len(e.data) > 0:
				return e.data, nil
			}
			some, named = false, ""
			continue
		}
		if err != nil {
			return nil, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			if isNothing(value) {
				continue
			}
			if some {
				e.data = append(e.data, '\n')
			}
			some = true
			if e.data = append(e.data, value...); int64(len(e.data)) > e.a.try.eventLimit {
				return nil, e.a.TooLong("an event", e.a.try.eventLimit)
			}
		case "error": // llama-server
			return nil, e.a.reported(reason(value))
		case "event":
			named = string(value)
		}
	}
}

// reason reads what an event that is an error by its name says.
func reason(data []byte) problem {
	p := readProblem(data)
	if p.message == "" {
		p.message = "the server reports an error: " + string(data[:min(len(data), errorLimit)])
	}
	return p
}

// readLine returns the next line without its end.
func (e *Events) readLine() ([]byte, error) {
	line, err := e.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		e.line = e.line[:0]
		for err == bufio.ErrBufferFull {
			if e.line = append(e.line, line...); int64(len(e.line)) > e.a.try.eventLimit {
				return nil, e.a.TooLong("a line", e.a.try.eventLimit)
			}
			line, err = e.r.ReadSlice('\n')
		}
		e.line = append(e.line, line...)
		line = e.line
	}
	if !e.begun { // the standard has a byte order mark passed over
		e.begun, line = true, bytes.TrimPrefix(line, []byte("\uFEFF"))
	}
	switch {
	case err == io.EOF && len(line) > 0 && !e.lines && !isDone(bytes.TrimPrefix(line, []byte("data:"))):
		return nil, e.a.Incomplete()
	case err == io.EOF && e.lines && !isNothing(line) && !json.Valid(line): // cut off
		return nil, e.a.Incomplete()
	case err == io.EOF && len(line) == 0, err != nil && err != io.EOF:
		return nil, err
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}
