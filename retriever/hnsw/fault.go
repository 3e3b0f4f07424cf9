package hnsw

import (
	"runtime"
	"runtime/debug"
	"unsafe"
)

// Memory of a mapped file cannot be read if the file was truncated or the disk
// fails. The processor then faults, which ends a Go program unless the goroutine
// asked for a panic. That can happen even after all of the memory was checked. So
// code that reads an opened index asks for a panic: searches by catch, all other
// code by safely.

// safely calls f, which may read the file, and returns its error, or ErrLost if the
// file could not be read, now or earlier. A nil m means that there is no file. f
// must release its locks by deferred calls.
func (m *mapped) safely(f func() error) (err error) {
	if m == nil {
		return f()
	}
	if m.lost.Load() {
		return ErrLost
	}
	defer m.catch(debug.SetPanicOnFault(true), &err)
	return f()
}

// catch must be deferred by code that reads the file after debug.SetPanicOnFault,
// whose result is before. After a fault in the file it sets *err to ErrLost. Other
// panics continue.
func (m *mapped) catch(before bool, err *error) {
	debug.SetPanicOnFault(before)
	p := recover()
	if p == nil {
		return
	}
	fault, ok := p.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok || !m.holds(fault.Addr()) {
		panic(p)
	}
	m.lost.Store(true)
	*err = ErrLost
}

// holds reports whether an address is in the file.
func (m *mapped) holds(at uintptr) bool {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(m.data)))
	return at >= start && at-start < uintptr(len(m.data))
}
