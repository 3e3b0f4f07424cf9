// Ask answers a question over a folder of files: .md, .txt, .html and .pdf documents, and
// .jsonl, .csv and .tsv records.
//
//	go run ./examples/ask -docs DIR "question"
//
// Without -generator the embedded model answers. Run it with -h for all flags. Progress goes to standard error, the answer to
// standard output; with -json that is one object.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/goselfrag/goselfrag/examples/internal/connect"
	"github.com/goselfrag/goselfrag/examples/internal/pipeline"
	"github.com/goselfrag/goselfrag/examples/internal/show"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/ingest"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// config is what the flags say.
type config struct {
	docs     string
	json     bool
	question string
	pipeline *pipeline.Pipeline
	env      pipeline.Env
	model    generator.Generator
	options  []selfrag.Option
}

// errUsage has been reported by the flag package.
var errUsage = errors.New("bad usage")

// run is the program. It returns the exit code: 1 if it failed, 2 if it was
// called the wrong way.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "ask: %s\n", show.Clean(err.Error()))
		return 2
	}
	out := bufio.NewWriter(stdout)
	err = ask(ctx, cfg, out, stderr)
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "ask: %s\n", show.Clean(err.Error()))
	if wrong := new(selfrag.OptionError); errors.As(err, &wrong) {
		return 2
	}
	return 1
}

func parse(args []string, stderr io.Writer) (config, error) {
	var cfg config
	set := flag.NewFlagSet("ask", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprintln(stderr, `usage: ask -docs DIR [flags] "question"  (-- before a question that begins with a dash)`)
		set.PrintDefaults()
	}
	set.StringVar(&cfg.docs, "docs", "", "the folder of files to answer from: .md, .txt, .html, .pdf, .jsonl, .csv, .tsv")
	set.BoolVar(&cfg.json, "json", false, "print one JSON object")
	url := set.String("generator", "", "the model: "+connect.Usage)
	embeddings := set.String("embeddings", "", connect.EmbeddingsUsage)
	retrieval := set.String("retrieval", "", pipeline.FlagUsage)
	mode := set.String("mode", "adaptive", "when to retrieve: adaptive, always, never or hard")
	threshold := set.Float64("threshold", 0.2, "adaptive mode retrieves above this ratio, 0 to 1")
	weights := set.String("weights", "1,1,0.5", "weights of IsREL, IsSUP, IsUSE and, as a fourth, of the sequence term")
	k := set.Int("k", 5, "passages to retrieve")
	filter := set.String("filter", "", `only passages for which this holds, such as: format = "md" and path prefix "guide/"`)
	long := set.Bool("long", false, "answer in several segments")
	abstain := set.Float64("abstain", 0.5, "say so instead of answering when no passage is at least this relevant, 0 to 1; 0 always answers")

	// Flags may stand before and after the question.
	var words []string
	for rest := args; len(rest) > 0; {
		if err := set.Parse(rest); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				pipeline.Usage(stderr)
				return cfg, err
			}
			return cfg, errUsage
		}
		parsed := len(rest) - set.NArg()
		if parsed > 0 && rest[parsed-1] == "--" { // what follows is no flag
			words = append(words, set.Args()...)
			break
		}
		if rest = set.Args(); len(rest) > 0 {
			words, rest = append(words, rest[0]), rest[1:]
		}
	}
	cfg.question = strings.Join(words, " ")
	if cfg.docs == "" {
		return cfg, errors.New("-docs is missing: name the folder to answer from")
	}
	if strings.TrimSpace(cfg.question) == "" {
		return cfg, errors.New("the question is missing: put it in quotes after the flags")
	}
	model, err := connect.Generator(*url)
	if err != nil {
		return cfg, fmt.Errorf("-generator: %w", err)
	}
	cfg.model = model.Generator
	cfg.env = pipeline.Env{Generator: model.Generator, Instructed: model.Family != ""}
	if *embeddings != "" {
		if cfg.env.Embedder, err = connect.Embedder(*embeddings); err != nil {
			return cfg, fmt.Errorf("-embeddings: %w", err)
		}
	}
	if cfg.pipeline, err = pipeline.Choose(*retrieval, cfg.env); err != nil {
		return cfg, fmt.Errorf("-retrieval: %w", err)
	}
	var m selfrag.Mode
	if err := m.UnmarshalText([]byte(*mode)); err != nil {
		return cfg, fmt.Errorf("-mode: %w", err)
	}
	if err := unfit(set, m); err != nil {
		return cfg, err
	}
	w, err := parseWeights(*weights)
	if err != nil {
		return cfg, fmt.Errorf("-weights: %w", err)
	}
	cfg.options = append(model.Options,
		selfrag.WithMode(m), selfrag.WithThreshold(*threshold), selfrag.WithWeights(w), selfrag.WithK(*k))
	if *filter != "" {
		f, err := retriever.ParseFilter(*filter)
		if err != nil {
			return cfg, fmt.Errorf("-filter: %w", err)
		}
		cfg.options = append(cfg.options, selfrag.WithFilter(f))
	}
	if *long {
		cfg.options = append(cfg.options, selfrag.WithLongForm(2, 7))
	}
	if *abstain != 0 {
		cfg.options = append(cfg.options, selfrag.WithAbstention(*abstain, ""))
	}
	return cfg, nil
}

