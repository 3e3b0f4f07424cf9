// Service answers questions over a folder behind HTTP. Each folder in it is a tenant, who sees
// nothing of the others. What was read is in a store: a restart reads only what changed.
//
//	go run ./examples/service data files
//	curl -G localhost:8080 -H 'Tenant: acme' --data-urlencode 'q=How do I stop the machine?'
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/ingest/foldersync"
	"github.com/goselfrag/goselfrag/retriever/store"
	"github.com/goselfrag/goselfrag/selfrag"
)

// handler answers GET /?q=QUESTION&filter=FILTER.
func handler(s *store.Store, model generator.Generator) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tenant := r.Header.Get("Tenant") // set by what authenticates, never by the client
		own, err := s.Scope(filter.Prefix{Field: "path", Prefix: tenant + "/"})
		if tenant == "" || err != nil {
			http.Error(w, "no tenant", http.StatusUnauthorized)
			return
		}
		only, err := filter.Parse(cmp.Or(r.FormValue("filter"), "true"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		answer := new(selfrag.Answer)
		engine, err := selfrag.New(model, own, selfrag.WithFilter(only), selfrag.WithBudget(budget.Limits{Calls: 20, Tokens: 4000}),
			selfrag.WithAbstention(extractive.AbstainBelow, "The documents do not say."))
		if err == nil {
			answer, err = engine.Answer(ctx, r.FormValue("q"))
		}
		if err != nil {
			http.Error(w, err.Error(), status(err))
			return
		}
		sources := []string{}
		for _, c := range answer.Citations {
			sources = append(sources, c.Passage.ID)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"text": answer.Cited(), "stop": answer.Stop, "sources": sources}) // the client may have gone
	}
}

// status tells whose fault an error is.
func status(err error) int {
	switch {
	case errors.Is(err, selfrag.ErrQuestion):
		return http.StatusBadRequest
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.Is(err, budget.ErrExceeded), errors.Is(err, store.ErrClosed):
		return http.StatusServiceUnavailable
	}
	return http.StatusBadGateway
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: service STORE DIR")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s, err := store.Open(ctx, os.Args[1], store.Options{})
	if err != nil {
		log.Fatal(err)
	}
	server := http.Server{Addr: "localhost:8080", Handler: handler(s, extractive.New()), ReadHeaderTimeout: 5 * time.Second}
	go func() { log.Print(server.ListenAndServe()); stop() }() // answers from what is there already
	for tick := time.Tick(time.Minute); ctx.Err() == nil; {
		if _, err := foldersync.Sync(ctx, s, os.Args[2], foldersync.Options{}); err != nil {
			log.Print(err) // the next sync goes on where this one ended
		}
		select {
		case <-tick:
		case <-ctx.Done():
		}
	}
	log.Print("closed: ", errors.Join(server.Close(), s.Close()))
}
