package adapt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"sync"

	"github.com/goselfrag/goselfrag/internal/regular"
)

// cache remembers scores and replies by key, in memory and in a file of JSON lines that only grows.
type cache struct {
	mu     sync.Mutex
	known  map[string]cacheLine
	file   *os.File // nil without one
	failed error    // of a write: the file may end in a part of a line
}

// cacheHead is the first line of a file.
const cacheHead = `{"goselfrag":"scores of answers","version":1}` + "\n"

// cacheLine is one of the others.
type cacheLine struct {
	Key    string  `json:"k"`
	Sum    float64 `json:"s"`
	Tokens int     `json:"n"`
	Text   string  `json:"t,omitempty"` // of a reply
}

// openCache reads the file, if it exists. A last line without its end, which a process
// that was killed leaves, is cut off.
func openCache(name string) (*cache, error) {
	c := &cache{known: map[string]cacheLine{}}
	if name == "" {
		return c, nil
	}
	f, err := regular.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("adapt: file of scores: %w", err)
	}
	if err := c.load(f, name); err != nil {
		f.Close()
		return nil, err
	}
	c.file = f
	return c, nil
}

func (c *cache) load(f *os.File, name string) error {
	text, err := io.ReadAll(f)
	if err != nil {
		return fmt.Errorf("adapt: file of scores: %w", err)
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	switch {
	case whole == 0 && bytes.HasPrefix([]byte(cacheHead), text): // new, or killed while it was
		if _, err := f.WriteAt([]byte(cacheHead), 0); err != nil {
			return fmt.Errorf("adapt: file of scores: %w", err)
		}
		whole = len(cacheHead)
	case !bytes.HasPrefix(text, []byte(cacheHead)):
		return fmt.Errorf("%w: %s is no file of scores of this version: name another one", ErrFile, name)
	default:
		number := 1
		for line := range bytes.Lines(text[len(cacheHead):whole]) {
			number++
			var l cacheLine
			if err := json.Unmarshal(line, &l); err != nil || l.Key == "" || math.IsNaN(l.Sum) {
				return fmt.Errorf("%w: line %d of %s is no score: delete the line, or the file", ErrFile, number, name)
			}
			c.known[l.Key] = l
		}
	}
	if err := f.Truncate(int64(whole)); err != nil {
		return fmt.Errorf("adapt: file of scores: %w", err)
	}
	if _, err := f.Seek(int64(whole), io.SeekStart); err != nil {
		return fmt.Errorf("adapt: file of scores: %w", err)
	}
	return nil
}

func (c *cache) get(key string) (cacheLine, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.known[key]
	return l, ok
}

// remember stores a line. A score that JSON cannot hold, such as that of an impossible
// answer, is remembered in memory only.
func (c *cache) remember(l cacheLine) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return c.failed
	}
	c.known[l.Key] = l
	if c.file == nil || math.IsInf(l.Sum, 0) {
		return nil
	}
	line, err := json.Marshal(l)
	if err == nil {
		_, err = c.file.Write(append(line, '\n'))
	}
	if err != nil {
		c.failed = fmt.Errorf("adapt: file of scores: %w", err)
	}
	return c.failed
}

func (c *cache) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.known)
}

func (c *cache) close() error {
	if c.file == nil {
		return nil
	}
	return c.file.Close()
}
