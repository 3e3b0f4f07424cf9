// Package judged measures long answers that have no short gold answers: a model judges their
// statements and passages, one question a call.
//
// [Judge.Faithfulness], [Judge.Correctness], [Judge.ContextPrecision] and
// [Judge.ContextRecall] give verdicts. A verdict that the model does not give, or that cannot
// be read, is [Unknown]: it is counted and is in no figure. A judge is a model and errs: let
// people label some of the same statements, and print κ of [Agree] beside every figure.
package judged
