package hnsw

import "golang.org/x/sys/unix"

// adviseHuge asks for huge pages. It is a wish: where they are not to be had, the
// memory is as good, only slower.
func adviseHuge(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
