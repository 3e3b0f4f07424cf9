package hnsw

import "golang.org/x/sys/unix"

// adviseHuge asks for huge pages. It is advisory: failure only costs speed.
func adviseHuge(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
