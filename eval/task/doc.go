// Package task holds the tasks of the paper by name: instruction, labels, passages, metrics,
// and the options of an engine, with the settings of the paper or of the released scripts
// (AkariAsai/self-rag at commit 1fcdc42).
//
//	arc, err := task.Get("arc", task.Paper)
//	engine, err := selfrag.New(model, dataset.Own(), arc.Options()...)
//	for item, err := range dataset.Items("arc_challenge_processed.jsonl", arc.Layout, dataset.Options{}) {
//		question, err := arc.Question(item)
//		answer, err := engine.Answer(dataset.Carry(ctx, item), question)
//		value, err := arc.Score(arc.Metrics[0], answer.Text, item)
//	}
package task
