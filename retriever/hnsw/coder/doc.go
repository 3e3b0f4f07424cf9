// Package coder implements the interface of package hnsw with github.com/coder/hnsw, so
// that one can replace the other. It also reads exports of coder/hnsw into an hnsw.Index.
//
// Measured on v0.6.1, its newest version: recall@10 is 0.04 on 100,000 vectors of 128
// dimensions (squared L2) and 0.05 on 50,000 of 768 (cosine), and 0.21 on the first
// 1,000 of the former, at every ef from 16 to 200; hnsw.Index has 0.87 and 0.92 at ef
// 16 and 0.99 or more from ef 64 on. (M 16 and width 200 while building;
//
//	go -C tools run ./annbench -set a -lib coder,hnsw
//
// and -set b.) It panics when a key is deleted or overwritten. So use Index
// only for comparisons, and [Read] to move to package hnsw.
//
// coder/hnsw does not build on Windows. There the package has Read alone.
package coder
