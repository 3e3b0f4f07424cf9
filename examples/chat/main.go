// Chat answers a question over a folder with a chat model behind an API like OpenAI's.
// The model has never seen a reflection token: it judges its own text as it is asked to.
//
//	CHAT_API_KEY=... go run ./examples/chat https://api.openai.com gpt-4.1-mini docs "What does a filter do?"
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/chat"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/selfrag"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal(`usage: chat URL MODEL DIR "question"`)
	}
	server := modelserver.Config{
		URLs:   []string{os.Args[1]},
		Model:  os.Args[2],
		APIKey: modelserver.NewKey(os.Getenv("CHAT_API_KEY")),
	}
	if err := answer(context.Background(), os.Stdout, server, os.Args[3], os.Args[4]); err != nil {
		log.Fatal(err)
	}
}

func answer(ctx context.Context, w io.Writer, server modelserver.Config, dir, question string) error {
	// With log-probabilities a judgment is a distribution. Leave TopLogProbs out for a
	// server that gives none: a judgment is then one label.
	model, err := chat.New(chat.Config{Server: server, TopLogProbs: 20})
	if err != nil {
		return err
	}
	if err := generator.Check(ctx, model); err != nil { // one call, before the folder is read
		return err
	}
	j, err := judge.New(model, judge.Templates{})
	if err != nil {
		return err
	}
	docs, err := ingest.Dir(ctx, dir, ingest.Options{})
	if err != nil {
		return err
	}
	index, err := lexical.New(ctx, docs.Passages, lexical.Options{})
	if err != nil {
		return err
	}
	engine, err := selfrag.New(model, index,
		selfrag.WithCritic(j), selfrag.WithDecider(j),
		selfrag.WithLongForm(2, 5), // several sentences, each with a citation
		selfrag.WithBudget(budget.Limits{Calls: 200}),
	)
	if err != nil {
		return err
	}
	a, err := engine.Answer(ctx, question)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, a)
	for _, s := range a.Segments {
		fmt.Fprintf(w, "%s: IsREL %.2f, IsSUP %.2f, IsUSE %.2f\n", s.Text, s.Terms.Relevance.Value, s.Terms.Support.Value, s.Terms.Utility.Value)
	}
	fmt.Fprintf(w, "judged by %v with %d calls\n", a.Level, a.Usage.Calls)
	return nil
}
