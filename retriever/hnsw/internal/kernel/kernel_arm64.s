//go:build arm64 && !purego

#include "textflag.h"

// The arm64 kernels. As on amd64, each prefetches a row further on while it reads
// one: here, the row after the next.
//
// Go's assembler lacks some vector instructions. They stand here as words, each
// with the instruction behind it as the GNU assembler reads it; words.sh checks
// every word against that assembler.
//
//	R0 batch      R1 number of ids   R2 ids         R3 query     R4 out
//	R5 shift      R6 mask            R7 stride      R8 blocks    R9 table
//	R10 row       R11 row after it   R12 row after that
//	R13 the last index   R14 index of the row   R15 R16 scratch
//	R19 R20 R21 cursors in R10, R3 and R12      R22 blocks left

// ADDRESS puts the address of row index, or of the last row if there are not that
// many, into to. It takes R15 and R16.
#define ADDRESS(index, to) \
	CMP   R13, index;          \
	CSEL  LT, index, R13, R15; \
	MOVWU (R2)(R15<<2), R16;   \
	LSR   R5, R16, R15;        \
	AND   R6, R16, R16;        \
	MUL   R7, R16, R16;        \
	MOVD  (R9)(R15<<3), to;    \
	ADD   R16, to, to

// BEGIN loads the fields of the batch, leaves if there are no ids, and prefetches
// the first two rows.
#define BEGIN \
	MOVD  b+0(FP), R0;      \
	MOVD  n+8(FP), R1;      \
	CBZ   R1, end;          \
	LDP   0(R0), (R9, R3);  \
	LDP   16(R0), (R2, R4); \
	LDP   32(R0), (R5, R6); \
	LDP   48(R0), (R7, R8); \
	SUB   $1, R1, R13;      \
	MOVD  ZR, R14;          \
	ADDRESS(R14, R10);      \
	MOVD  $1, R12;          \
	ADDRESS(R12, R11);      \
	MOVD  ZR, R12;          \
	warm:                   \
	ADD   R12, R10, R15;    \
	ADD   R12, R11, R16;    \
	PRFM  (R15), PLDL1KEEP; \
	PRFM  (R16), PLDL1KEEP; \
	ADD   $64, R12, R12;    \
	CMP   R7, R12;          \
	BLT   warm

// ROW begins a row: the address of the one two further on, the cursors, and blocks
// less one round of four, with the flags set: LT if there is no round.
#define ROW \
	ADD  $2, R14, R12; \
	ADDRESS(R12, R12); \
	MOVD R10, R19;     \
	MOVD R3, R20;      \
	MOVD R12, R21;     \
	SUBS $4, R8, R22

// NEXT stores F0, the result, and goes to the next row.
#define NEXT \
	FMOVS F0, (R4)(R14<<2); \
	MOVD  R11, R10;         \
	MOVD  R12, R11;         \
	ADD   $1, R14, R14;     \
	CMP   R1, R14;          \
	BLT   row

// AHEAD prefetches 64 bytes of the row two further on.
#define AHEAD \
	PRFM (R21), PLDL1KEEP; \
	ADD  $64, R21, R21

// ZERO clears the eight accumulators of the float32 kernels.
#define ZERO \
	VEOR V0.B16, V0.B16, V0.B16; \
	VEOR V1.B16, V1.B16, V1.B16; \
	VEOR V2.B16, V2.B16, V2.B16; \
	VEOR V3.B16, V3.B16, V3.B16; \
	VEOR V4.B16, V4.B16, V4.B16; \
	VEOR V5.B16, V5.B16, V5.B16; \
	VEOR V6.B16, V6.B16, V6.B16; \
	VEOR V7.B16, V7.B16, V7.B16

// func dotNEON(b *Batch, n int)
TEXT ·dotNEON(SB), NOSPLIT|NOFRAME, $0-16
	BEGIN

row:
	ROW
	ZERO
	BLT tail

round:
	AHEAD
	AHEAD
	VLD1.P 64(R19), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1.P 64(R20), [V24.S4, V25.S4, V26.S4, V27.S4]
	VLD1.P 64(R19), [V20.S4, V21.S4, V22.S4, V23.S4]
	VLD1.P 64(R20), [V28.S4, V29.S4, V30.S4, V31.S4]
	VFMLS  V16.S4, V24.S4, V0.S4
	VFMLS  V17.S4, V25.S4, V1.S4
	VFMLS  V18.S4, V26.S4, V2.S4
	VFMLS  V19.S4, V27.S4, V3.S4
	VFMLS  V20.S4, V28.S4, V4.S4
	VFMLS  V21.S4, V29.S4, V5.S4
	VFMLS  V22.S4, V30.S4, V6.S4
	VFMLS  V23.S4, V31.S4, V7.S4
	SUBS   $4, R22, R22
	BGE    round

