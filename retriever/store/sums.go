package store

import (
	"context"
	"encoding/binary"
	"hash/fnv"

	bolt "go.etcd.io/bbolt"
)

// bbolt has no checksums. Records have their own, but a changed byte in a key, or in an inner
// page, makes a search miss entries without an error. So the manifest has a sum for each of
// these buckets: that of the hashes of its entries.
var summed = [][]byte{bucketIDs, bucketPassages, bucketDocuments, bucketMembers, bucketDead, bucketRetired}

// entryHash is FNV-1a of an entry: the key and its length, and the first bytes of the value,
// which are all of it, or the checksum of the rest.
func entryHash(key, value []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(binary.AppendUvarint(make([]byte, 0, binary.MaxVarintLen64), uint64(len(key))))
	_, _ = h.Write(key)
	_, _ = h.Write(value[:min(len(value), 8)])
	return h.Sum64()
}

// table is a bucket whose sum is kept.
type table struct {
	*bolt.Bucket
	sums map[string]uint64
	name string
}

// table returns a bucket. Its changes are counted in the sums of m, which is to be committed
// with them.
func (m *manifest) table(tx *bolt.Tx, name []byte) table {
	return table{tx.Bucket(name), m.Sums, string(name)}
}

func (t table) hash(key []byte) uint64 {
	k, value := t.Cursor().Seek(key)
	if string(k) != string(key) {
		return 0
	}
	return entryHash(key, value)
}

// Put is that of the bucket.
func (t table) Put(key, value []byte) error {
	t.sums[t.name] += entryHash(key, value) - t.hash(key)
	return t.Bucket.Put(key, value)
}

// Delete is that of the bucket.
func (t table) Delete(key []byte) error {
	t.sums[t.name] -= t.hash(key)
	return t.Bucket.Delete(key)
}

// sumAll returns the sums of what a database has.
func sumAll(tx *bolt.Tx) map[string]uint64 {
	sums := map[string]uint64{}
	for _, name := range summed {
		c := tx.Bucket(name).Cursor()
		for key, value := c.First(); key != nil; key, value = c.Next() {
			sums[string(name)] += entryHash(key, value)
		}
	}
	return sums
}

// checkSums returns an error that wraps ErrCorrupt unless the entries of all buckets are those
// that the manifest was committed with, and each is found by its key.
func (m *manifest) checkSums(ctx context.Context, tx *bolt.Tx) error {
	for _, name := range summed {
		b, sum, n := tx.Bucket(name), uint64(0), 0
		c := b.Cursor()
		for key, value := c.First(); key != nil; key, value = c.Next() {
			if n++; n%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if k, _ := b.Cursor().Seek(key); string(k) != string(key) {
				return damaged("the key %q in %s is not found where it should be", key, name)
			}
			sum += entryHash(key, value)
		}
		if err := m.checkSum(name, sum); err != nil {
			return err
		}
	}
	return nil
}

func (m *manifest) checkSum(bucket []byte, sum uint64) error {
	if sum != m.Sums[string(bucket)] {
		return damaged("the entries of %s are not those that were written", bucket)
	}
	return nil
}
