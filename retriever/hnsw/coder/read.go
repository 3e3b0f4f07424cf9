package coder

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/goselfrag/goselfrag/retriever/hnsw"
)

// FormatError says where an export has a wrong format.
type FormatError struct {
	Offset int64 // bytes read until then
	Err    error // the reason; io.ErrUnexpectedEOF if the export is cut short
}

// Error implements error.
func (e *FormatError) Error() string {
	return fmt.Sprintf("coder: export, byte %d: %v", e.Offset, e.Err)
}

// Unwrap returns the reason.
func (e *FormatError) Unwrap() error { return e.Err }

// Read reads an export of a coder/hnsw graph (v0.6.1), written by Export or by Save of a
// SavedGraph, and returns a new index of its keys and vectors. K must be the type of the
// graph's keys, which the export does not name. The distance of the export, cosine or
// euclidean, becomes the metric, hnsw.Cosine or hnsw.SquaredL2, in place of that in o. The
// links and parameters of the export are not used: the index builds its own from o.
//
// Read reads r to its end. Errors:
//
//   - a [*FormatError] if r is not an export, is cut short, or continues after it;
//   - the index's error about a vector, such as a zero vector under cosine;
//   - hnsw.ErrEmpty for an export without vectors, which has no dimension;
//   - one that wraps ctx.Err() when ctx is done.
//
// An export has no checksum, so a changed value may go unnoticed. Memory grows with the
// bytes read, not with the numbers that an export claims.
func Read[K int | string](ctx context.Context, r io.Reader, o hnsw.Options) (*hnsw.Index[K], error) {
	d := &decoder[K]{ctx: ctx, r: bufio.NewReaderSize(r, 1<<16), o: o}
	if err := d.export(); err != nil {
		return nil, err
	}
	if d.index == nil {
		return nil, fmt.Errorf("coder: the export holds no vectors and so no dimension: make an index with hnsw.New: %w", hnsw.ErrEmpty)
	}
	return d.index, nil
}

// Bounds of what an export may hold.
const (
	maxDim = 1 << 16 // of package hnsw, too
	maxKey = 1 << 20 // bytes
)

// decoder reads an export:
//
//	version (1), M, Ml, EfSearch, name of the distance, number of layers;
//	per layer, from the lowest, which has all vectors: number of nodes;
//	per node: key, vector, number of neighbors, their keys
//
// A whole number is a varint of package encoding/binary, Ml a little-endian float64, a
// string its length and bytes, a vector its length and little-endian float32s.
type decoder[K int | string] struct {
	ctx   context.Context
	r     *bufio.Reader
	at    int64
	steps uint // numbers read, to look at ctx now and then
	o     hnsw.Options
	dim   int
	raw   []byte // room for a vector
	index *hnsw.Index[K]
	batch []hnsw.Item[K]
	nodes int // of the lowest layer, read so far
}

func (d *decoder[K]) fail(format string, args ...any) error {
	return &FormatError{Offset: d.at, Err: fmt.Errorf(format, args...)}
}

// broken is the error of a failed read.
func (d *decoder[K]) broken(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return &FormatError{Offset: d.at, Err: io.ErrUnexpectedEOF}
	}
	return fmt.Errorf("coder: export, byte %d: %w", d.at, err)
}

func (d *decoder[K]) export() error {
	version, err := d.number("version", 0, math.MaxInt64)
	if err != nil {
		return err
	}
	if version != 1 {
		return d.fail("version %d: want 1; is this an export of coder/hnsw?", version)
	}
	if _, err := d.number("M", math.MinInt64, math.MaxInt64); err != nil {
		return err
	}
	if err := d.skip(8); err != nil { // Ml
		return err
	}
	if _, err := d.number("EfSearch", math.MinInt64, math.MaxInt64); err != nil {
		return err
	}
	name, err := d.text("name of the distance", 1<<10)
	if err != nil {
		return err
	}
	switch name {
	case "cosine":
		d.o.Metric = hnsw.Cosine
	case "euclidean":
		d.o.Metric = hnsw.SquaredL2
	default:
		return d.fail("distance %q: want cosine or euclidean", name)
	}
	if err := d.layers(); err != nil {
		return err
	}
	switch _, err := d.r.ReadByte(); err {
	case io.EOF:
		return nil
	case nil:
		return d.fail("something follows the export")
	default:
		return d.broken(err)
	}
}