tail:
	ADDS $4, R22, R22
	BEQ  sum

block:
	PRFM   (R21), PLDL1KEEP
	ADD    $32, R21, R21
	VLD1.P 32(R19), [V16.S4, V17.S4]
	VLD1.P 32(R20), [V24.S4, V25.S4]
	VFMLS  V16.S4, V24.S4, V0.S4
	VFMLS  V17.S4, V25.S4, V1.S4
	SUBS   $1, R22, R22
	BNE    block

sum:
	WORD $0x4e21d400 // fadd v0.4s, v0.4s, v1.4s
	WORD $0x4e23d442 // fadd v2.4s, v2.4s, v3.4s
	WORD $0x4e25d484 // fadd v4.4s, v4.4s, v5.4s
	WORD $0x4e27d4c6 // fadd v6.4s, v6.4s, v7.4s
	WORD $0x4e22d400 // fadd v0.4s, v0.4s, v2.4s
	WORD $0x4e26d484 // fadd v4.4s, v4.4s, v6.4s
	WORD $0x4e24d400 // fadd v0.4s, v0.4s, v4.4s
	WORD $0x6e20d400 // faddp v0.4s, v0.4s, v0.4s
	WORD $0x7e30d800 // faddp s0, v0.2s
	NEXT

end:
	RET

// func l2NEON(b *Batch, n int)
TEXT ·l2NEON(SB), NOSPLIT|NOFRAME, $0-16
	BEGIN

row:
	ROW
	ZERO
	BLT tail

round:
	AHEAD
	AHEAD
	VLD1.P 64(R19), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1.P 64(R20), [V24.S4, V25.S4, V26.S4, V27.S4]
	VLD1.P 64(R19), [V20.S4, V21.S4, V22.S4, V23.S4]
	VLD1.P 64(R20), [V28.S4, V29.S4, V30.S4, V31.S4]
	WORD   $0x4eb0d710                               // fsub v16.4s, v24.4s, v16.4s
	WORD   $0x4eb1d731                               // fsub v17.4s, v25.4s, v17.4s
	WORD   $0x4eb2d752                               // fsub v18.4s, v26.4s, v18.4s
	WORD   $0x4eb3d773                               // fsub v19.4s, v27.4s, v19.4s
	WORD   $0x4eb4d794                               // fsub v20.4s, v28.4s, v20.4s
	WORD   $0x4eb5d7b5                               // fsub v21.4s, v29.4s, v21.4s
	WORD   $0x4eb6d7d6                               // fsub v22.4s, v30.4s, v22.4s
	WORD   $0x4eb7d7f7                               // fsub v23.4s, v31.4s, v23.4s
	VFMLA  V16.S4, V16.S4, V0.S4
	VFMLA  V17.S4, V17.S4, V1.S4
	VFMLA  V18.S4, V18.S4, V2.S4
	VFMLA  V19.S4, V19.S4, V3.S4
	VFMLA  V20.S4, V20.S4, V4.S4
	VFMLA  V21.S4, V21.S4, V5.S4
	VFMLA  V22.S4, V22.S4, V6.S4
	VFMLA  V23.S4, V23.S4, V7.S4
	SUBS   $4, R22, R22
	BGE    round

tail:
	ADDS $4, R22, R22
	BEQ  sum

block:
	PRFM   (R21), PLDL1KEEP
	ADD    $32, R21, R21
	VLD1.P 32(R19), [V16.S4, V17.S4]
	VLD1.P 32(R20), [V24.S4, V25.S4]
	WORD   $0x4eb0d710               // fsub v16.4s, v24.4s, v16.4s
	WORD   $0x4eb1d731               // fsub v17.4s, v25.4s, v17.4s
	VFMLA  V16.S4, V16.S4, V0.S4
	VFMLA  V17.S4, V17.S4, V1.S4
	SUBS   $1, R22, R22
	BNE    block

sum:
	WORD $0x4e21d400 // fadd v0.4s, v0.4s, v1.4s
	WORD $0x4e23d442 // fadd v2.4s, v2.4s, v3.4s
	WORD $0x4e25d484 // fadd v4.4s, v4.4s, v5.4s
	WORD $0x4e27d4c6 // fadd v6.4s, v6.4s, v7.4s
	WORD $0x4e22d400 // fadd v0.4s, v0.4s, v2.4s
	WORD $0x4e26d484 // fadd v4.4s, v4.4s, v6.4s
	WORD $0x4e24d400 // fadd v0.4s, v0.4s, v4.4s
	WORD $0x6e20d400 // faddp v0.4s, v0.4s, v0.4s
	WORD $0x7e30d800 // faddp s0, v0.2s
	NEXT

