package realserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/tools/internal/toymodel"
)

// llamaServer starts llama-server with the toy model, if it is on the PATH, and
// returns its URL. It is stopped when the test ends.
func llamaServer(t *testing.T) (url string, found bool) {
	t.Helper()
	program, err := exec.LookPath("llama-server")
	if err != nil {
		return "", false
	}
	dir := t.TempDir()
	model := filepath.Join(dir, "toy.gguf")
	f, err := os.Create(model)
	if err != nil {
		t.Fatal(err)
	}
	if err := toymodel.Write(f, toymodel.Control); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	// The port is free now; no other process should take it meanwhile.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().(*net.TCPAddr)
	l.Close()
	const slots, context = 8, 2048
	cmd := exec.Command(program, "-m", model, "--host", "127.0.0.1", "--port", fmt.Sprint(address.Port),
		"-np", fmt.Sprint(slots), "-c", fmt.Sprint(slots*context), "-t", "1", "--slots")
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()         // and then not well
		if t.Failed() {
			if b, err := os.ReadFile(output.Name()); err == nil {
				t.Logf("llama-server: …%s", b[max(0, len(b)-2000):])
			}
		}
	})
	url = "http://" + address.String()
	await(t, url+"/health")
	return url, true
}

// slot is llama-server's report of a slot.
type slot struct {
	Processing bool `json:"is_processing"`
	Prompt     string
	Next       one `json:"next_token"`
}

// one is the state of a slot's sequence, which newer servers put into a list.
type one struct {
	Decoded int `json:"n_decoded"`
}

func (o *one) UnmarshalJSON(b []byte) error {
	type plain one
	b = bytes.Trim(b, "[] \n")
	return json.Unmarshal(b, (*plain)(o))
}

// decoded returns how many tokens llama-server generated for each of the prompts
// endless(name, titleWords), once their slots are free.
func decoded(t *testing.T, url string, names ...string) []int {
	t.Helper()
	counts := make([]int, len(names))
	for i, name := range names {
		for asked := 0; ; asked++ {
			if asked == 1000 {
				t.Fatal("the server still generates")
			}
			res, err := client(t).Get(url + "/slots")
			if err != nil {
				t.Fatal(err)
			}
			var slots []slot
			err = json.NewDecoder(res.Body).Decode(&slots)
			res.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(slots, func(s slot) bool { return strings.Contains(s.Prompt, name) })
			if at < 0 {
				t.Fatalf("no slot has the prompt with %s", name)
			}
			if !slots[at].Processing {
				counts[i] = slots[at].Next.Decoded
				break
			}
		}
	}
	return counts
}

// await asks for a page until it is there.
func await(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := client(t)
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Do(req)
		if ctx.Err() != nil {
			t.Fatalf("%s: not there after a minute: %v", url, err)
		}
		if err != nil {
			continue
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return
		}
	}
}
