// Package generator holds the contract between the engine and a language model:
// [Generator], the [Prompt] or [Task] that it receives, the stream of [Step] that
// it returns, and the optional interfaces of some models.
//
// Its subpackages have the generators: extractive, the embedded one, which needs no
// server; vllm, sglang, llamacpp, ollama and completions for Self-RAG models behind a
// server; chat and langchain for models that follow instructions. Most programs take
// one of these and pass it to selfrag.New. Call [Check] at start-up.
//
// # One method, a stream
//
// A [Generator] continues one prompt and yields the continuation token by token.
// [Collect] and [Complete] turn the stream into a [Completion]. Breaking out of the
// loop stops the work.
//
// # Prompts are structured until the last moment
//
// A [Prompt] holds plain fields, which are data (question, passages, the path so
// far), and control tokens as typed values. Only a template writes it out. It
// neutralizes every reserved string in the data ([Neutralize]). [SelfRAGTemplate]
// is the layout of the training of the published models. [ChatTemplate] writes
// messages for models that follow instructions. A [Task] is for judges and
// rewriting: a trusted template with neutralized values and, optionally, examples
// ([TaskTemplate.WithExamples]).
//
// # Powers
//
// A power is an optional interface for what only some models can do: score a given
// text, give the whole distribution of the next token, give exact probabilities of
// a group. Use powers through the functions [Score], [Next], [GroupProbs],
// [ResolveTokens], [Describe] and [Check]. They return an error that wraps
// [errors.ErrUnsupported] if the model lacks the power. A wrapper made with [Wrap]
// forwards all of them.
//
// "Released" in this package means the code of the paper's authors, AkariAsai/self-rag
// at commit 1fcdc42.
//
// Package generatortest has scripted models for tests of code that uses a
// Generator, and a contract test suite for implementations.
package generator
