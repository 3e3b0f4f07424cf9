// Service answers questions over a folder behind HTTP, with a filter for each request, a
// budget and a deadline.
//
//	go run ./examples/service docs
//	curl -G localhost:8080 -d 'q=Where do scores come from?' -d 'filter=format = "md"'
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Handler answers GET /?q=QUESTION&filter=FILTER. It is safe for concurrent use.
type Handler struct {
	Engine  *selfrag.Engine
	Timeout time.Duration
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var options []selfrag.Option // of this request alone
	if text := r.FormValue("filter"); text != "" {
		only, err := filter.Parse(text)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		options = append(options, selfrag.WithFilter(only))
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.Timeout)
	defer cancel()
	answer, err := h.Engine.Answer(ctx, r.FormValue("q"), options...)
	if err != nil {
		http.Error(w, err.Error(), status(err))
		return
	}
	sources := []string{}
	for _, c := range answer.Citations {
		sources = append(sources, c.Passage.ID)
	}
	w.Header().Set("Content-Type", "application/json")
	result := map[string]any{"text": answer.Cited(), "stop": answer.Stop, "sources": sources}
	_ = json.NewEncoder(w).Encode(result) // the client may have gone
}

// status tells whose fault an error is.
func status(err error) int {
	switch {
	case errors.Is(err, selfrag.ErrQuestion):
		return http.StatusBadRequest
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.Is(err, budget.ErrExceeded):
		return http.StatusServiceUnavailable
	}
	return http.StatusBadGateway
}

func newEngine(model generator.Generator, r retriever.Retriever) (*selfrag.Engine, error) {
	return selfrag.New(model, r,
		selfrag.WithBudget(budget.Limits{Calls: 20, Tokens: 4000}),
		selfrag.WithAbstention(extractive.AbstainBelow, "The documents do not say."))
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: service DIR")
	}
	ctx := context.Background()
	docs, err := ingest.Dir(ctx, os.Args[1], ingest.Options{}) // docs.Skipped names what could not be read
	fatal(err)
	p, err := pipeline.Parse("lexical | rerank depth=20") // as a configuration file may say
	fatal(err)
	index, err := pipeline.NewCorpus(pipeline.Env{}, docs.Passages).Build(ctx, p)
	fatal(err)
	engine, err := newEngine(extractive.New(), index)
	fatal(err)
	server := http.Server{Addr: "localhost:8080", Handler: &Handler{engine, 10 * time.Second}, ReadHeaderTimeout: 5 * time.Second}
	fatal(server.ListenAndServe())
}

func fatal(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
