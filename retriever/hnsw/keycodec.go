package hnsw

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// The kinds of keys in files.
const (
	keyInt    = 1 // signed integers of any size, as eight bytes
	keyUint   = 2 // unsigned integers of any size, as eight bytes
	keyString = 3 // the ends of all keys, as eight bytes each, then their bytes
	keyBytes  = 4 // arrays of bytes
	keyBinary = 5 // like keyString, what MarshalBinary returns
)

// keyCodec turns keys into bytes and back.
type keyCodec[K comparable] struct {
	kind   uint8
	size   uint32 // bytes per key, or 0 if they differ
	append func(buf []byte, key K) ([]byte, error)
	parse  func(data []byte) (K, error)
}

// newKeyCodec returns the codec for keys of type K. Types that marshal themselves
// are marshaled so, whatever their underlying type.
func newKeyCodec[K comparable]() (*keyCodec[K], error) {
	var zero K
	if _, ok := any(&zero).(encoding.BinaryUnmarshaler); ok {
		if _, ok := any(&zero).(encoding.BinaryMarshaler); ok {
			return binaryCodec[K](), nil
		}
	}
	t := reflect.TypeFor[K]()
	of := func(k *K) reflect.Value { return reflect.ValueOf(k).Elem() }
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &keyCodec[K]{keyInt, 8,
			func(buf []byte, key K) ([]byte, error) {
				return binary.LittleEndian.AppendUint64(buf, uint64(of(&key).Int())), nil
			},
			func(data []byte) (key K, err error) {
				n := int64(binary.LittleEndian.Uint64(data))
				if of(&key).OverflowInt(n) {
					return key, fmt.Errorf("%w: key %d does not fit into %v", ErrKeyType, n, t)
				}
				of(&key).SetInt(n)
				return key, nil
			}}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return &keyCodec[K]{keyUint, 8,
			func(buf []byte, key K) ([]byte, error) {
				return binary.LittleEndian.AppendUint64(buf, of(&key).Uint()), nil
			},
			func(data []byte) (key K, err error) {
				n := binary.LittleEndian.Uint64(data)
				if of(&key).OverflowUint(n) {
					return key, fmt.Errorf("%w: key %d does not fit into %v", ErrKeyType, n, t)
				}
				of(&key).SetUint(n)
				return key, nil
			}}, nil
	case reflect.String:
		return &keyCodec[K]{keyString, 0,
			func(buf []byte, key K) ([]byte, error) { return append(buf, of(&key).String()...), nil },
			func(data []byte) (key K, err error) {
				of(&key).SetString(string(data))
				return key, nil
			}}, nil
	case reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 && t.Len() > 0 {
			return &keyCodec[K]{keyBytes, uint32(t.Len()),
				func(buf []byte, key K) ([]byte, error) { return append(buf, of(&key).Bytes()...), nil },
				func(data []byte) (key K, err error) {
					copy(of(&key).Bytes(), data)
					return key, nil
				}}, nil
		}
	}
	return nil, fmt.Errorf("%w: %v: want an integer, a string, an array of bytes or a type with MarshalBinary and UnmarshalBinary", ErrKeyType, t)
}

// fittingCodec returns the codec for K if it can read the keys of a file.
func fittingCodec[K comparable](h *header) (*keyCodec[K], error) {
	codec, err := newKeyCodec[K]()
	if err == nil && (codec.kind != h.KeyKind || codec.size != h.KeySize) {
		var zero K
		err = fmt.Errorf("%w: it has keys of kind %d and size %d, %T has kind %d and size %d",
			ErrKeyType, h.KeyKind, h.KeySize, zero, codec.kind, codec.size)
	}
	return codec, err
}

func binaryCodec[K comparable]() *keyCodec[K] {
	parse := func(data []byte) (key K, err error) {
		if err := any(&key).(encoding.BinaryUnmarshaler).UnmarshalBinary(data); err != nil {
			return key, fmt.Errorf("%w: %w", ErrKeyType, err)
		}
		return key, nil
	}
	return &keyCodec[K]{keyBinary, 0,
		func(buf []byte, key K) ([]byte, error) {
			data, err := any(&key).(encoding.BinaryMarshaler).MarshalBinary()
			if err != nil {
				return nil, err
			}
			// Two keys that are read back as one would make a file that cannot be
			// read.
			if back, err := parse(slices.Clone(data)); err != nil || back != key {
				return nil, errors.Join(fmt.Errorf("it comes back as %v, which is not equal: save keys that survive MarshalBinary and UnmarshalBinary", back), err)
			}
			return append(buf, data...), nil
		},
		parse}
}

// encode returns the section of the keys of the first slots slots. A free slot has
// the zero key, or no bytes if keys have no fixed size.
func (c *keyCodec[K]) encode(v *view[K], slots uint32) ([]byte, error) {
	var ends, data []byte
	for slot := range slots {
		var err error
		if v.state(slot) == live {
			data, err = c.append(data, *v.key(slot))
		} else {
			data = append(data, make([]byte, c.size)...)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: key %v: %w", ErrKeyType, *v.key(slot), err)
		}
		if c.size == 0 {
			ends = binary.LittleEndian.AppendUint64(ends, uint64(len(data)))
		}
	}
	return append(ends, data...), nil
}

// decode stores the keys of the live slots. It checks what it reads.
func (c *keyCodec[K]) decode(v *view[K], slots uint32, data []byte) error {
	n := uint64(slots)
	if c.size > 0 {
		if uint64(len(data)) != n*uint64(c.size) {
			return fmt.Errorf("%w: %d bytes of keys: want %d of %d", ErrCorrupt, len(data), n, c.size)
		}
	} else if uint64(len(data)) < 8*n {
		return fmt.Errorf("%w: %d bytes of keys", ErrCorrupt, len(data))
	}
	var text []byte
	if c.size == 0 {
		text = data[8*n:]
	}
	start := uint64(0)
	for slot := range slots {
		var raw []byte
		if c.size > 0 {
			raw = data[uint64(slot)*uint64(c.size):][:c.size]
		} else {
			end := binary.LittleEndian.Uint64(data[8*uint64(slot):])
			if end < start || end > uint64(len(text)) {
				return fmt.Errorf("%w: key %d ends at %d of %d bytes", ErrCorrupt, slot, end, len(text))
			}
			raw, start = text[start:end], end
		}
		if v.state(slot) != live {
			continue
		}
		key, err := c.parse(raw)
		if err != nil {
			return err
		}
		*v.key(slot) = key
	}
	return nil
}
