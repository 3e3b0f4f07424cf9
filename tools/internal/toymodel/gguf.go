package toymodel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// file collects the parts of a GGUF file, version 3: metadata, the list of
// tensors, and their data. All numbers are little-endian.
type file struct {
	meta, infos, data bytes.Buffer
	keys, tensors     uint64
}

// Types of metadata values.
const (
	valueUint32  uint32 = 4
	valueInt32   uint32 = 5
	valueFloat32 uint32 = 6
	valueBool    uint32 = 7
	valueString  uint32 = 8
	valueArray   uint32 = 9
)

// alignment of the data of tensors, the format's default.
const alignment = 32

// number appends a fixed-size value. Writing to a buffer cannot fail.
func number(b *bytes.Buffer, v any) { _ = binary.Write(b, binary.LittleEndian, v) }

func text(b *bytes.Buffer, s string) {
	number(b, uint64(len(s)))
	b.WriteString(s)
}

func pad(b *bytes.Buffer, size int) {
	for size%alignment != 0 {
		b.WriteByte(0)
		size++
	}
}

// set adds a metadata value. Its type says which one the format gives it.
func (f *file) set(key string, value any) {
	f.keys++
	text(&f.meta, key)
	array := func(element uint32, n int) {
		number(&f.meta, valueArray)
		number(&f.meta, element)
		number(&f.meta, uint64(n))
	}
	switch v := value.(type) {
	case int:
		number(&f.meta, valueUint32)
		number(&f.meta, uint32(v))
	case float32:
		number(&f.meta, valueFloat32)
		number(&f.meta, v)
	case bool:
		number(&f.meta, valueBool)
		number(&f.meta, v)
	case string:
		number(&f.meta, valueString)
		text(&f.meta, v)
	case []string:
		array(valueString, len(v))
		for _, s := range v {
			text(&f.meta, s)
		}
	case []float32:
		array(valueFloat32, len(v))
		number(&f.meta, v)
	case []int32:
		array(valueInt32, len(v))
		number(&f.meta, v)
	default:
		panic(fmt.Sprintf("toymodel: %s has a value of type %T", key, value))
	}
}

// tensor adds a matrix of rows of the given width, or a vector if there is one row.
// Numbers are kept whole: halved ones would make servers halve the activations,
// too.
func (f *file) tensor(name string, width int, data []float32) {
	f.tensors++
	text(&f.infos, name)
	shape := []uint64{uint64(width)}
	if rows := len(data) / width; rows > 1 {
		shape = append(shape, uint64(rows))
	}
	number(&f.infos, uint32(len(shape)))
	number(&f.infos, shape)
	number(&f.infos, uint32(0)) // float32
	number(&f.infos, uint64(f.data.Len()))
	number(&f.data, data)
	pad(&f.data, f.data.Len())
}

func (f *file) writeTo(w io.Writer) error {
	var head bytes.Buffer
	head.WriteString("GGUF")
	number(&head, uint32(3))
	number(&head, f.tensors)
	number(&head, f.keys)
	head.Write(f.meta.Bytes())
	head.Write(f.infos.Bytes())
	pad(&head, head.Len())
	for _, b := range []*bytes.Buffer{&head, &f.data} {
		if _, err := b.WriteTo(w); err != nil {
			return fmt.Errorf("toymodel: %w", err)
		}
	}
	return nil
}

// Kind says what the tokens of reflection are in the vocabulary.
type Kind uint8

const (
	// UserDefined tokens are shown in the text that a server returns.
	UserDefined Kind = iota
	// Control tokens are the type in the published models. Most servers hide them by
	// default.
	Control
)

// Write writes the model as a GGUF file. The same kind gives the same bytes.
func Write(w io.Writer, kind Kind) error { return WriteOutput(w, kind, nil) }

// WriteOutput is Write with another last matrix: the row of each token that the
// hidden state is multiplied by. nil is that of Write.
func WriteOutput(w io.Writer, kind Kind, output []float32) error {
	reflections := typeUserDefined
	if kind == Control {
		reflections = typeControl
	}
	tokens := vocabulary(reflections)
	s := newStream()
	if output == nil {
		output = s.unembed(tokens)
	}
	if len(output) != len(tokens)*s.width {
		return fmt.Errorf("toymodel: the last matrix has %d numbers: want %d", len(output), len(tokens)*s.width)
	}
	var f file
	f.set("general.architecture", "llama")
	f.set("general.name", "goselfrag-toy")
	f.set("general.file_type", 0)
	f.shape(s.width, len(tokens))
	f.tokenizer(tokens)
	f.weights(s, tokens, output)
	return f.writeTo(w)
}

func (f *file) shape(width, tokens int) {
	f.set("llama.block_count", layers)
	f.set("llama.context_length", context)
	f.set("llama.embedding_length", width)
	f.set("llama.feed_forward_length", feedWidth)
	f.set("llama.attention.head_count", heads)
	f.set("llama.attention.head_count_kv", heads)
	f.set("llama.attention.key_length", headWidth)
	f.set("llama.attention.value_length", headWidth)
	f.set("llama.attention.layer_norm_rms_epsilon", float32(epsilon))
	f.set("llama.rope.dimension_count", headWidth)
	f.set("llama.rope.freq_base", float32(ropeBase))
	f.set("llama.vocab_size", tokens)
}

func (f *file) tokenizer(tokens []token) {
	var texts []string
	var scores []float32
	var kinds []int32
	for _, t := range tokens {
		texts = append(texts, t.text)
		scores = append(scores, t.score)
		kinds = append(kinds, int32(t.kind))
	}
	f.set("tokenizer.ggml.model", "llama")
	f.set("tokenizer.ggml.pre", "default")
	f.set("tokenizer.ggml.tokens", texts)
	f.set("tokenizer.ggml.scores", scores)
	f.set("tokenizer.ggml.token_type", kinds)
	f.set("tokenizer.ggml.unknown_token_id", 0)
	f.set("tokenizer.ggml.bos_token_id", 1)
	f.set("tokenizer.ggml.eos_token_id", 2)
	f.set("tokenizer.ggml.add_bos_token", true)
	f.set("tokenizer.ggml.add_eos_token", false)
}

func (f *file) weights(s *stream, tokens []token, output []float32) {
	normal := make([]float32, s.width)
	for i := range normal {
		normal[i] = norm(s.width)
	}
	f.tensor("token_embd.weight", s.width, s.embed(tokens))
	for i, h := range [layers][heads]head{s.layer1(), s.layer2(), s.layer3()} {
		l, inner := compile(h, s.width), heads*headWidth
		name := func(part string) string { return fmt.Sprintf("blk.%d.%s.weight", i, part) }
		f.tensor(name("attn_norm"), s.width, normal)
		f.tensor(name("attn_q"), s.width, l.q)
		f.tensor(name("attn_k"), s.width, l.k)
		f.tensor(name("attn_v"), s.width, l.v)
		f.tensor(name("attn_output"), inner, l.out)
		f.tensor(name("ffn_norm"), s.width, normal)
		f.tensor(name("ffn_gate"), s.width, make([]float32, feedWidth*s.width))
		f.tensor(name("ffn_up"), s.width, make([]float32, feedWidth*s.width))
		f.tensor(name("ffn_down"), feedWidth, make([]float32, s.width*feedWidth))
	}
	f.tensor("output_norm.weight", s.width, normal)
	f.tensor("output.weight", s.width, output)
}