// unfit returns an error if a flag was given that has no use in a mode.
func unfit(set *flag.FlagSet, m selfrag.Mode) (err error) {
	var useless []string
	if m != selfrag.Adaptive {
		useless = append(useless, "threshold")
	}
	if m == selfrag.Never {
		useless = append(useless, "k", "filter", "retrieval", "embeddings")
	}
	set.Visit(func(f *flag.Flag) {
		if err == nil && slices.Contains(useless, f.Name) {
			err = fmt.Errorf("-%s has no use with -mode %v: leave it out", f.Name, m)
		}
	})
	return err
}

func parseWeights(s string) (scoring.Weights, error) {
	w := scoring.DefaultWeights()
	fields := []*float64{&w.Relevance, &w.Support, &w.Utility, &w.Sequence}
	parts := strings.Split(s, ",")
	if len(parts) < 3 || len(parts) > len(fields) {
		return w, fmt.Errorf("%q has %d numbers: want 3 or 4, such as 1,1,0.5", s, len(parts))
	}
	for i, p := range parts {
		v, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil {
			return w, fmt.Errorf("%q is not a number: want 3 or 4, such as 1,1,0.5", p)
		}
		*fields[i] = v
	}
	return w, nil
}

// ask reads the folder, answers and prints. With -json it prints one object
// whatever happens after the options were found good.
func ask(ctx context.Context, cfg config, stdout *bufio.Writer, stderr io.Writer) error {
	// Before the folder is read: a wrong option, or a server that is not there,
	// should not cost that time.
	engine, err := selfrag.New(cfg.model, retriever.List(), cfg.options...)
	if err != nil {
		return err
	}
	var docs ingest.Result
	answer := &selfrag.Answer{Question: cfg.question, Stop: selfrag.StopFailed}
	if err = engine.Check(ctx); err == nil {
		docs, err = read(ctx, cfg.docs, stderr)
	}
	if err == nil {
		answer, err = stream(ctx, cfg, docs, stdout)
	}
	if cfg.json {
		err = errors.Join(err, printJSON(stdout, answer, docs, err))
	}
	return err
}

// stream answers the question over docs and draws what happens meanwhile.
func stream(ctx context.Context, cfg config, docs ingest.Result, stdout *bufio.Writer) (*selfrag.Answer, error) {
	answer := &selfrag.Answer{Question: cfg.question, Stop: selfrag.StopFailed}
	index, err := pipeline.NewCorpus(cfg.env, docs.Passages).Build(ctx, cfg.pipeline)
	if err != nil {
		return answer, err
	}
	engine, err := selfrag.New(cfg.model, index, cfg.options...)
	if err != nil {
		return answer, err
	}
	for event, eventErr := range engine.Stream(ctx, cfg.question) {
		if !cfg.json {
			draw(stdout, event)
			if err := stdout.Flush(); err != nil { // nobody reads: stop
				return answer, err
			}
		}
		if event.Kind == selfrag.EventAnswer && event.Answer != nil {
			answer = event.Answer
		}
		err = eventErr
	}
	return answer, err
}