func (d *decoder[K]) layers() error {
	layers, err := d.number("number of layers", 0, math.MaxInt64)
	if err != nil {
		return err
	}
	for layer := range layers {
		nodes, err := d.number("number of nodes", 0, math.MaxInt64)
		if err != nil {
			return err
		}
		for range nodes {
			if err := d.node(layer == 0); err != nil {
				return err
			}
		}
		if layer == 0 {
			if err := d.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// node reads a node and keeps it if keep is set. That is for the lowest layer, which has
// the nodes of all others, too.
func (d *decoder[K]) node(keep bool) error {
	key, err := d.key()
	if err != nil {
		return err
	}
	dim, err := d.number("number of dimensions", 1, maxDim)
	if err != nil {
		return err
	}
	if d.dim == 0 {
		d.dim = int(dim)
	}
	if int(dim) != d.dim {
		return d.fail("key %v has %d dimensions, those before have %d", key, dim, d.dim)
	}
	if keep {
		err = d.vector(key)
	} else {
		err = d.skip(4 * d.dim)
	}
	if err != nil {
		return err
	}
	neighbors, err := d.number("number of neighbors", 0, math.MaxInt64)
	if err != nil {
		return err
	}
	for range neighbors {
		if _, err := d.key(); err != nil {
			return err
		}
	}
	return nil
}

// vector reads the vector of a key into the batch.
func (d *decoder[K]) vector(key K) error {
	if d.raw == nil {
		d.raw = make([]byte, 4*d.dim)
	}
	if err := d.full(d.raw); err != nil {
		return err
	}
	v := make([]float32, d.dim)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(d.raw[4*i:]))
	}
	d.batch = append(d.batch, hnsw.Item[K]{Key: key, Vector: v})
	// Large enough to keep all Workers busy, and some megabytes at most.
	if len(d.batch) < 4096 && len(d.batch)*d.dim < 1<<20 {
		return nil
	}
	return d.flush()
}

// flush adds the batch to the index.
func (d *decoder[K]) flush() error {
	if len(d.batch) == 0 {
		return nil
	}
	if d.index == nil {
		var err error
		if d.index, err = hnsw.New[K](d.dim, d.o); err != nil {
			return err
		}
	}
	if err := d.index.Add(d.ctx, d.batch); err != nil {
		return fmt.Errorf("coder: the vectors before byte %d: %w", d.at, err)
	}
	d.nodes += len(d.batch)
	if d.index.Len() != d.nodes {
		return d.fail("a key is duplicated in the lowest layer")
	}
	d.batch = d.batch[:0]
	return nil
}

func (d *decoder[K]) key() (key K, err error) {
	switch p := any(&key).(type) {
	case *string:
		*p, err = d.text("key", maxKey)
	case *int:
		var n int64
		n, err = d.number("key", math.MinInt, math.MaxInt)
		*p = int(n)
	}
	return key, err
}

// text reads a string of at most limit bytes.
func (d *decoder[K]) text(what string, limit int64) (string, error) {
	size, err := d.number("length of a "+what, 0, limit)
	if err != nil {
		return "", err
	}
	raw := make([]byte, size)
	if err := d.full(raw); err != nil {
		return "", err
	}
	return string(raw), nil
}

// full fills raw.
func (d *decoder[K]) full(raw []byte) error {
	n, err := io.ReadFull(d.r, raw)
	d.at += int64(n)
	if err != nil {
		return d.broken(err)
	}
	return nil
}

// number reads a varint between two bounds.
func (d *decoder[K]) number(what string, least, most int64) (int64, error) {
	if d.steps++; d.steps%4096 == 1 {
		if err := d.ctx.Err(); err != nil {
			return 0, fmt.Errorf("coder: read: %w", err)
		}
	}
	start := d.at
	n, err := binary.ReadVarint(d)
	if d.at-start == binary.MaxVarintLen64 && err != nil {
		return 0, d.fail("%s: a number above 64 bits", what)
	}
	if err != nil {
		return 0, d.broken(err)
	}
	if n < least || n > most {
		return 0, d.fail("%s is %d: want %d to %d", what, n, least, most)
	}
	return n, nil
}

// ReadByte implements io.ByteReader.
func (d *decoder[K]) ReadByte() (byte, error) {
	b, err := d.r.ReadByte()
	if err == nil {
		d.at++
	}
	return b, err
}

// skip passes over n bytes.
func (d *decoder[K]) skip(n int) error {
	n, err := d.r.Discard(n)
	d.at += int64(n)
	if err != nil {
		return d.broken(err)
	}
	return nil
}
