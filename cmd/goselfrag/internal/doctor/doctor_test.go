package doctor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
)

// run runs the command with arguments and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return command.Run(ctx, append([]string{"doctor"}, args...), stdout, stderr, Command())
}

// What is said of models that can do much and little.
func TestExamine(t *testing.T) {
	random := func(l reflection.Level) *generatortest.Random {
		return &generatortest.Random{Seed: 3, Noise: 0.05, Level: l, N: 5, MinWords: 3, MaxWords: 6}
	}
	for name, c := range map[string]struct {
		model connect.Model
		want  []string
		not   string
	}{
		"exact": {
			connect.Model{Generator: random(reflection.ExactIDs)},
			[]string{"level         exact-ids", "judged by     exact-ids", "group         yes", "score         yes", "next          yes", "repeatable    yes", "decision 1: ", "IsREL", "lazy          selfrag.WithLazy would stop"},
			"advice",
		},
		"top n": {
			connect.Model{Generator: plain{random(reflection.TopN)}, Family: "ollama"},
			[]string{"level         top-n: the probabilities of the 5", "group         no", "tokens        known by their text", "OLLAMA_NUM_PARALLEL"},
			"--enable-prompt",
		},
		"labels": {
			connect.Model{Generator: random(reflection.HardLabels), Family: "completions"},
			[]string{"level         hard-labels", "the threshold means nothing", "gives more than /v1/completions"},
			"",
		},
		"few slots": {
			connect.Model{Generator: slots{random(reflection.TopN)}, Family: "llamacpp"},
			[]string{"with -np 5"},
			"",
		},
		"old vLLM": {connect.Model{Generator: random(reflection.TopN), Family: "vllm"}, []string{"logprob_token_ids"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := (&doctor{model: c.model, out: &out}).examine(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, w := range c.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("the output lacks %q:\n%s", w, out.String())
				}
			}
			if c.not != "" && strings.Contains(out.String(), c.not) {
				t.Errorf("the output has %q:\n%s", c.not, out.String())
			}
		})
	}
}

// plain generates and describes itself, and can do no more.
type plain struct{ g *generatortest.Random }

func (p plain) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return p.g.Generate(ctx, req)
}

func (p plain) Describe(ctx context.Context) (generator.Capabilities, error) {
	return p.g.Describe(ctx)
}

// slots says that it has two.
type slots struct{ *generatortest.Random }

func (s slots) Describe(ctx context.Context) (generator.Capabilities, error) {
	c, err := s.Random.Describe(ctx)
	c.Slots = 2
	return c, err
}

func TestExamineReportsFailures(t *testing.T) {
	boom := errors.New("boom")
	err := (&doctor{model: connect.Model{Generator: &generatortest.Script{Rules: []generatortest.Rule{{Err: boom}}}}, out: new(bytes.Buffer)}).examine(t.Context())
	if !errors.Is(err, boom) {
		t.Errorf("%v: want the server's error", err)
	}
}

func TestRunErrors(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"bad URL":   {[]string{"-url", "http://a"}, 2, "-url: bad URL"},
		"argument":  {[]string{"vllm+http://a"}, 2, "not a flag"},
		"timeout":   {[]string{"-timeout", "0s"}, 2, "more than 0"},
		"flag":      {[]string{"-x"}, 2, "not defined: -x"},
		"no server": {[]string{"-url", "sglang+http://127.0.0.1:1/m"}, 1, "http://127.0.0.1:1/"},
		"late":      {[]string{"-timeout", time.Nanosecond.String()}, 1, "a bigger -timeout"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), c.args, &out, &errs); code != c.code || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%s: exit code %d: want %d with %q:\n%s", name, code, c.code, c.want, errs.String())
		}
	}
}

// The embedded model can be looked at, too.
func TestRunEmbedded(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), nil, &out, &errs); code != 0 || !strings.Contains(out.String(), "Mercury is the planet nearest to the sun [1].") {
		t.Errorf("exit code %d: %s%s", code, out.String(), errs.String())
	}
}

func TestRunServer(t *testing.T) {
	url := os.Getenv("GOSELFRAG_OLLAMA_URL")
	if url == "" {
		t.Skip("GOSELFRAG_OLLAMA_URL is not set: run .ci/ollama go test ./cmd/goselfrag/internal/doctor")
	}
	for family, level := range map[string]string{
		"ollama":             "top-n: the probabilities of the 20 likeliest tokens",
		"completions-labels": "hard-labels",
	} {
		t.Run(family, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(t.Context(), []string{"-url", family + "+" + url + "/" + os.Getenv("GOSELFRAG_OLLAMA_MODEL")}, &out, &errs); code != 0 {
				t.Fatalf("exit code %d: %s%s", code, out.String(), errs.String())
			}
			for _, want := range []string{
				"level         " + level, "decision 1: retrieval", "Mercury is the sun [1].", "   yes    ",
				"lazy          selfrag.WithLazy would", "group         no", "repeatable    yes", "canceling     a stream was left",
			} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the output lacks %q:\n%s", want, out.String())
				}
			}
		})
	}
}
