package command

import (
	"regexp"
	"strings"
)

// Words returns the text of err for a user of the program. Errors of the library name the Go
// option to change; this text names the flag, the option of a pipeline or the file.
func Words(err error) string {
	text := prefixes.ReplaceAllString(err.Error(), "$1")
	for _, v := range values {
		text = v.said.ReplaceAllString(text, v.want)
	}
	for _, w := range words {
		text = strings.ReplaceAll(text, w.library, w.program)
	}
	return text
}

// prefixes are names of packages before what went wrong. Those of pipelines and filters
// are words of the user's, too.
var prefixes = regexp.MustCompile(`(^|: |; )(?:adapt|budget|check|critics|dataset|dense|generator|hnsw|ingest|interleave|judge|label|lexical|metric|modelserver|openai|preference|rag|record|rerank|retriever|rewrite|run|seed|selfrag|sensitivity|store|foldersync|embedcache|summary|system|task|judged|training): `)

// values are the errors of packages strconv and time about the value of a flag.
var values = []struct {
	said *regexp.Regexp
	want string
}{
	{regexp.MustCompile(`strconv\.ParseInt: parsing ".*": [a-z ]+`), "want a whole number"},
	{regexp.MustCompile(`strconv\.ParseUint: parsing ".*": [a-z ]+`), "want a whole number of at least 0"},
	{regexp.MustCompile(`strconv\.ParseFloat: parsing ".*": [a-z ]+`), "want a number"},
	{regexp.MustCompile(`time: (invalid|missing unit in|unknown unit .* in) duration ".*"`), "want a time such as 90s or 5m"},
	{regexp.MustCompile(`(for flag -\w+): parse error`), "$1: want true or false"},
}

// words maps parts of the library's errors to the texts of the program. A test finds
// missing ones.
var words = []struct{ library, program string }{
	// Files.
	{"larger than Options.MaxBytes: raise the limit or split the file", "larger than 32 MiB: split the file"},
	{"want at most MaxPages, ", "want at most "},
	{"its text is longer than MaxText, ", "its text is longer than "},
	{"more than MaxMemory, ", "a memory of more than "},
	{"within MaxMemory, ", "within a memory of "},
	{"want at most half of MaxMemory, ", "want at most half of "},
	{"it takes more than MaxTime, ", "it takes more than "},
	{": cut it into larger passages, or read it with Stream", ": split the file"},
	{`no text in a field "text": name the field in Options.Fields`, `no text in a field "text": give the record one`},
	{"the first row must name the columns, such as id, title and text, or Options.Fields the one with the text", "the first row must name the columns, such as id, title and text"},
	{", which Options.Fields names", ""},
	{"is what Options.Children uses", "is taken"},

	{"its document is not of this sync: remove the document, or choose another Options.Root", "the store has a document of this name from elsewhere: name another folder with -store"},
	{"or set Options.AllowMassDeletion", "or allow it with -mass-deletion"},
	{"ReadOnly: there is no store in the folder", "there is no store in the folder"},

	// Models.
	{"Server.Model is empty and the server has", "the URL names no model and the server has"},
	{", or set NoTokens", ", or name a chat model with -generator chat+http://HOST:PORT/MODEL"},
	{"set NoProbs for a server that gives none", "begin the URL with completions-labels+ for a server that gives none"},
	{"set TopLogProbs to 0", "begin the URL with chat-labels+"},
	{": ask it for the next token (generator.Next)", ""},
	{": give a critic that judges its text, and a decider with WithDecider or another mode", ": name it with chat+http://HOST:PORT/MODEL, so that it judges its texts"},

	// Training.
	{"raise Temperature, which is", "raise -temperature, which is"},
	{", or lower Rate", ""},

	// Flags.
	{"-filter: filter: ", "-filter: "},
	{"WithMode: ", "-mode: "},
	{"WithThreshold: ", "-threshold: "},
	{"WithWeights: ", "-weights: "},
	{"WithK: ", "-k: "},
	{"WithFilter: ", "-filter: "},
	{"WithLongForm: ", "-long: "},
	{"WithAbstention: tau is ", "-abstain: "},
	{", or WithAbstention", ", or -abstain"},
	{"weight Relevance is", "that of IsREL is"},
	{"weight Support is", "that of IsSUP is"},
	{"weight Utility is", "that of IsUSE is"},
	{"weight Sequence is", "that of the sequence is"},

	// Pipelines.
	{"raise PostFilterOptions.Bound for more", "raise bound= of postfilter for more"},
	{"raise ModelOptions.MaxTokens, which is", "raise max-tokens=, which is"},
	{"raise ListwiseOptions.MaxTokens, which is", "give rerank a smaller window=: the limit of tokens is"},
	{"which ScoreFusion cannot use: want RankFusion, or another part", "which method=score cannot use: want method=rank, or another part"},
	{"so it ignores filters: put PostFilter directly around it", "so it ignores filters: add the stage postfilter directly behind it"},
	{"it has no vectors: give it an embedder", "it has no vectors: name an embedding model with -embeddings"},
	{"an embedder: set Env.Embedder", "an embedding model: name it with -embeddings"},
	{"an index of its own kind: build it over the passages", "an index of its own kind: leave out -store"},
	{": add a rule or set RouteOptions.Fallback", ": add a part without match=, or fallback="},

	// Runs.
	{"run with Options.Traces", "write traces: true into the run file, and run again"},

	// Systems that are compared.
	{"use NewSequence, or NewStandard", "leave it out of -systems"},
	{"use NewStandard, or leave WithLabels out", "leave it out of -systems"},
	{"use WithDecoding(Fast)", "leave it out of -systems"},
	{"use NewStandard", "leave it out of -systems"},
	{"use NewSequence", "leave it out of -systems"},
	{"want WithEnd(false)", "leave it out of -systems"},
	{"want a finite number above 0, or WithPrior", "leave it out of -systems"},
	{"or say by WithPrior how much each passage counts: Uniform, Weights, or Part for the vector side of a fusion", "or leave it out of -systems"},
	{", or other Options.Low and High", ""},
}
