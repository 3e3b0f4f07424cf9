// Package oracle computes what a small Llama model says, slowly and plainly, from
// nothing but the bytes of its file. It shares no code with package toymodel,
// which writes such files, nor with any server, so that the numbers of both can be
// compared with its own.
//
// It rounds keys, values, queries and attention to half precision as servers on a
// CPU do; all else is in double precision.
package oracle
