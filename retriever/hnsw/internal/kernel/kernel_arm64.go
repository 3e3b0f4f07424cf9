//go:build arm64 && !purego

package kernel

import "unsafe"

// available needs to ask nothing: every arm64 processor has NEON.
func available() []Set {
	return []Set{{Name: "neon", Dot: dotNEON, L2: l2NEON, Code: codeNEON, Prefetch: prefetch128}}
}

//go:noescape
func dotNEON(b *Batch, n int)

//go:noescape
func l2NEON(b *Batch, n int)

//go:noescape
func codeNEON(b *Batch, n int)

//go:noescape
func prefetch128(p unsafe.Pointer)
