// Package label makes the data that a critic of Self-RAG is trained on: a judge, which can
// be any model, labels questions, passages and answers.
//
//	j, err := judge.New(model, judge.Templates{})
//	memory, err := label.Remember(j, "labels.memory", "the name of the model")
//	labels, err := label.Run(ctx, memory, records, label.Options{})
//	train, dev := label.Split(labels, label.PublishedDev, 1)
//
// Package judge is critique/judge. The records come from [Records], which searches passages
// for questions with answers, or from a file of training.JudgeRecord. [Labeled.Critic] makes
// a line of the training file of each label.
//
// # What is asked
//
// Each [Task] is a question about one record, with a label of one group: whether to retrieve
// before an answer and before one of its later sentences (Retrieve), whether a passage is
// relevant (IsREL), how far it supports a sentence (IsSUP), how useful an answer is (IsUSE).
// A [Source] answers. It is a judge, any critic and decider by [Of], a file of labels by
// [Known], or several of these by [ByGroup]; [Redrawn] makes a source worse, and [Remember]
// asks it nothing twice.
//
// # Guarantees
//
// A reply that cannot be read neither stops a run nor vanishes: it is in the result, with
// the reason, as [Labeled.Rejected] tells. With a [Memory], a run that was broken off asks
// only for what is missing, and ends with the same labels. They are in the order of the
// records, whatever the concurrency. No question is in both parts of [Split].
package label
