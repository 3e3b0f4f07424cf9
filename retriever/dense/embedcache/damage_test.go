package embedcache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/internal/testsize"
)

// Whatever happened to the file, before it is opened or meanwhile, the vectors are right
// and nothing fails.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cache")
	c := open(t, path, Options{})
	m := &model{dim: 200}
	texts := make([]string, 100)
	for i := range texts {
		texts[i] = fmt.Sprint("text ", i)
	}
	embed(t, wrap(t, c, "m", m), m, texts...)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, data []byte, while bool) {
		first := data
		if while {
			first = whole
		}
		if err := os.WriteFile(path, first, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Open(path, Options{})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		defer c.Close()
		if while { // the file is mapped
			if err := errors.Join(os.WriteFile(path, data, 0o600), os.Chtimes(path, time.Time{}, time.Unix(1e9, 0))); err != nil {
				t.Fatal(err)
			}
		}
		e := wrap(t, c, "m", m)
		embed(t, e, m, texts...)
		embed(t, e, m, append(texts, what, "more "+what)...)
		m.count()
		embed(t, e, m, texts...)
		if s := c.Stats(); m.count() > 0 && s.Replaced == 0 && s.Failed == 0 {
			t.Errorf("%s: texts are embedded again, and nothing says why: %+v", what, s)
		}
	}
	loops := 0
	r := rand.New(rand.NewPCG(1, 1))
	for n := range testsize.Of(12, 40) {
		at := r.IntN(len(whole))
		try(fmt.Sprintf("cut at %d", at), whole[:at], false)
		if n%2 == 0 {
			at = r.IntN(4 * 4096) // where the pages of the tree are
		}
		flipped := append([]byte(nil), whole...)
		flipped[at] ^= 1 << r.IntN(8)
		try(fmt.Sprintf("flipped at %d", at), flipped, false)
		noise := append([]byte(nil), whole...)
		for i := at / 4096 * 4096; i < min(len(noise), at/4096*4096+4096); i++ {
			noise[i] = byte(r.Uint32())
		}
		try(fmt.Sprintf("page %d", at/4096), noise, false)
		try(fmt.Sprintf("page %d while open", at/4096), noise, true)
	}
	for _, data := range [][]byte{nil, make([]byte, 100), []byte("not a cache"), make([]byte, 1<<20)} {
		try(fmt.Sprintf("%d bytes", len(data)), data, false)
	}
	try("cut while open", whole[:5000], true)
	for id := 2; id < len(whole)/4096; id++ { // an inner page that leads to itself
		loop := slices.Clone(whole)
		page := loop[id*4096:]
		if binary.LittleEndian.Uint64(page) != uint64(id) || binary.LittleEndian.Uint16(page[8:]) != 1 {
			continue
		}
		for element := range binary.LittleEndian.Uint16(page[10:]) {
			binary.LittleEndian.PutUint64(page[16+16*element+8:], uint64(id))
		}
		loops++
		try("a loop", loop, false)
		try("a loop while open", loop, true)
	}
	if loops == 0 {
		t.Error("there is no inner page")
	}
}

// A cache that is put in the place of an open one is used from then on.
func TestExchangedWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	m := &model{dim: 100}
	fill := func(prefix string, n int) {
		c := open(t, path, Options{})
		for i := range n {
			embed(t, wrap(t, c, "m", m), m, fmt.Sprint(prefix, i))
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	fill("one ", 300)
	one, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fill("two ", 300)
	c := open(t, path, Options{})
	if err := errors.Join(os.WriteFile(path, one, 0o600), os.Chtimes(path, time.Time{}, time.Unix(1e9, 0))); err != nil {
		t.Fatal(err)
	}
	e := wrap(t, c, "m", m)
	embed(t, e, m, "one 1") // notices the change
	if s := c.Stats(); !errors.Is(s.Err, errChanged) || s.Replaced > 0 {
		t.Errorf("%+v", s)
	}
	m.count()
	embed(t, e, m, "one 5", "one 299")
	if n := m.count(); n > 0 {
		t.Errorf("%d texts were embedded", n)
	}
	if embed(t, e, m, "two 5", "two 299"); m.count() != 2 {
		t.Error("what was exchanged is there")
	}
}
