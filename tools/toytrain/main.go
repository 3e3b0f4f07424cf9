// Toytrain trains the model of package toymodel on Self-RAG data, as far as that takes no
// trainer: it fits the last matrix, a row for each token, to the hidden states of the
// model, which do not change. The rows of the 15 control tokens begin as the mean of the
// others.
//
//	go -C tools run ./toytrain [-o toy.gguf] [-data toy.jsonl] [-mask passages|marks|released]
//
// The records are made up of the words that the model knows. It prints how many tokens
// have a loss, the loss, and how many of the records that were not trained on the trained
// model continues as they are. Equal flags give equal bytes.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/atomicfile"
	"github.com/goselfrag/goselfrag/tools/internal/toymodel"
	"github.com/goselfrag/goselfrag/tools/internal/toymodel/oracle"
	"github.com/goselfrag/goselfrag/training"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program. It returns the exit code: 1 if it failed, 2 if it was called
// the wrong way.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	set := flag.NewFlagSet("toytrain", flag.ContinueOnError)
	set.SetOutput(errs)
	model := set.String("o", "", "where to write the trained model; nowhere if empty")
	data := set.String("data", "", "where to write the records to train on; nowhere if empty")
	var kind training.MaskKind
	set.TextVar(&kind, "mask", training.MaskPassages, "what has no loss: passages, marks or released")
	if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if set.NArg() > 0 {
		fmt.Fprintf(errs, "toytrain: %q is not a flag: all arguments are flags\n", set.Arg(0))
		return 2
	}
	if err := train(ctx, *model, *data, kind, out); err != nil {
		fmt.Fprintf(errs, "toytrain: %v\n", err)
		return 1
	}
	return 0
}

const epochs = 15

func train(ctx context.Context, model, data string, kind training.MaskKind, out io.Writer) error {
	list, held := records()
	list, err := masked(list, kind)
	if err != nil {
		return err
	}
	if data != "" {
		if err := atomicfile.Write(data, func(f *os.File) error { return write(f, list) }); err != nil {
			return err
		}
	}
	b, err := base()
	if err != nil {
		return err
	}
	positions, err := b.allPositions(list)
	if err != nil {
		return err
	}
	loss := 0
	for _, p := range positions {
		if p.loss {
			loss++
		}
	}
	fmt.Fprintf(out, "%d records, mask %s: %d tokens with loss, %d without\n", len(list), kind, loss, len(positions)-loss)
	h := untrained(b.file)
	losses, err := h.fit(ctx, positions, epochs)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "loss in the first epoch %.4f, in epoch %d %.4f\n", losses[0], len(losses), losses[len(losses)-1])
	var file bytes.Buffer
	if err := toymodel.WriteOutput(&file, toymodel.UserDefined, h.float32s()); err != nil {
		return err
	}
	trained, err := oracle.Load(file.Bytes())
	if err != nil {
		return err
	}
	right := 0
	for _, r := range held {
		ok, err := continues(trained, r)
		if err != nil {
			return err
		}
		if ok {
			right++
		}
	}
	fmt.Fprintf(out, "%d of %d other records are continued as they are\n", right, len(held))
	if model == "" {
		return nil
	}
	return atomicfile.Write(model, func(f *os.File) error { _, err := f.Write(file.Bytes()); return err })
}

func write(w io.Writer, list []training.Record) error {
	out := training.NewWriter(w)
	for _, r := range list {
		if err := out.Write(r); err != nil {
			return err
		}
	}
	return nil
}

// toy is the model before it is trained.
type toy struct {
	model *oracle.Model
	file  *oracle.File
}

func base() (b toy, err error) {
	var file bytes.Buffer
	if err := toymodel.Write(&file, toymodel.UserDefined); err != nil {
		return toy{}, err
	}
	if b.file, err = oracle.Read(file.Bytes()); err != nil {
		return toy{}, err
	}
	b.model, err = oracle.Load(file.Bytes())
	return b, err
}

func (b toy) allPositions(list []training.Record) ([]position, error) {
	var all []position
	for _, r := range list {
		positions, err := targetPositions(b.model, r)
		if err != nil {
			return nil, err
		}
		all = append(all, positions...)
	}
	return all, nil
}

// continues reports whether a model writes the output of a record up to its first passage,
// and from the end of each passage to the next one or the end, if it is given what comes
// before.
func continues(m *oracle.Model, r training.Record) (bool, error) {
	prompt, err := generator.SelfRAGTemplate{}.Render(generator.Prompt{Instruction: r.Instruction})
	if err != nil {
		return false, err
	}
	spans, err := training.Mask(r.Output, training.MaskMarks)
	if err != nil {
		return false, err
	}
	at := 0
	for _, s := range spans {
		if !says(m, prompt+r.Output[:at], m.Tokens(r.Output[at:s.Bytes[0]])[1:]) {
			return false, nil
		}
		at = s.Bytes[1]
	}
	return says(m, prompt+r.Output[:at], append(m.Tokens(r.Output[at:])[1:], m.End)), nil
}

// says reports whether the likeliest continuation of a prompt begins with some tokens.
func says(m *oracle.Model, prompt string, ids []int) bool {
	s := m.Start(prompt)
	for _, id := range ids {
		if s.Greedy() != id {
			return false
		}
		s.Append(id)
	}
	return true
}
