// Package connect makes models of the URLs of the command line, and retrievers of its
// pipelines. No other package of the subcommands names the families of servers.
package connect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/adapt"
	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/chat"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/llamacpp"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/generator/sglang"
	"github.com/goselfrag/goselfrag/generator/vllm"
	"github.com/goselfrag/goselfrag/internal/helptext"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever/dense"
	"github.com/goselfrag/goselfrag/retriever/dense/openai"
	"github.com/goselfrag/goselfrag/retriever/pipeline"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/selfrag"
)

// GeneratorKey is the environment variable with the API key of the generator's
// server. A key is never part of a URL: URLs get into histories and logs.
const GeneratorKey = "GOSELFRAG_GENERATOR_KEY"

// GeneratorUsage is the text of a flag with a model.
const GeneratorUsage = "ask the model at `URL`; see goselfrag help models"

// EmbeddingsKey is the environment variable with the API key of the embeddings'
// server.
const EmbeddingsKey = "GOSELFRAG_EMBEDDINGS_KEY"

// EmbeddingsUsage is the text of a flag with an embedding model.
const EmbeddingsUsage = "search by meaning, too, with the model at `URL`"

// Help returns the help text about models: how their URLs are written, and where keys come
// from.
func Help() string {
	var b strings.Builder
	paragraph := func(text string) {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		helptext.Item(&b, 0, "", text)
	}
	paragraph("A model is named by a URL, behind -generator or, for doctor, behind -url: FAMILY+http://HOST:PORT/MODEL, or the same with https. " +
		"Without one the embedded model answers, which quotes sentences.")
	paragraph("families:")
	for _, f := range []struct{ names, about string }{
		{"vllm", "vLLM with a model that was trained for Self-RAG"},
		{"sglang", "SGLang with such a model"},
		{"llamacpp", "llama-server of llama.cpp with such a model"},
		{"ollama", "Ollama with such a model"},
		{"completions", "any server with /v1/completions and such a model"},
		{"completions-labels", "the same, for a server that tells no probabilities"},
		{"chat", "any server with /v1/chat/completions; the model also judges its answers"},
		{"chat-labels", "the same, for a server that tells no probabilities"},
	} {
		helptext.Item(&b, 22, f.names, f.about)
	}
	paragraph("An embedding model is named behind -embeddings: http://HOST:PORT/MODEL, or https, of a server with /v1/embeddings. " +
		"Passages are then found by meaning as well as by words. A reranker is named in the same way, by the option endpoint= of a pipeline.")
	paragraph("A URL never holds an API key. Keys are read from environment variables:")
	for _, k := range []struct{ name, about string }{{GeneratorKey, "of the model"}, {EmbeddingsKey, "of the embedding model"}, {RerankKey, "of the reranker"}} {
		helptext.Item(&b, 28, k.name, k.about)
	}
	return b.String()
}

// ErrURL is wrapped by errors about a URL that does not say which model to use.
var ErrURL = errors.New("bad URL")

