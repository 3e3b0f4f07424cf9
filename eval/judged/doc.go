// Package judged measures long answers that have no short gold answers: a model judges their
// statements and passages, one question a call.
//
//	judge, err := judged.New(model, judged.Options{})
//	…
//	verdicts, err := judge.Faithfulness(ctx, sentences, passages)
//	…
//	value, known := verdicts.Value() // the share of supported statements, and of how many
//
// [Judge.Faithfulness], [Judge.Correctness], [Judge.ContextPrecision] and
// [Judge.ContextRecall] give verdicts. If the model gives no verdict, or one that cannot be
// read, the verdict is [Unknown]. It is counted and left out of all figures. A judge is a
// model and errs. Let people label some of the same statements, and print Cohen's κ, which
// [Agree] returns, beside every figure.
package judged
