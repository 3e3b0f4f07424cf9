package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestTouchedBytes(t *testing.T) {
	const size = 16 << 20 // a system may map 2 MiB around a touched page
	path := filepath.Join(t.TempDir(), "mapped")
	if err := os.WriteFile(path, make([]byte, size), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(m)
	mapped := func() int64 {
		n, err := mappedBytes(path)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := mapped(); n != 0 {
		t.Errorf("%d bytes before any is touched", n)
	}
	sum := m[size/2]
	if n := mapped(); n < 4096 || n > size/4 {
		t.Errorf("%d bytes after one is touched", n)
	}
	for i := 0; i < size; i += 4096 {
		sum += m[i]
	}
	if n := mapped(); n != size || sum != 0 {
		t.Errorf("%d bytes after all are touched, want %d", n, size)
	}

	before, err := readBytes()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	after, err := readBytes()
	if n := after - before; err != nil || n < size || n > size+size/8 {
		t.Errorf("%d bytes read, error %v; want %d", n, err, size)
	}
}

func TestResidentBytes(t *testing.T) {
	before, err := residentBytes()
	if err != nil {
		t.Fatal(err)
	}
	const size = 32 << 20
	m, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(m)
	for i := 0; i < size; i += 4096 {
		m[i] = 1
	}
	after, err := residentBytes()
	if n := after - before; err != nil || n < size-size/8 || n > size+size/8 {
		t.Errorf("grew by %d, error %v; want %d", n, err, size)
	}
}
