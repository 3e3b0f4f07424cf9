package hnsw

import (
	"runtime"
	"runtime/debug"
	"unsafe"
)

// Memory of a mapped file that its file or disk does not have cannot be read: the
// processor faults, which ends a Go program unless the goroutine asked for a panic. The
// memory of an index stays the file's after all of it was checked, so whatever reads an
// index that was opened asks for that: searches by catch, all else by safely.

// safely calls f, which may read the file, and returns its error, or ErrLost if the file
// could not be read, now or earlier. m may be nil: then there is no file. The locks that f
// takes are released by deferred calls.
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

// catch is deferred by what reads the file after debug.SetPanicOnFault, whose result is
// before. It makes *err ErrLost after a fault in the file. Other panics go on.
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