// read loads the folder, with progress, and reports what could not be read.
func read(ctx context.Context, dir string, stderr io.Writer) (ingest.Result, error) {
	var options ingest.Options
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(stderr),
			progressbar.OptionSetDescription("reading"), progressbar.OptionShowCount(),
			progressbar.OptionClearOnFinish())
		options.Progress = func(p ingest.Progress) {
			bar.ChangeMax(p.Total)
			_ = bar.Set(p.Done) // a bar that cannot be drawn is no reason to stop
		}
	}
	docs, err := ingest.Dir(ctx, dir, options)
	if err == nil || errors.Is(err, ingest.ErrNothing) {
		if pdfErr := addPDFs(ctx, dir, &docs); pdfErr != nil || len(docs.Passages) > 0 {
			err = pdfErr
		}
	}
	for _, s := range docs.Skipped {
		fmt.Fprintf(stderr, "skipped %s: %v\n", show.Clean(s.Path), s.Err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return docs, fmt.Errorf("there is no folder %s: name an existing one with -docs", dir)
	}
	if err != nil {
		return docs, fmt.Errorf("%s: %w", dir, err)
	}
	fmt.Fprintf(stderr, "%d passages from %d files, %d skipped, %d of other formats\n", len(docs.Passages), docs.Read, len(docs.Skipped), docs.Ignored)
	return docs, nil
}

// draw prints an event as it happens.
func draw(w io.Writer, e selfrag.Event) {
	switch e.Kind {
	case selfrag.EventDecision:
		show.Decision(w, e.Segment, *e.Decision)
	case selfrag.EventPassages:
		for i, h := range e.Passages {
			fmt.Fprintf(w, "  passage %d: %s\n", i+1, show.Title(h.Passage))
		}
	case selfrag.EventCandidate:
		fmt.Fprintf(w, "  candidate %d: %s\n", e.Node, show.Shorten(e.Candidate.Text, 100))
	case selfrag.EventSegment:
		for _, c := range e.Candidates {
			fmt.Fprintf(w, "  kept %d with %.3f\n", c.Node, c.PathScore)
		}
	case selfrag.EventAnswer:
		if e.Answer == nil {
			return
		}
		if t := e.Answer.Trace; t != nil {
			for _, x := range t.Expansions {
				if len(x.Candidates) > 0 {
					show.Candidates(w, x, t.Path)
				}
			}
		}
		show.Answer(w, e.Answer)
	}
}

// output is the form of -json.
type output struct {
	Question   string             `json:"question"`
	Answer     string             `json:"answer"`
	Cited      string             `json:"cited"`
	Segments   []selfrag.Segment  `json:"segments"`
	Citations  []selfrag.Citation `json:"citations"`
	Decision   selfrag.Decision   `json:"decision"`
	Candidates []candidate        `json:"candidates"`
	Abstained  bool               `json:"abstained"`
	Stop       selfrag.StopReason `json:"stop"`
	Score      float64            `json:"score"`
	Level      string             `json:"level"`
	Usage      any                `json:"usage"`
	Files      files              `json:"files"`
	Error      string             `json:"error,omitempty"`
}

type files struct {
	Read     int      `json:"read"`
	Passages int      `json:"passages"`
	Skipped  []string `json:"skipped"`
}

// candidate is one candidate with the id of its passage.
type candidate struct {
	Segment   int    `json:"segment"`
	Parent    int    `json:"parent"`
	PassageID string `json:"passage_id,omitempty"`
	selfrag.Candidate
}

func printJSON(w io.Writer, a *selfrag.Answer, docs ingest.Result, failure error) error {
	out := output{
		Question: a.Question, Answer: a.Text, Cited: a.Cited(),
		Segments: a.Segments, Citations: a.Citations, Decision: a.Decision,
		Candidates: []candidate{}, Abstained: a.Abstained, Stop: a.Stop,
		Score: a.Score, Level: a.Level.String(), Usage: a.Usage,
		Files: files{Read: docs.Read, Passages: len(docs.Passages), Skipped: []string{}},
	}
	for _, s := range docs.Skipped {
		out.Files.Skipped = append(out.Files.Skipped, s.Path)
	}
	if failure != nil {
		out.Error = failure.Error()
	}
	if out.Segments == nil {
		out.Segments, out.Citations = []selfrag.Segment{}, []selfrag.Citation{}
	}
	var expansions []*selfrag.Expansion
	if a.Trace != nil {
		expansions = a.Trace.Expansions
	}
	for _, e := range expansions {
		for _, c := range e.Candidates {
			x := candidate{Segment: e.Segment, Parent: e.Parent, Candidate: c}
			if c.Passage >= 0 {
				x.PassageID = e.Passages[c.Passage].Passage.ID
			}
			out.Candidates = append(out.Candidates, x)
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
