// Package connect turns the URLs of the command line into models: the one place
// where the example programs name the families of servers.
package connect

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/chat"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/llamacpp"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/generator/sglang"
	"github.com/goselfrag/goselfrag/generator/vllm"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/openai"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/selfrag"
)

// GeneratorKey is the environment variable with the API key of the generator's
// server. A key never stands in a URL: URLs get into histories and logs.
const GeneratorKey = "GOSELFRAG_GENERATOR_KEY"

// Usage says how a URL of a generator is written.
const Usage = "FAMILY+http://HOST:PORT/MODEL or FAMILY+https://…, where FAMILY is one of vllm, sglang, llamacpp, ollama, completions and chat, " +
	"or completions-labels or chat-labels for a server that tells no probabilities; an API key is read from " + GeneratorKey + "; empty is the embedded model"

// EmbeddingsKey is the environment variable with the API key of the embeddings'
// server.
const EmbeddingsKey = "GOSELFRAG_EMBEDDINGS_KEY"

// EmbeddingsUsage says how a URL of an embedding model is written.
const EmbeddingsUsage = "http://HOST:PORT/MODEL or https://… of a server with /v1/embeddings: search by meaning as well as by words; " +
	"an API key is read from " + EmbeddingsKey

// ErrURL is wrapped by errors about a URL that does not say which model to use.
var ErrURL = errors.New("bad URL")

// Model is a generator and what the engine needs beside it.
type Model struct {
	Generator generator.Generator
	// Family is the name of the server's family, empty for the embedded model.
	Family string
	// Options are to be given to the engine, before those of the user.
	Options []selfrag.Option
}

// families makes a model of each family.
var families = map[string]func(modelserver.Config) (Model, error){
	"vllm":        family(vllm.New, true),
	"sglang":      family(sglang.New, true),
	"llamacpp":    family(llamacpp.New, true),
	"ollama":      family(ollama.New, true),
	"completions": family(completions.New, true),
	"chat":        chatModel(20),

	"completions-labels": family(completions.New, false),
	"chat-labels":        chatModel(0),
}

// family makes models that know the tokens of reflection.
func family[M generator.Generator](open func(completions.Config) (M, error), probs bool) func(modelserver.Config) (Model, error) {
	return func(s modelserver.Config) (Model, error) {
		m, err := open(completions.Config{Server: s, NoProbs: !probs})
		if err != nil {
			return Model{}, err
		}
		return Model{Generator: m}, nil
	}
}

// chatModel makes chat models, which judge their own answers as they are asked to.
func chatModel(top int) func(modelserver.Config) (Model, error) {
	return func(s modelserver.Config) (Model, error) {
		m, err := chat.New(chat.Config{Server: s, TopLogProbs: top})
		if err != nil {
			return Model{}, err
		}
		j, err := judge.New(m, judge.Templates{})
		if err != nil {
			return Model{}, err
		}
		return Model{Generator: m, Options: []selfrag.Option{selfrag.WithCritic(j), selfrag.WithDecider(j)}}, nil
	}
}

// Embedder returns the embedding model that a URL names. It does no I/O. An error
// wraps [ErrURL] or [modelserver.ErrConfig].
func Embedder(text string) (dense.Embedder, error) {
	_, server, err := parse(text, nil)
	if err != nil {
		return nil, err
	}
	server.APIKey = modelserver.Key(os.Getenv(EmbeddingsKey))
	client, err := openai.New(openai.Config{Server: server})
	if err != nil {
		return nil, err // not a nil pointer in an interface
	}
	return client, nil
}

// RerankKey is the environment variable with the API key of a reranker's server.
const RerankKey = "GOSELFRAG_RERANK_KEY"

// Reranker returns the cross-encoder at http://HOST:PORT/MODEL. It does no I/O. An
// error wraps [ErrURL], [modelserver.ErrConfig] or [rerank.ErrOption].
func Reranker(text string, o rerank.EndpointOptions) (*rerank.Endpoint, error) {
	_, server, err := parse(text, nil)
	if err != nil {
		return nil, err
	}
	server.APIKey = modelserver.Key(os.Getenv(RerankKey))
	return rerank.NewEndpoint(server, o)
}

// Generator returns the model that a URL names; see [Usage]. It does no I/O. An
// error wraps [ErrURL] or [modelserver.ErrConfig].
func Generator(text string) (Model, error) {
	if text == "" {
		return Model{Generator: extractive.New()}, nil
	}
	family, server, err := parse(text, slices.Sorted(maps.Keys(families)))
	if err != nil {
		return Model{}, err
	}
	server.APIKey = modelserver.Key(os.Getenv(GeneratorKey))
	m, err := families[family](server)
	m.Family = family
	return m, err
}

// parse takes a URL apart: the family, unless there are none to choose from, the
// server and, as its path, the name of the model. What is wrong is told without the
// URL, which may hold what should not be printed.
func parse(text string, families []string) (family string, server modelserver.Config, err error) {
	bad := func(format string, args ...any) (string, modelserver.Config, error) {
		return "", server, fmt.Errorf("%w: %s", ErrURL, fmt.Sprintf(format, args...))
	}
	form := "http://HOST:PORT/MODEL"
	if len(families) > 0 {
		form = "FAMILY+" + form
	}
	u, err := url.Parse(text)
	if err != nil {
		return bad("it is no URL: want %s", form)
	}
	transport := u.Scheme
	if len(families) > 0 {
		family, transport, _ = strings.Cut(u.Scheme, "+")
		if !slices.Contains(families, family) {
			return bad("it begins with %q: want one of %s, such as %s+http://HOST:PORT/MODEL", u.Scheme, strings.Join(families, ", "), families[0])
		}
	}
	switch {
	case transport != "http" && transport != "https":
		return bad("it begins with %q: want %s or the same with https", u.Scheme, form)
	case u.Host == "":
		return bad("it names no host: want %s", form)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return bad("it has a user, a query or a fragment: keys come from environment variables, and settings from flags")
	}
	server.URLs = []string{transport + "://" + u.Host}
	server.Model = strings.Trim(u.Path, "/")
	if first, _, _ := strings.Cut(server.Model, "/"); first == "v1" {
		return bad("its path, which names the model, begins with /v1: leave that out, it is put in where it belongs")
	}
	return family, server, nil
}