end:
	RET

// func codeNEON(b *Batch, n int)
TEXT ·codeNEON(SB), NOSPLIT|NOFRAME, $0-16
	BEGIN

row:
	ROW
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	BLT  tail

round:
	AHEAD
	VLD1.P 64(R19), [V4.B16, V5.B16, V6.B16, V7.B16]
	VLD1.P 64(R20), [V24.H8, V25.H8, V26.H8, V27.H8]
	VLD1.P 64(R20), [V28.H8, V29.H8, V30.H8, V31.H8]
	WORD   $0x0f08a490                               // sxtl v16.8h, v4.8b
	WORD   $0x4f08a491                               // sxtl2 v17.8h, v4.16b
	WORD   $0x0f08a4b2                               // sxtl v18.8h, v5.8b
	WORD   $0x4f08a4b3                               // sxtl2 v19.8h, v5.16b
	WORD   $0x0f08a4d4                               // sxtl v20.8h, v6.8b
	WORD   $0x4f08a4d5                               // sxtl2 v21.8h, v6.16b
	WORD   $0x0f08a4f6                               // sxtl v22.8h, v7.8b
	WORD   $0x4f08a4f7                               // sxtl2 v23.8h, v7.16b
	WORD   $0x0e788200                               // smlal v0.4s, v16.4h, v24.4h
	WORD   $0x4e788201                               // smlal2 v1.4s, v16.8h, v24.8h
	WORD   $0x0e798222                               // smlal v2.4s, v17.4h, v25.4h
	WORD   $0x4e798223                               // smlal2 v3.4s, v17.8h, v25.8h
	WORD   $0x0e7a8240                               // smlal v0.4s, v18.4h, v26.4h
	WORD   $0x4e7a8241                               // smlal2 v1.4s, v18.8h, v26.8h
	WORD   $0x0e7b8262                               // smlal v2.4s, v19.4h, v27.4h
	WORD   $0x4e7b8263                               // smlal2 v3.4s, v19.8h, v27.8h
	WORD   $0x0e7c8280                               // smlal v0.4s, v20.4h, v28.4h
	WORD   $0x4e7c8281                               // smlal2 v1.4s, v20.8h, v28.8h
	WORD   $0x0e7d82a2                               // smlal v2.4s, v21.4h, v29.4h
	WORD   $0x4e7d82a3                               // smlal2 v3.4s, v21.8h, v29.8h
	WORD   $0x0e7e82c0                               // smlal v0.4s, v22.4h, v30.4h
	WORD   $0x4e7e82c1                               // smlal2 v1.4s, v22.8h, v30.8h
	WORD   $0x0e7f82e2                               // smlal v2.4s, v23.4h, v31.4h
	WORD   $0x4e7f82e3                               // smlal2 v3.4s, v23.8h, v31.8h
	SUBS   $4, R22, R22
	BGE    round

tail:
	ADDS $4, R22, R22
	PRFM (R21), PLDL1KEEP
	BEQ  sum

block:
	VLD1.P 16(R19), [V4.B16]
	VLD1.P 32(R20), [V24.H8, V25.H8]
	WORD   $0x0f08a490               // sxtl v16.8h, v4.8b
	WORD   $0x4f08a491               // sxtl2 v17.8h, v4.16b
	WORD   $0x0e788200               // smlal v0.4s, v16.4h, v24.4h
	WORD   $0x4e788201               // smlal2 v1.4s, v16.8h, v24.8h
	WORD   $0x0e798222               // smlal v2.4s, v17.4h, v25.4h
	WORD   $0x4e798223               // smlal2 v3.4s, v17.8h, v25.8h
	SUBS   $1, R22, R22
	BNE    block

sum:
	VADD    V1.S4, V0.S4, V0.S4
	VADD    V3.S4, V2.S4, V2.S4
	VADD    V2.S4, V0.S4, V0.S4
	VADDV   V0.S4, V0
	VMOV    V0.S[0], R15
	SCVTFWS R15, F0
	FMOVS   72(R0), F1          // Scale
	FMULS   F1, F0, F0
	FMOVS   76(R0), F1          // Base
	FADDS   F1, F0, F0
	MOVD    64(R0), R15         // Norm
	CBZ     R15, store
	ADD     R15, R10, R15
	FMOVS   (R15), F1
	FADDS   F1, F0, F0

store:
	NEXT

end:
	RET

// func prefetch128(p unsafe.Pointer)
TEXT ·prefetch128(SB), NOSPLIT|NOFRAME, $0-8
	MOVD p+0(FP), R0
	PRFM (R0), PLDL1KEEP
	ADD  $64, R0, R0
	PRFM (R0), PLDL1KEEP
	RET
