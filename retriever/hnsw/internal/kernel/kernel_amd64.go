//go:build amd64 && !purego

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate go -C ../../../../tools run ./kernelgen -out ../retriever/hnsw/internal/kernel/kernel_amd64.s -pkg kernel

func available() []Set {
	var sets []Set
	x := cpu.X86
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ && x.HasBMI2 && x.HasFMA && x.HasAVX2 {
		s := Set{Name: "avx512", Dot: dotAVX512, L2: l2AVX512, Code: codeAVX512, Prefetch: prefetch128}
		if x.HasAVX512VNNI {
			v := s
			v.Name, v.Code = "avx512vnni", codeVNNI
			sets = append(sets, v)
		}
		sets = append(sets, s)
	}
	if x.HasAVX2 && x.HasFMA && x.HasBMI2 {
		sets = append(sets, Set{Name: "avx2", Dot: dotAVX2, L2: l2AVX2, Code: codeAVX2, Prefetch: prefetch128})
	}
	return sets
}

//go:noescape
func dotAVX2(b *Batch, n int)

//go:noescape
func l2AVX2(b *Batch, n int)

//go:noescape
func codeAVX2(b *Batch, n int)

//go:noescape
func dotAVX512(b *Batch, n int)

//go:noescape
func l2AVX512(b *Batch, n int)

//go:noescape
func codeAVX512(b *Batch, n int)

//go:noescape
func codeVNNI(b *Batch, n int)

//go:noescape
func prefetch128(p unsafe.Pointer)
