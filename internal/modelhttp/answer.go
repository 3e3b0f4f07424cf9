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
	// defaultLimit bounds answers of calls without a limit.
	defaultLimit = 4 << 20
	// wholeLimit bounds the part of an answer that is held at once: an event, a line, or
	// all of it. The distribution over a vocabulary of 128,000 tokens takes about 12 MB.
	wholeLimit = 64 << 20
	// chunk is how much is parsed before the context is looked at again.
	chunk = 256 << 10
	// errorLimit and errorTime bound what is looked at of an error.
	errorLimit = 64 << 10
	errorTime  = 5 * time.Second
	// drainTime and drainSize bound the wait for the end of an answer after its last
	// useful part. Reading an answer to its end keeps the connection open.
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
	return &Answer{ctx: ctx, cancel: cancel, try: t, status: resp.StatusCode, header: resp.Header, body: resp.Body, left: t.limit}
}

// Keep records that a part of the answer was passed on. The call is not repeated after
// that.
func (a *Answer) Keep() { a.try.kept = true }

// Header returns the headers of the answer.
func (a *Answer) Header() http.Header { return a.header }

// Read reads the body. Its errors are those of Do.
func (a *Answer) Read(p []byte) (int, error) {
	if int64(len(p)) > a.left {
		p = p[:a.left]
		if len(p) == 0 {
			return 0, a.TooLong("the answer", a.try.limit)
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

// TooLong returns the error of an answer with a part longer than limit bytes.
func (a *Answer) TooLong(what string, limit int64) error {
	e := &modelserver.LimitError{What: what, Bytes: limit}
	return a.wrong(e, e.Error())
}

// Errorf returns an error that says what is wrong with the answer. It does not
// lead to another try.
func (a *Answer) Errorf(format string, args ...any) error {
	return a.wrong(nil, fmt.Sprintf(format, args...))
}

// Failed returns the error of a server that stopped answering with an error. It leads to
// another try if nothing was kept.
func (a *Answer) Failed(message string) error {
	e := a.wrong(nil, message)
	e.Retryable = true
	return e
}

// Incomplete returns the error of an answer that ended before its last part. It
// leads to another try if nothing was kept.
func (a *Answer) Incomplete() error {
	return a.Failed("the answer ended before it was complete")
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

// Malformed returns the error of an answer that could not be parsed because of err; nil
// if err is nil. An answer that ended too early counts as incomplete.
func (a *Answer) Malformed(err error) error {
	if err == nil {
		return nil
	}
	if late := a.Alive(); late != nil {
		return late
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return a.Incomplete()
	}
	return a.wrong(err, "the answer is not what was expected: "+err.Error())
}

// JSON parses the whole answer into v. It is for small answers: parsing does not check the
// context.
func (a *Answer) JSON(v any) error {
	data, err := a.Whole()
	if err != nil {
		return err
	}
	return a.Decode(data, v)
}

// Whole returns the whole answer of a model, which should be JSON. It only checks whether
// the answer reports an error.
func (a *Answer) Whole() ([]byte, error) {
	data, err := a.Body()
	if err != nil {
		return nil, err
	}
	return data, a.failure(data, true)
}

// Reported returns the error that the whole answer of a service reports, nil if it reports
// none. It ignores inner objects, which may be data of users. If first is set, it ignores
// all members but the first.
func (a *Answer) Reported(data []byte, first bool) error {
	if first && !opensWithError(data) {
		return nil
	}
	return a.failure(data, false)
}

// Body returns the whole answer, which should be JSON, unchecked.
func (a *Answer) Body() ([]byte, error) {
	if err := a.requireType("application/json"); err != nil {
		return nil, err
	}
	if limit := int64(wholeLimit); a.try.limit > limit {
		a.left -= a.try.limit - limit
		a.try.limit = limit
	}
	return io.ReadAll(a)
}

// Chunks returns a reader of a large part of the answer that checks the context from time
// to time, nil if the part is small. Soon after the context is done, a parser that reads
// from it ends with the error of Do.
func (a *Answer) Chunks(data []byte) io.Reader {
	if len(data) <= chunk {
		return nil
	}
	return &chunks{a, data}
}

type chunks struct {
	a    *Answer
	rest []byte
}

// Read implements [io.Reader].
func (c *chunks) Read(p []byte) (int, error) {
	if err := c.a.Alive(); err != nil {
		return 0, err
	}
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Alive returns the error of Do if the time for the answer is over.
func (a *Answer) Alive() error {
	complete := a.events != nil && a.events.timer != nil // then the context is ended from here
	if err := a.ctx.Err(); err != nil && !complete {
		return a.try.lost(a.ctx, err)
	}
	return nil
}

// is reports whether the answer has the media type. One with the suffix +json is JSON, too
// (RFC 6839, section 3.1).
func (a *Answer) is(media string) bool {
	got, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	return err == nil && (got == media || media == "application/json" && strings.HasSuffix(got, "+json"))
}

// requireType returns an error unless the answer has one of the media types, or none.
func (a *Answer) requireType(types ...string) error {
	header := a.header.Get("Content-Type")
	if header == "" || slices.ContainsFunc(types, a.is) {
		return nil
	}
	data, err := a.excerpt()
	if err != nil {
		return err
	}
	if err := a.failure(data, false); err != nil {
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
