package faulthttp

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// URL is the base URL of every [Server], for its own client.
const URL = "http://faulthttp.test"

// Server answers requests in the same process, over pipes. It is also a handler with the
// same faults for sockets; it cannot refuse a connection there. It is safe for concurrent
// use.
type Server struct {
	good      http.Handler
	server    *http.Server
	listener  *listener
	transport *http.Transport
	serving   sync.WaitGroup

	mu       sync.Mutex
	faults   []Fault
	requests int
}

// New returns a running server over a correct handler. The first request gets the first
// fault, the second the next. Requests after the last fault get correct answers. Close ends
// the server.
func New(good http.Handler, faults ...Fault) *Server {
	s := &Server{good: good, faults: faults, listener: &listener{conns: make(chan net.Conn), done: make(chan struct{})}}
	s.server = &http.Server{Handler: s}
	s.transport = &http.Transport{DialContext: s.listener.dial, MaxIdleConnsPerHost: 64}
	s.serving.Go(func() { _ = s.server.Serve(s.listener) })
	return s
}

// Next replaces the remaining faults by faults, for the next requests.
func (s *Server) Next(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults
}

// Requests returns how many requests came, refused ones included.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Client returns a client that reaches the server under any host of a URL.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s} }

// Close breaks all connections off and waits until the server has ended.
func (s *Server) Close() {
	s.transport.CloseIdleConnections()
	_ = s.server.Close()
	s.serving.Wait()
}

// RoundTrip implements [http.RoundTripper].
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.refused() {
		if r.Body != nil {
			_ = r.Body.Close() // as a RoundTripper must
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	return s.transport.RoundTrip(r)
}

// refused reports whether the next request is to be refused, and counts it then.
func (s *Server) refused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 || !s.faults[0].refuse {
		return false
	}
	s.requests++
	s.faults = s.faults[1:]
	return true
}

// take returns the fault of a request that arrived.
func (s *Server) take() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if len(s.faults) == 0 {
		return Fault{}
	}
	f := s.faults[0]
	s.faults = s.faults[1:]
	return f
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A server notices that its client is gone only once it has read the request.
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	f := s.take()
	switch {
	case f.refuse:
		panic("faulthttp: a handler cannot refuse a connection: use the client of the Server")
	case f.write == nil:
		s.good.ServeHTTP(w, r)
		return
	}
	good := &answer{header: make(http.Header), status: http.StatusOK}
	s.good.ServeHTTP(good, r)
	f.write(w, r, good)
}

// answer is a good answer before it is spoiled.
type answer struct {
	header http.Header
	status int
	body   []byte
}

// Header implements [http.ResponseWriter].
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements [http.ResponseWriter].
func (a *answer) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	return len(b), nil
}

// Flush implements [http.Flusher].
func (a *answer) Flush() {}

// send sends the header and body in place of the answer's.
func (a *answer) send(w http.ResponseWriter, body []byte) {
	maps.Copy(w.Header(), a.header)
	w.Header().Del("Content-Length")
	w.WriteHeader(a.status)
	send(w, body)
}

// send sends body at once.
func send(w http.ResponseWriter, body []byte) {
	if _, err := w.Write(body); err == nil {
		_ = http.NewResponseController(w).Flush()
	}
}

// separator is the text between events.
func (a *answer) separator() []byte {
	if bytes.HasPrefix([]byte(a.header.Get("Content-Type")), []byte("text/event-stream")) {
		return []byte("\n\n")
	}
	return []byte("\n")
}

// listener hands the server's ends of pipes to the server.
type listener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *listener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	reset := new(atomic.Bool)
	select {
	case l.conns <- &pipe{server, reset}:
		return &pipe{client, reset}, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr implements [net.Listener].
func (l *listener) Addr() net.Addr { return address{} }

type address struct{}

func (address) Network() string { return "pipe" }
func (address) String() string  { return "faulthttp.test" }

// pipe is an end of a connection that can be reset.
type pipe struct {
	net.Conn
	reset *atomic.Bool
}

// Read implements [net.Conn].
func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if err != nil && p.reset.Load() {
		err = &net.OpError{Op: "read", Net: "pipe", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	return n, err
}
