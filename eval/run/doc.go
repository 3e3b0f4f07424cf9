// Package run asks systems many questions and keeps what they answer in a folder, so that a
// run can be broken off, resumed, compared with another one and swept over other settings
// without asking a model again.
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
// [Compare] pairs questions and claims a difference only where an interval that holds for all
// comparisons of the call at once does not hold 0, and only with [metric.MinClusters] groups
// of questions.
//
// # Cost
//
// A [Meter] around a model bounds and counts what is really asked. Put it below a recording
// ([record.Tape]): replayed calls then cost nothing.
//
// [record.Tape]: https://pkg.go.dev/github.com/goselfrag/goselfrag/generator/record#Tape
package run
