// Package oracle computes the output of a small Llama model from the bytes of its file
// alone, in simple and slow code. It shares no code with package toymodel, which writes
// such files, nor with any server, so the numbers of both can be compared with its own.
//
// It rounds keys, values, queries and attention to half precision as servers on a
// CPU do; all else is in double precision.
package oracle