// Model is a generator with the options that the engine needs for it.
type Model struct {
	Generator generator.Generator
	// Family is the name of the server's family, empty for the embedded model.
	Family string
	// Options are to be given to the engine, before those of the user.
	Options []selfrag.Option
	// Judge is the critic and decider of a model without reflection tokens, else nil.
	Judge *judge.Judge
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

// family makes models with reflection tokens.
func family[M generator.Generator](open func(completions.Config) (M, error), probs bool) func(modelserver.Config) (Model, error) {
	return func(s modelserver.Config) (Model, error) {
		m, err := open(completions.Config{Server: s, NoProbs: !probs})
		if err != nil {
			return Model{}, err
		}
		return Model{Generator: m}, nil
	}
}

// chatModel makes chat models, which also judge their own answers.
func chatModel(top int) func(modelserver.Config) (Model, error) {
	return func(s modelserver.Config) (Model, error) {
		m, err := chat.New(chat.Config{Server: s, TopLogProbs: top})
		if err != nil {
			return Model{}, err
		}
		return judged(m)
	}
}

// judged makes a model that judges its own answers.
func judged(m generator.Generator) (Model, error) {
	j, err := judge.New(m, judge.Templates{})
	if err != nil {
		return Model{}, err
	}
	return Model{Generator: m, Options: []selfrag.Option{selfrag.WithCritic(j), selfrag.WithDecider(j)}, Judge: j}, nil
}

// Through returns the model with wrap around its generator, also where it judges, such as to
// record what it says.
func (m Model) Through(wrap func(generator.Generator) generator.Generator) (Model, error) {
	if m.Judge == nil {
		m.Generator = wrap(m.Generator)
		return m, nil
	}
	through, err := judged(wrap(m.Generator))
	through.Family = m.Family
	return through, err
}

// Embedder returns the embedding model that a URL names. It does no I/O. An error
// wraps [ErrURL] or [modelserver.ErrConfig].
func Embedder(text string) (dense.Embedder, error) {
	_, server, err := parse(text, nil)
	if err != nil {
		return nil, err
	}
	server.APIKey = modelserver.NewKey(os.Getenv(EmbeddingsKey))
	client, err := openai.New(openai.Config{Server: server})
	if err != nil {
		return nil, err // not a nil pointer in an interface
	}
	return client, nil
}

// EmbeddingsModel returns the name of the model in a URL of [Embedder], by which a store knows
// it. The error wraps [ErrURL].
func EmbeddingsModel(text string) (string, error) {
	_, server, err := parse(text, nil)
	if err == nil && server.Model == "" {
		err = fmt.Errorf("%w: it names no model, by which -store knows the vectors: want http://HOST:PORT/MODEL", ErrURL)
	}
	return server.Model, err
}

// RerankKey is the environment variable with the API key of a reranker's server.
const RerankKey = "GOSELFRAG_RERANK_KEY"

// Reranker returns the cross-encoder at http://HOST:PORT/MODEL. It does no I/O. An
// error wraps [ErrURL], [modelserver.ErrConfig] or [rerank.ErrOption].
func Reranker(text string, o rerank.EndpointOptions) (rerank.Scorer, error) {
	_, server, err := parse(text, nil)
	if err != nil {
		return nil, err
	}
	server.APIKey = modelserver.NewKey(os.Getenv(RerankKey))
	e, err := rerank.NewEndpoint(server, o)
	if err != nil {
		return nil, err // not a nil pointer in an interface
	}
	return e, nil
}

// RetrievalUsage is the text of a flag with a pipeline.
const RetrievalUsage = "the pipeline `TEXT`; see goselfrag help pipelines"

// AdapterUsage is the text of a flag with a query adapter.
const AdapterUsage = "adapt queries by `FILE`; see goselfrag help adapt"

// Models returns the model of the flag -generator, and what pipelines can use: this model
// and that of -embeddings or, if the flag is empty, the built-in embedder, with the adapter
// in the file of -adapter if there is one. It asks no server. An error names the flag; it
// wraps [ErrURL] or [modelserver.ErrConfig], or is that of adapt.Load.
func Models(generator, embeddings, adapter string) (Model, pipeline.Env, error) {
	m, err := Generator(generator)
	if err != nil {
		return m, pipeline.Env{}, fmt.Errorf("-generator: %w", err)
	}
	env := pipeline.Env{Generator: m.Generator, Instructed: m.Family != "", Endpoint: Reranker}
	if embeddings != "" {
		if env.Embedder, err = Embedder(embeddings); err != nil {
			return m, env, fmt.Errorf("-embeddings: %w", err)
		}
	}
	if adapter != "" {
		a, err := adapt.Load(context.Background(), adapter)
		if err != nil {
			return m, env, fmt.Errorf("-adapter: %w", err)
		}
		env.Adapt = func(e dense.Embedder) dense.Embedder { return a.Over(e) }
	}
	return m, env, nil
}

// Retrieval reads the pipeline of a flag and finds out, without I/O, whether it can be
// built. Empty text means keyword search or, with an embedding model or an adapter, hybrid
// search. The error wraps a *[pipeline.Error].
func Retrieval(text string, env pipeline.Env) (*pipeline.Pipeline, error) {
	if text == "" {
		text = "lexical"
		if env.Embedder != nil || env.Adapt != nil {
			text = "hybrid"
		}
	}
	p, err := pipeline.Parse(text)
	if err != nil {
		return nil, err
	}
	_, err = pipeline.NewCorpus(env, nil).Build(context.Background(), p)
	if errors.Is(err, pipeline.ErrNoModel) {
		err = fmt.Errorf("%w, and the embedded one only quotes: name one with -generator", err)
	}
	return p, err
}

// CheckAdapter returns an error if there is an adapter and none of the pipelines has
// vectors of questions, which it would change. It does no I/O.
func CheckAdapter(env pipeline.Env, list ...Named) error {
	if env.Adapt == nil {
		return nil
	}
	used := false
	env.Adapt = func(e dense.Embedder) dense.Embedder {
		used = true
		return e
	}
	for _, p := range list {
		if p.Pipeline == nil { // the right passages of package eval
			continue
		}
		if _, err := pipeline.NewCorpus(env, nil).Build(context.Background(), p.Pipeline); err != nil {
			return err
		}
	}
	if !used {
		return errors.New("-adapter changes how search by meaning ranks, and there is none: take a pipeline such as dense or hybrid, or leave -adapter out")
	}
	return nil
}

// Named is a pipeline and its name.
type Named struct {
	Name, Text string
	*pipeline.Pipeline
}

// Naming reads the value of a flag: a pipeline, which is then its own name, or a name,
// "=" and a pipeline.
func Naming(value string) (Named, error) {
	_, err := pipeline.Parse(value)
	if err == nil {
		return Named{Name: strings.TrimSpace(value), Text: value}, nil
	}
	name, text, ok := strings.Cut(value, "=")
	if !ok {
		return Named{}, err
	}
	if name = strings.TrimSpace(name); name == "" {
		return Named{}, errors.New("the name in front of = is blank")
	}
	if _, second := pipeline.Parse(text); second != nil {
		// Which of the two was meant? A pipeline without a name has a good base in front of
		// the error, and its first "=", if that is of an option, has no base after it.
		whole, behind := new(pipeline.Error), new(pipeline.Error)
		if errors.As(err, &whole) && errors.As(second, &behind) &&
			(whole.Offset > len(name) || whole.Offset > 0 && whole.Offset < len(name) && behind.Offset == 0) {
			return Named{}, err
		}
		return Named{}, fmt.Errorf("%q: %w", name, second)
	}
	return Named{Name: name, Text: text}, nil
}

// Generator returns the model that a URL names; see [Help]. It does no I/O. An
// error wraps [ErrURL] or [modelserver.ErrConfig].
func Generator(text string) (Model, error) {
	if text == "" {
		return Model{Generator: extractive.New()}, nil
	}
	family, server, err := parse(text, slices.Sorted(maps.Keys(families)))
	if err != nil {
		return Model{}, err
	}
	server.APIKey = modelserver.NewKey(os.Getenv(GeneratorKey))
	m, err := families[family](server)
	m.Family = family
	return m, err
}

// parse splits a URL into the family, unless families is empty, the server and, as its path,
// the name of the model. Its error does not quote the URL, which may hold secrets.
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
