package modelhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/goselfrag/goselfrag/modelserver"
)

const (
	// bodyLimit bounds an answer. The distribution over a vocabulary of 128 000
	// tokens takes about 12 MB.
	bodyLimit = 256 << 20
	// lineLimit bounds a line or an event.
	lineLimit = 32 << 20
	// errorLimit and errorTime bound what is looked at of an error.
	errorLimit = 64 << 10
	errorTime  = 5 * time.Second
	// drainTime and drainSize bound the wait for the end of an answer that has
	// been read as far as it matters. Reading it to the end keeps the connection.
	drainTime = 100 * time.Millisecond
	drainSize = 64 << 10
)

// Answer is an answer with a good status. It belongs to the goroutine that reads
// it.
type Answer struct {
	ctx    context.Context // of this try
	cancel context.CancelFunc
	try    *try
	status int
	header http.Header
	body   io.ReadCloser
	left   int64 // bytes that may still be read
	ended  bool  // the body was read to its end, or failed
	events *Events
}

func newAnswer(ctx context.Context, cancel context.CancelFunc, t *try, resp *http.Response) *Answer {
	return &Answer{ctx: ctx, cancel: cancel, try: t, status: resp.StatusCode, header: resp.Header, body: resp.Body, left: bodyLimit}
}

// Keep says that something of the answer was handed on, so that the call must
// not be repeated.
func (a *Answer) Keep() { a.try.kept = true }

// Header returns the headers of the answer.
func (a *Answer) Header() http.Header { return a.header }

// Read reads the body. Its errors are those of Do.
func (a *Answer) Read(p []byte) (int, error) {
	if int64(len(p)) > a.left {
		p = p[:a.left]
		if len(p) == 0 {
			return 0, a.Errorf("the answer is longer than %d bytes", bodyLimit)
		}
	}
	n, err := a.body.Read(p)
	a.left -= int64(n)
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		a.ended = true
		return n, err
	}
	a.ended = true
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the server broke the connection off in the middle of its answer")
	}
	return n, a.try.lost(a.ctx, err)
}

// close ends the work at the server, or keeps the connection for the next call.
func (a *Answer) close() {
	if a.events != nil && a.events.timer != nil {
		if !a.ended {
			_, _ = io.CopyN(io.Discard, a.body, drainSize)
		}
		a.events.timer.Stop()
	}
	a.cancel()
	_ = a.body.Close()
}

// Errorf returns an error that says what is wrong with the answer. It does not
// lead to another try.
func (a *Answer) Errorf(format string, args ...any) error {
	return a.wrong(nil, fmt.Sprintf(format, args...))
}

// Incomplete returns the error of an answer that ended before its last part. It
// leads to another try if nothing was kept.
func (a *Answer) Incomplete() error {
	e := a.wrong(nil, "the answer ended before it was complete")
	e.Retryable = true
	return e
}

// Decode parses a part of the answer into v.
func (a *Answer) Decode(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset >= int64(len(data)) {
		err = io.ErrUnexpectedEOF
	}
	return a.Malformed(err)
}

// Malformed returns the error of an answer that could not be parsed, because of
// err; nil if that is nil. An answer that ended too early is one that is not
// complete.
func (a *Answer) Malformed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return a.Incomplete()
	}
	return a.wrong(err, "the answer is not what was expected: "+err.Error())
}

// JSON parses the whole answer into v.
func (a *Answer) JSON(v any) error {
	if err := a.want("application/json"); err != nil {
		return err
	}
	data, err := io.ReadAll(a)
	if err != nil {
		return err
	}
	if err := a.failure(data); err != nil {
		return err
	}
	return a.Decode(data, v)
}

// is reports whether the answer has the media type. One with the suffix +json is JSON, too
// (RFC 6839, section 3.1).
func (a *Answer) is(media string) bool {
	got, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	return err == nil && (got == media || media == "application/json" && strings.HasSuffix(got, "+json"))
}

// want returns an error unless the answer has one of the media types, or none.
func (a *Answer) want(types ...string) error {
	header := a.header.Get("Content-Type")
	if header == "" || slices.ContainsFunc(types, a.is) {
		return nil
	}
	data, err := a.excerpt()
	if err != nil {
		return err
	}
	if err := a.failure(data); err != nil {
		return err
	}
	return a.Errorf("the answer has the content type %q: want %s", header, strings.Join(types, " or "))
}

// wrong returns an error about the answer.
func (a *Answer) wrong(cause error, message string) *modelserver.Error {
	e := a.try.error(message)
	e.Err = cause
	if a.status > 299 {
		e.Status = a.status
	}
	for _, name := range [...]string{"X-Request-Id", "Request-Id"} {
		if id := a.header.Get(name); id != "" {
			e.RequestID = a.try.client.clean(id)
			break
		}
	}
	return e
}
