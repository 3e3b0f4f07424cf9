package main

import (
	"context"
	"hash/maphash"
	"iter"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// host is the server of a model: its behavior, and the capabilities that it reports.
type host struct {
	name   string
	say    func(*generator.Capabilities)
	runsOn bool // it generates whether its stream is read or not
	caches bool // it caches prompts in blocks, for all requests
}

// block is the number of tokens that are cached together, as vLLM does.
const block = 16

// inProcess generates only while its stream is read, and caches nothing.
var inProcess = host{name: "in process"}

// hosts are the ways in which a candidate can wait on a server. Some report wrong
// capabilities, to make the engine choose another way.
var hosts = []host{
	inProcess,
	{"server: streams held open", func(c *generator.Capabilities) { c.Paced = true }, true, true},
	{"server: cut, goes on", func(c *generator.Capabilities) { c.Paced, c.SharedPrefix = false, true }, true, true},
	{"server: cut, begins anew", func(c *generator.Capabilities) { c.Paced, c.SharedPrefix, c.Resumes = false, true, false }, true, true},
	{"server without cache: cut", func(c *generator.Capabilities) { c.Paced, c.SharedPrefix = false, true }, true, false},
}

// meter counts the work of a host for one question. It is used by one goroutine.
type meter struct {
	generator.Generator
	host
	seen   [][]uint64          // prompts and what was generated, as words
	words  map[string][]uint64 // of texts, so that each is cut once
	tokens float64
	prompt float64 // tokens of prompts that were read
	calls  float64
}

func newMeter(g generator.Generator, h host) *meter {
	return &meter{Generator: g, host: h, words: make(map[string][]uint64)}
}

// Describe implements [generator.Describer].
func (m *meter) Describe(ctx context.Context) (generator.Capabilities, error) {
	c, err := generator.Describe(ctx, m.Generator)
	if m.say != nil {
		m.say(&c)
	}
	return c, err
}

// Generate implements [generator.Generator].
func (m *meter) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		m.calls++
		line := m.countPrompt(req.Prompt)
		at, broken := len(m.seen), false
		if m.caches {
			m.seen = append(m.seen, line)
		}
		for s, err := range m.Generator.Generate(ctx, req) {
			if err != nil {
				yield(s, err)
				return
			}
			if s.Finish == generator.Running || s.Finish == generator.FinishEnd {
				m.tokens++
			}
			if s.Finish == generator.Running && m.caches {
				m.seen[at] = append(m.seen[at], m.token(s.Token, s.Text)...)
			}
			if broken = broken || !yield(s, nil); broken && !m.runsOn {
				return
			}
		}
	}
}

// countPrompt counts the tokens of a prompt that have to be read, and returns them all.
func (m *meter) countPrompt(p generator.Prompt) []uint64 {
	line := slices.Concat(m.wordsOf(p.Instruction), m.wordsOf(p.Input))
	evidence := func(list []generator.Evidence) {
		for _, e := range list {
			line = slices.Concat(line, m.token(reflection.ParagraphStart, ""), m.wordsOf(e.Title), m.wordsOf(e.Text), m.token(reflection.ParagraphEnd, ""))
		}
	}
	for _, s := range p.Path {
		evidence(s.Evidence)
		line = slices.Concat(line, m.token(s.Relevance, ""), m.wordsOf(s.Text), m.token(s.Support, ""), m.token(s.Utility, ""))
	}
	evidence(p.Evidence)
	line = append(line, m.token(p.Relevance, "")...)
	cached := 0
	for _, other := range m.seen {
		n := 0
		for n < min(len(line), len(other)) && line[n] == other[n] {
			n++
		}
		cached = max(cached, n/block*block)
	}
	m.prompt += float64(len(line) - min(cached, len(line)-1)) // one is always read
	return line
}

var seed = maphash.MakeSeed()

// wordsOf returns the words of a text, which are counted as its tokens.
func (m *meter) wordsOf(text string) []uint64 {
	words, ok := m.words[text]
	if !ok {
		for _, w := range strings.Fields(text) {
			words = append(words, maphash.String(seed, w))
		}
		m.words[text] = words
	}
	return words
}

// token returns a control token, or the words of a text; nothing if there is none.
func (m *meter) token(t reflection.Token, text string) []uint64 {
	if t != reflection.None {
		return []uint64{uint64(t)}
	}
	return m.wordsOf(text)
}
