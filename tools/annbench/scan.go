package main

import (
	"context"
	"fmt"

	"github.com/goselfrag/goselfrag/tools/internal/annset"
)

// scan compares the flat index with chromem-go, which both look at every vector, under
// the one metric that chromem-go has.
func (b *bench) scan(ctx context.Context) error {
	set, err := b.w.set.WithMetric(annset.Cosine)
	if err != nil {
		return err
	}
	set.Queries = set.Queries.First(entries["chromem"].queries)
	truth, err := annset.Exact(ctx, set, b.k)
	if err != nil {
		return err
	}
	w := *b.w
	w.set = set
	inner := &bench{config: b.config, w: &w, truth: truth, out: b.out, stderr: b.stderr}
	if err := inner.open(ctx, []string{"flat", "chromem"}); err != nil {
		return err
	}
	if err := inner.searchAll(ctx); err != nil {
		return err
	}
	flat, them := inner.subject("flat"), inner.subject("chromem")
	for _, s := range inner.subjects {
		c := s.curves[0]
		if err := b.out.figure(rounds("scan", "qps", s.name, "", "qps", c.qps, fmt.Sprintf("recall %.4f", c.recall))); err != nil {
			return err
		}
	}
	ratio := make([]float64, b.rounds)
	for r := range ratio {
		ratio[r] = flat.curves[0].qps[r] / them.curves[0].qps[r]
	}
	return b.out.figure(rounds("scan", "qps", flat.name, them.name, "ratio", ratio, ""))
}
