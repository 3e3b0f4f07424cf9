package oracle

import (
	"fmt"
	"math"
)

// Model computes the probabilities of a Llama model. Make one with [Load].
type Model struct {
	names  []string
	scores []float64
	kinds  []int
	ids    map[string]int
	start  int
	// End is the id of the end token.
	End int

	embed, norm   Tensor
	unembed       matrix
	layers        []layer
	heads, width  int // of the heads
	epsilon, base float64
}

type layer struct {
	norm           Tensor
	q, k, v, out   matrix
	feedNorm       Tensor
	gate, up, down matrix
}

// matrix holds what is not zero of a matrix, which is little here, row by row.
type matrix [][]entry

type entry struct {
	column int
	value  float64
}

func newMatrix(t Tensor) matrix {
	m := make(matrix, t.Rows)
	for i := range m {
		for j, v := range t.Data[i*t.Width : (i+1)*t.Width] {
			if v != 0 {
				m[i] = append(m[i], entry{j, float64(v)})
			}
		}
	}
	return m
}

// Load reads a model file: Llama, a SentencePiece vocabulary, as many heads for
// keys as for queries.
func Load(b []byte) (*Model, error) {
	f, err := Read(b)
	if err != nil {
		return nil, err
	}
	m := &Model{ids: map[string]int{}}
	var missing error
	number := func(key string) float64 {
		v, ok := f.Meta[key].(float64)
		if !ok && missing == nil {
			missing = fmt.Errorf("%w: no number %s", ErrFile, key)
		}
		return v
	}
	tensor := func(name string) Tensor {
		t, ok := f.Tensors[name+".weight"]
		if !ok && missing == nil {
			missing = fmt.Errorf("%w: no tensor %s", ErrFile, name)
		}
		return t
	}
	m.heads, m.width = int(number("llama.attention.head_count")), int(number("llama.attention.key_length"))
	m.epsilon, m.base = number("llama.attention.layer_norm_rms_epsilon"), number("llama.rope.freq_base")
	m.start, m.End = int(number("tokenizer.ggml.bos_token_id")), int(number("tokenizer.ggml.eos_token_id"))
	m.embed, m.norm, m.unembed = tensor("token_embd"), tensor("output_norm"), newMatrix(tensor("output"))
	for i := range int(number("llama.block_count")) {
		vector := func(name string) Tensor { return tensor(fmt.Sprintf("blk.%d.%s", i, name)) }
		part := func(name string) matrix { return newMatrix(vector(name)) }
		m.layers = append(m.layers, layer{
			vector("attn_norm"), part("attn_q"), part("attn_k"), part("attn_v"), part("attn_output"),
			vector("ffn_norm"), part("ffn_gate"), part("ffn_up"), part("ffn_down"),
		})
	}
	names, _ := f.Meta["tokenizer.ggml.tokens"].([]any)
	scores, _ := f.Meta["tokenizer.ggml.scores"].([]any)
	kinds, _ := f.Meta["tokenizer.ggml.token_type"].([]any)
	if missing == nil && (len(names) != m.embed.Rows || len(scores) != len(names) || len(kinds) != len(names)) {
		missing = fmt.Errorf("%w: %d names, %d scores, %d types for %d tokens", ErrFile, len(names), len(scores), len(kinds), m.embed.Rows)
	}
	if missing != nil {
		return nil, missing
	}
	for i := range names {
		name, isText := names[i].(string)
		score, isNumber := scores[i].(float64)
		kind, isKind := kinds[i].(float64)
		if !isText || !isNumber || !isKind {
			return nil, fmt.Errorf("%w: token %d is %v with score %v and type %v", ErrFile, i, names[i], scores[i], kinds[i])
		}
		m.names, m.scores, m.kinds = append(m.names, name), append(m.scores, score), append(m.kinds, int(kind))
		m.ids[name] = i
	}
	return m, nil
}

// State is what the model keeps of the tokens read so far.
type State struct {
	model        *Model
	keys, values [][][]float64 // by layer and position
	last         []float64     // the stream after the last token
}

// Start returns the state after a text.
func (m *Model) Start(text string) *State {
	s := &State{model: m, keys: make([][][]float64, len(m.layers)), values: make([][][]float64, len(m.layers))}
	for _, id := range m.Tokens(text) {
		s.Append(id)
	}
	return s
}

