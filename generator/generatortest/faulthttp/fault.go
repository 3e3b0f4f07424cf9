package faulthttp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault is one way for an answer to go wrong. The zero value is none.
type Fault struct {
	name   string
	refuse bool
	// write sends the answer, spoiled.
	write func(w http.ResponseWriter, r *http.Request, good *answer)
}

// String returns the name of the fault with its parameters.
func (f Fault) String() string {
	if f.name == "" {
		return "none"
	}
	return f.name
}

func fault(write func(http.ResponseWriter, *http.Request, *answer), name string, args ...any) Fault {
	return Fault{name: fmt.Sprintf(name, args...), write: write}
}

// Refuse refuses the connection.
func Refuse() Fault { return Fault{name: "refuse", refuse: true} }

// Reset resets the connection after n bytes of the body; after none, before the
// answer begins.
func Reset(n int) Fault {
	return fault(func(w http.ResponseWriter, _ *http.Request, good *answer) {
		if n > 0 {
			good.send(w, good.body[:min(n, len(good.body))])
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		switch c := conn.(type) {
		case *pipe:
			c.reset.Store(true)
		case *net.TCPConn:
			_ = c.SetLinger(0)
		}
		_ = conn.Close()
	}, "reset after %d bytes", n)
}

// Hang sends n bytes of the body, or nothing at all if n is negative, and then
// nothing more until the client is gone.
func Hang(n int) Fault {
	return fault(func(w http.ResponseWriter, r *http.Request, good *answer) {
		if n >= 0 {
			good.send(w, good.body[:min(n, len(good.body))])
		}
		<-r.Context().Done()
	}, "hang after %d bytes", n)
}

// Trickle sends the body byte by byte, with a pause before each.
func Trickle(pause time.Duration) Fault {
	return fault(func(w http.ResponseWriter, r *http.Request, good *answer) {
		good.send(w, nil)
		for i := range good.body {
			if pause > 0 {
				select {
				case <-r.Context().Done():
					return
				case <-time.After(pause):
				}
			}
			send(w, good.body[i:i+1])
		}
	}, "trickle with pauses of %v", pause)
}

// Split sends each byte of the body by itself.
func Split() Fault {
	f := Trickle(0)
	f.name = "split at every byte"
	return f
}

// Cut ends the body after n bytes as if it were complete, or n bytes before its
// end if n is negative.
func Cut(n int) Fault {
	return fault(func(w http.ResponseWriter, _ *http.Request, good *answer) {
		end := min(n, len(good.body))
		if n < 0 {
			end = max(len(good.body)+n, 0)
		}
		good.send(w, good.body[:end])
	}, "cut at %d bytes", n)
}

// Status answers with a status, a JSON body and headers, given as names and
// values in turn.
func Status(status int, body string, headers ...string) Fault {
	return fault(func(w http.ResponseWriter, _ *http.Request, _ *answer) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}, "status %d %s", status, strings.Join(headers, " "))
}

// ContentType answers well, but with another content type.
func ContentType(media string) Fault {
	return fault(func(w http.ResponseWriter, _ *http.Request, good *answer) {
		good.header.Set("Content-Type", media)
		good.send(w, good.body)
	}, "content type %s", media)
}

// HugeLine puts a line of n bytes in front of the body.
func HugeLine(n int) Fault {
	return fault(func(w http.ResponseWriter, _ *http.Request, good *answer) {
		good.send(w, []byte("data: "))
		block := bytes.Repeat([]byte{'x'}, 64<<10)
		for left := n; left > 0; left -= len(block) {
			if _, err := w.Write(block[:min(left, len(block))]); err != nil {
				return
			}
		}
		send(w, append([]byte("\n\n"), good.body...))
	}, "line of %d bytes", n)
}

// NaN writes NaN for every negative number with a fraction, which in an answer
// of a model server is a log-probability.
func NaN() Fault {
	return edited("NaN", func(v any) any { return each(v, logProb(func(float64) any { return json.RawMessage("NaN") }), nil) })
}

// Null writes null for every negative number with a fraction, as [NaN] does.
func Null() Fault {
	return edited("null", func(v any) any { return each(v, logProb(func(float64) any { return nil }), nil) })
}

// Positive writes every negative number with a fraction without its sign.
func Positive() Fault {
	return edited("positive log-probabilities", func(v any) any {
		return each(v, logProb(func(x float64) any { return -x }), nil)
	})
}

// Missing leaves out the second half of every list of alternatives: of each array
// of objects or arrays, and of each object of numbers, that has more than two
// members.
func Missing() Fault {
	return edited("half of the entries missing", func(v any) any {
		return each(v, nil, func(list []any) []any { return list[:(len(list)+1)/2] })
	})
}

// Reversed reverses every list of alternatives, as described at [Missing].
func Reversed() Fault {
	return edited("entries out of order", func(v any) any {
		return each(v, nil, func(list []any) []any {
			out := make([]any, 0, len(list))
			for i := range list {
				out = append(out, list[len(list)-1-i])
			}
			return out
		})
	})
}

// Swapped sends every two events of a stream in the wrong order.
func Swapped() Fault {
	return fault(func(w http.ResponseWriter, _ *http.Request, good *answer) {
		parts := bytes.SplitAfter(good.body, good.separator())
		for i := 0; i+1 < len(parts); i += 2 {
			parts[i], parts[i+1] = parts[i+1], parts[i]
		}
		good.send(w, bytes.Join(parts, nil))
	}, "events out of order")
}

// Edited passes every JSON value of the body through edit: each event of a stream,
// or the body as a whole. Numbers are of the type json.Number.
func Edited(name string, edit func(v any) any) Fault { return edited(name, edit) }

func edited(name string, edit func(any) any) Fault {
	return fault(func(w http.ResponseWriter, _ *http.Request, good *answer) {
		parts := bytes.SplitAfter(good.body, good.separator())
		for i, part := range parts {
			start := bytes.IndexAny(part, "{[")
			if start < 0 || bytes.Contains(part, []byte("[DONE]")) {
				continue
			}
			d := json.NewDecoder(bytes.NewReader(part[start:]))
			d.UseNumber()
			var v any
			if d.Decode(&v) != nil {
				continue
			}
			end := start + int(d.InputOffset())
			parts[i] = bytes.Join([][]byte{part[:start], encode(edit(v)), part[end:]}, nil)
		}
		good.send(w, bytes.Join(parts, nil))
	}, "%s", name)
}

// logProb returns a function that exchanges what looks like a log-probability.
func logProb(f func(float64) any) func(json.Number) any {
	return func(n json.Number) any {
		x, err := strconv.ParseFloat(string(n), 64)
		if err != nil || x >= 0 || x == math.Trunc(x) {
			return n
		}
		return f(x)
	}
}
