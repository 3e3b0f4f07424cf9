package selfrag

import (
	"context"
	"iter"
	"sync"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
)

// longPrefix is the length, in bytes, from which the prefix that the candidates of
// a segment share is worth a wait: some 250 tokens. Reading fewer several times
// takes less than one call after another.
const longPrefix = 1000

// cold reports whether a server that shares prefixes has not read the long one of
// these jobs. After the first segment it has, and after a decision of its own,
// which is asked for with the prefix and nothing else.
func (l *live) cold(paths []*path, jobs []job) bool {
	if !l.trace.Model.SharedPrefix || len(jobs) < 2 || len(paths[0].steps) > 0 {
		return false
	}
	asked := jobs[0].expansion.Decision.Usage.Calls > 0 && l.decider == critique.Decider(l.engine.tokens)
	p := l.instruction.Prompt(l.question)
	return !asked && len(p.Instruction)+len(p.Input) >= longPrefix
}

// afterFirst returns what does the parts of a wave so that number 0 goes first: the others
// wait until it has called started, or returned. For them started is nil.
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

// onFirst passes a stream on and calls f when the first step has come.
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
