// Package run asks systems many questions and keeps what they answer in a folder, so that a
// run can be interrupted and resumed, compared with another run, and answered again under
// other settings from its traces, without asking a model again.
//
//	results, err := run.Do(ctx, "results", []run.Part{{Name: "selfrag", Questions: questions, Answer: answer}}, run.Options{})
//	before, err := run.Read("testdata/baseline")
//	list, err := run.Compare(before, results, run.CompareOptions{})
//	for _, c := range list {
//		if c.Worse() {
//			t.Error(c)
//		}
//	}
//
// # The folder
//
// results.jsonl holds a line with what the run is, and a line for each question of each part
// (a [Record]). traces.jsonl holds the trace of each line, times.jsonl how long it took. The
// lines are in the order of parts and questions at any concurrency. A run that was killed and
// resumed ends with the same bytes in results.jsonl and traces.jsonl as one that was not, if
// the systems answer alike. Times differ, and so they are in a file of their own.
//
// # What a comparison claims
//
// [Compare] pairs questions and claims a difference only if its interval does not contain 0
// and there are at least [metric.MinClusters] groups of questions. The intervals of one call
// hold for all its comparisons at once.
//
// # Cost
//
// A [Meter] around a model bounds and counts the calls that reach the model. Put it below a
// recording ([record.Tape]): replayed calls then cost nothing.
//
// [record.Tape]: https://pkg.go.dev/github.com/goselfrag/goselfrag/generator/record#Tape
package run
