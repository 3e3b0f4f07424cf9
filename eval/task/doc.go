// Package task holds the tasks of the paper by name: instruction, labels, passages, metrics,
// and the options of an engine, with the settings of the paper or of the released scripts.
//
//	t, err := task.Get("arc", task.Paper)
//	for item, err := range dataset.Items("arc_challenge_processed.jsonl", t.Layout, dataset.Options{}) {
//		engine, err := selfrag.New(model, retriever.List(item.Passages...), t.Options()...)
//		question, err := t.Question(item)
//		answer, err := engine.Answer(ctx, question)
//		value, err := t.Score(t.Metrics[0], answer.Text, item)
//	}
package task
