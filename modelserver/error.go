package modelserver

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ErrModel is wrapped by errors about a model that cannot be used the way it is
// configured, such as one that lacks tokens. They say what to change.
var ErrModel = errors.New("modelserver: unfit model")

// LimitError is wrapped by the [Error] of an answer that is longer than its request
// allows.
type LimitError struct {
	// What is too long, such as "the answer".
	What string
	// Bytes is the most that it may have, decompressed.
	Bytes int64
}

// Error implements error.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%s is longer than %d bytes, the most that its request allows for", e.What, e.Bytes)
}

// Error says how a call of a model server failed. It holds no key.
//
// If the caller's context was done, the error of a call wraps ctx.Err() instead.
type Error struct {
	// URL is where the request went.
	URL string
	// Status is the HTTP status of the answer, or the one that an error within a
	// good answer names; 0 if there is none.
	Status int
	// Message says what is wrong, in the words of the server if there are any.
	Message string
	// RequestID is the server's name of the request, if it gives one.
	RequestID string
	// Retryable is set when the same call may succeed later: the server could not
	// be reached, closed the connection, took too long or is overloaded.
	Retryable bool
	// RetryAfter is how long the server asks clients to wait, 0 if it does not.
	RetryAfter time.Duration
	// Tries is how many times the call was tried.
	Tries int
	// Err is the cause, if the error arose in this process.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("modelserver: ")
	b.WriteString(e.URL)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d", e.Status)
		if text := http.StatusText(e.Status); text != "" {
			b.WriteString(" " + text)
		}
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	var notes []string
	if e.RequestID != "" {
		notes = append(notes, "request "+e.RequestID)
	}
	if e.RetryAfter > 0 {
		notes = append(notes, "retry after "+e.RetryAfter.String())
	}
	if e.Tries > 1 {
		notes = append(notes, fmt.Sprintf("%d tries", e.Tries))
	}
	if len(notes) > 0 {
		b.WriteString(" (" + strings.Join(notes, ", ") + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
