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

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/completions"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/llamacpp"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/generator/sglang"
	"github.com/goselfrag/goselfrag/generator/vllm"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/selfrag"
)

// GeneratorKey is the environment variable with the API key of the generator's
// server. A key never stands in a URL: URLs get into histories and logs.
const GeneratorKey = "GOSELFRAG_GENERATOR_KEY"

// Usage says how a URL of a generator is written.
const Usage = "FAMILY+http://HOST:PORT/MODEL or FAMILY+https://…, where FAMILY is one of vllm, sglang, llamacpp, ollama, completions, " +
	"and completions-labels for a /v1/completions that tells no probabilities; an API key is read from " + GeneratorKey + "; empty is the embedded model"

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

// families makes a generator of each family.
var families = map[string]func(completions.Config) (generator.Generator, error){
	"vllm":        family(vllm.New),
	"sglang":      family(sglang.New),
	"llamacpp":    family(llamacpp.New),
	"ollama":      family(ollama.New),
	"completions": family(completions.New),
	"completions-labels": func(c completions.Config) (generator.Generator, error) {
		c.NoProbs = true
		return family(completions.New)(c)
	},
}

func family[M generator.Generator](open func(completions.Config) (M, error)) func(completions.Config) (generator.Generator, error) {
	return func(c completions.Config) (generator.Generator, error) {
		m, err := open(c)
		if err != nil {
			return nil, err // not a nil pointer in an interface
		}
		return m, nil
	}
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
	g, err := families[family](completions.Config{Server: server})
	return Model{Generator: g, Family: family}, err
}

// parse takes a URL apart: the family, the server and, as its path, the name of the
// model. What is wrong is told without the URL, which may hold what should not be
// printed.
func parse(text string, families []string) (family string, server modelserver.Config, err error) {
	bad := func(format string, args ...any) (string, modelserver.Config, error) {
		return "", server, fmt.Errorf("%w: %s", ErrURL, fmt.Sprintf(format, args...))
	}
	u, err := url.Parse(text)
	if err != nil {
		return bad("it is no URL: want FAMILY+http://HOST:PORT/MODEL")
	}
	family, transport, _ := strings.Cut(u.Scheme, "+")
	switch {
	case !slices.Contains(families, family):
		return bad("it begins with %q: want one of %s, such as %s+http://HOST:PORT/MODEL", u.Scheme, strings.Join(families, ", "), families[0])
	case transport != "http" && transport != "https":
		return bad("it begins with %q: want %s+http or %s+https", u.Scheme, family, family)
	case u.Host == "":
		return bad("it names no host: want %s+%s://HOST:PORT/MODEL", family, transport)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return bad("it has a user, a query or a fragment: keys come from environment variables, and settings from flags")
	}
	server.URLs = []string{transport + "://" + u.Host}
	server.Model = strings.Trim(u.Path, "/")
	return family, server, nil
}
