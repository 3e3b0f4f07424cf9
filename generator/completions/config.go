package completions

import (
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/modelserver"
)

// Config is the configuration of a model at a completion server of any family. Only
// Server is needed.
//
// Facts about a server and its model, such as the ids of tokens, are requested once. Make
// a new model after a restart of the server with another model, version or settings.
type Config struct {
	// Server says which model, and where it is.
	Server modelserver.Config
	// Template writes prompts out; nil is [generator.SelfRAGTemplate].
	Template generator.PromptTemplate
	// Special lists special tokens of the model, such as "<|im_end|>", on top of
	// those the server reports and the usual ones. They are neutralized in all
	// data, because the server would take them for control tokens there.
	Special []string
	// NoProbs asks for no probabilities, for servers that give none: reflection
	// tokens are hard labels then.
	NoProbs bool
	// NoTokens is for a model that was not trained for Self-RAG and has no
	// reflection tokens. It needs a Template that writes none, and an engine with
	// a critic. One segment of a longer answer is then a paragraph.
	NoTokens bool
}
