package modelserver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config says which model to use and how to reach the servers that have it. Only
// URLs is needed, and Model where a server has more than one.
type Config struct {
	// URLs are the base URLs of servers that all have the model, such as
	// "http://localhost:8000", without the /v1 of their calls. Calls are spread over
	// them. After five failures in a row, or ten if it is the only one, a server gets no
	// calls for ten seconds. They go to the others, or fail if there are none. Then one
	// call at a time is sent to it until one succeeds.
	URLs []string
	// Model is the name of the model at the server.
	Model string
	// APIKey is sent as a bearer token, or in the form of the server's family.
	APIKey Key
	// Header is sent with every request, a value for each name. The values are treated as
	// secrets, since most are.
	Header map[string]Key
	// Client sends the requests. Nil means a client without a timeout that all configs
	// with nil share. Unless it has a CheckRedirect, a redirect is followed only to the
	// same host and with the same method, parameters and body; another is an Error.
	// The Client belongs to the caller: it is not changed, and its connections are not
	// closed. If a server drops idle connections, each dropped one fails one try. Give the
	// Transport an IdleConnTimeout below that of the server.
	Client *http.Client
	// Retries is the number of retries of a call after a failure that may be temporary; 0
	// means 2, a negative number none. If a continuation fails after the caller has got a
	// part of it, it is generated again. The stream continues if the new text begins with
	// the same tokens. All calls of a client draw their retries from one reserve. It has
	// 20 retries at first, gains one for every ten calls and one every ten seconds, and
	// has at most 50. Retries at a time that the server named (Retry-After) take none
	// from it, unless no call has succeeded for a minute.
	Retries int
	// Timeout bounds each try of a call, from sending the request to the end of
	// the answer; 0 is 5 minutes. A context with a deadline bounds the whole call.
	Timeout time.Duration
}

// ErrConfig is wrapped by errors about a Config that cannot work.
var ErrConfig = errors.New("modelserver: bad configuration")

// Check returns an error that wraps ErrConfig and names the field at fault.
func (c Config) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
	}
	if len(c.URLs) == 0 {
		return bad("URLs is empty: want the base URL of a server, such as http://localhost:8000")
	}
	for i, s := range c.URLs {
		u, err := url.Parse(s)
		switch {
		case err != nil: // its text holds the URL, and with it what may be a secret
			return bad("URLs[%d] is not a URL", i)
		case u.User != nil || strings.ContainsAny(s, "?#"): // even an empty one would swallow the path of a call
			return bad("URLs[%d] holds a user, a query or a fragment: put keys into APIKey or Header", i)
		case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			return bad("URLs[%d] is %q: want http:// or https:// and a host", i, s)
		case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/v1"):
			return bad("URLs[%d] is %q: leave /v1 out, it is put behind where it belongs", i, s)
		case slices.ContainsFunc(c.URLs[:i], func(t string) bool { return same(s, t) }):
			return bad("URLs[%d] is %q, which is given twice", i, s)
		}
	}
	for name, value := range c.Header {
		for other := range c.Header {
			if other != name && http.CanonicalHeaderKey(other) == http.CanonicalHeaderKey(name) {
				return bad("Header has %s and %s, which are one name", min(name, other), max(name, other))
			}
		}
		switch {
		case name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) }):
			return bad("Header has the name %q: want letters, digits and hyphens", name)
		case unsendable(value.Reveal()):
			return bad("Header %s holds a control character, such as the line break at the end of a file", name)
		}
	}
	if key := c.APIKey.Reveal(); unsendable(key) || strings.Contains(key, "\t") {
		return bad("APIKey holds a control character, such as the line break at the end of a file")
	}
	if c.Timeout < 0 {
		return bad("Timeout is %v: want 0 or more", c.Timeout)
	}
	return nil
}

// same reports whether two URLs are those of one server, which may be written in
// several ways.
func same(a, b string) bool {
	u, _ := url.Parse(strings.TrimRight(a, "/"))
	v, _ := url.Parse(strings.TrimRight(b, "/"))
	return u.Scheme == v.Scheme && strings.EqualFold(u.Host, v.Host) && u.EscapedPath() == v.EscapedPath()
}

// unsendable reports whether s cannot be sent as a header.
func unsendable(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// Key is a secret. No verb of package fmt, no encoder and no error shows it. A dump by
// reflection does not show it either, because it is not stored as a string. The zero value
// is no key. Keys cannot be compared.
type Key struct{ reveal func() string }

// NewKey returns a key that holds a secret; "" gives the zero value.
func NewKey(secret string) Key {
	if secret == "" {
		return Key{}
	}
	return Key{func() string { return secret }}
}

// Reveal returns the secret, "" if there is none.
func (k Key) Reveal() string {
	if k.reveal == nil {
		return ""
	}
	return k.reveal()
}

// placeholder returns the text that is printed in place of the key.
func (k Key) placeholder() string {
	if k.reveal == nil {
		return ""
	}
	return "[key]"
}

// Format implements [fmt.Formatter]. It writes what MarshalText does.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.placeholder()) }

// MarshalText writes "[key]" in place of the secret, and nothing for the zero
// value.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.placeholder()), nil }
