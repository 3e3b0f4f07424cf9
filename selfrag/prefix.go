package selfrag

import (
	"context"
	"iter"
	"sync"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
)

// longPrefix is the length in bytes, some 250 tokens, from which candidates wait
// for the first of a segment to read their shared prefix. Reading a shorter one
// several times is faster than two calls in a row.
const longPrefix = 1000

// cold reports whether a server that shares prefixes has yet to read the long
// prefix of these jobs. It has read it after the first segment, and after a
// decision call, whose prompt is the prefix alone.
func (l *live) cold(paths []*path, jobs []job) bool {
	if !l.trace.Model.SharedPrefix || len(jobs) < 2 || len(paths[0].steps) > 0 {
		return false
	}
	asked := jobs[0].expansion.Decision.Usage.Calls > 0 && l.decider == critique.Decider(l.engine.tokens)
	p := l.instruction.Prompt(l.question)
	return !asked && len(p.Instruction)+len(p.Input) >= longPrefix
}

// afterFirst returns a function that does the parts of a wave, number 0 first: the
// others wait until number 0 calls started or returns. Their started is nil.
func afterFirst(do func(ctx context.Context, i int, emit func(Event), started func()) error) func(context.Context, int, func(Event)) error {
	begun := make(chan struct{})
	started := sync.OnceFunc(func() { close(begun) })
	return func(ctx context.Context, i int, emit func(Event)) error {
		if i == 0 {
			defer started()
			return do(ctx, i, emit, started)
		}
		<-begun
		return do(ctx, i, emit, nil)
	}
}

// onFirst passes a stream on and calls f at the first step.
func onFirst(seq iter.Seq2[generator.Step, error], f func()) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		for s, err := range seq {
			f()
			if !yield(s, err) {
				return
			}
		}
	}
}
