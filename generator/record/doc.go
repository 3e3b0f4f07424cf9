// Package record keeps what a model said in a file, so that the same calls cost nothing the
// next time: for evaluations that are run again, and for tests without a model.
//
//	tape, err := record.Open("calls.jsonl", record.Options{})
//	defer tape.Close()
//	model = tape.Wrap(model, "vllm selfrag_llama2_7b")
//
// # What is recorded
//
// Whole streams of Generate and the results of all powers but Check, each under a key: the
// name that [Tape.Wrap] got, the request without Affinity, and the arguments of the power.
// An error is not recorded, except that a model lacks a power. A stream that its reader
// leaves early is not recorded either, and is asked again.
//
// # What the name must say
//
// The tape cannot see a new model behind an old address, nor another prompt template in the
// code. Put what identifies both into the name, or begin a new file.
//
// # The file
//
// JSON lines, which are only appended. A last line that is not whole, which a killed process
// leaves, is cut off. The results stay in the file: the memory of a tape is some 100 bytes a
// call. One process at a time may write to a file.
package record