// Append reads one more token.
func (s *State) Append(id int) {
	m := s.model
	x := row(m.embed, id)
	position := len(s.keys[0])
	for i, l := range m.layers {
		h := m.normed(l.norm, x)
		q, k := m.rotate(apply(l.q, h), position), m.rotate(apply(l.k, h), position)
		s.keys[i] = append(s.keys[i], halves(k))
		s.values[i] = append(s.values[i], halves(apply(l.v, h)))
		add(x, apply(l.out, m.attend(halves(q), s.keys[i], s.values[i])))

		h = m.normed(l.feedNorm, x)
		gate, up := apply(l.gate, h), apply(l.up, h)
		for j, g := range gate {
			up[j] *= g / (1 + math.Exp(-g))
		}
		add(x, apply(l.down, up))
	}
	s.last = x
}

// Hidden returns the stream after the last token, normed. Up to its length it is the
// embedding of the text that a server returns.
func (s *State) Hidden() []float64 { return s.model.normed(s.model.norm, s.last) }

// LogProbs returns the log-probabilities of all tokens to come next.
func (s *State) LogProbs() []float64 {
	logits := apply(s.model.unembed, s.Hidden())
	most, sum := math.Inf(-1), 0.0
	for _, l := range logits {
		most = max(most, l)
	}
	for _, l := range logits {
		sum += math.Exp(l - most)
	}
	for i := range logits {
		logits[i] -= most + math.Log(sum)
	}
	return logits
}

// Greedy returns the likeliest token, the first of equal ones.
func (s *State) Greedy() int {
	best, logs := 0, s.LogProbs()
	for id, l := range logs {
		if l > logs[best] {
			best = id
		}
	}
	return best
}

// attend is the attention of all heads, one after the other.
func (m *Model) attend(q []float64, keys, values [][]float64) []float64 {
	out := make([]float64, len(q))
	for head := range m.heads {
		from, to := head*m.width, (head+1)*m.width
		scores := make([]float64, len(keys))
		most, sum := math.Inf(-1), 0.0
		for i, k := range keys {
			scores[i] = dot(q[from:to], k[from:to]) / math.Sqrt(float64(m.width))
			most = max(most, scores[i])
		}
		for i := range scores {
			scores[i] = math.Exp(scores[i] - most)
			sum += scores[i]
		}
		for i, v := range values {
			for j := from; j < to; j++ {
				out[j] += half(scores[i]/sum) * v[j]
			}
		}
	}
	return out
}

// rotate is the rotary position embedding of every head: pair i turns by
// base^(-2i/width) a position.
func (m *Model) rotate(x []float64, position int) []float64 {
	for head := range m.heads {
		for i := 0; i < m.width; i += 2 {
			angle := float64(position) * math.Pow(m.base, -float64(i)/float64(m.width))
			sin, cos := math.Sincos(angle)
			at := head*m.width + i
			x[at], x[at+1] = x[at]*cos-x[at+1]*sin, x[at]*sin+x[at+1]*cos
		}
	}
	return x
}

// normed divides by the root mean square and multiplies by the weights.
func (m *Model) normed(weights Tensor, x []float64) []float64 {
	root := math.Sqrt(dot(x, x)/float64(len(x)) + m.epsilon)
	out := make([]float64, len(x))
	for i := range x {
		out[i] = x[i] / root * float64(weights.Data[i])
	}
	return out
}

func row(t Tensor, i int) []float64 {
	out := make([]float64, t.Width)
	for j := range out {
		out[j] = float64(t.Data[i*t.Width+j])
	}
	return out
}

// apply multiplies a matrix by a vector.
func apply(m matrix, x []float64) []float64 {
	out := make([]float64, len(m))
	for i, row := range m {
		for _, e := range row {
			out[i] += e.value * x[e.column]
		}
	}
	return out
}

func add(x, y []float64) {
	for i := range x {
		x[i] += y[i]
	}
}

func dot(x, y []float64) float64 {
	sum := 0.0
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}

func halves(x []float64) []float64 {
	for i := range x {
		x[i] = half(x[i])
	}
	return x
}

// half rounds to half precision, in which servers keep keys and values, and in
// which they multiply them. The numbers here are far from its limits: steps of
// 2^-24 below 2^-14, and 65504 at the other end.
func half(x float64) float64 {
	_, exp := math.Frexp(x)
	step := math.Ldexp(1, max(exp-11, -24))
	return math.RoundToEven(x/step) * step
}
