// Package generator holds the contract between the engine and a language model:
// [Generator], the [Prompt] and [Task] it is given, the stream of [Step] it
// gives back, and the optional powers some models have.
//
// # One method, a stream
//
// A [Generator] continues one prompt and yields the continuation token by token.
// [Collect] and [Complete] turn the stream into a [Completion]. Breaking out of
// the loop stops the work.
//
// # Prompts are structured until the last moment
//
// A [Prompt] holds plain fields that are data - question, passages, the path so
// far - and control tokens as typed values. Only a template writes it out, and
// it neutralises every reserved string in the data on the way ([Neutralize]).
// [SelfRAGTemplate] is the layout on which the published models were trained,
// [ChatTemplate] writes messages for models that follow instructions. A
// [Task] is the other form, for judges and rewriting: a trusted template with
// neutralised values, and with examples if there are any
// ([TaskTemplate.WithExamples]).
//
// # Powers
//
// What only some models can do (score a given text, give the whole next-token
// distribution, give exact probabilities of a group) stands in small extra
// interfaces. Use them through the functions [Score], [Next], [GroupProbs],
// [ResolveTokens], [Describe] and [Check]: these return an error that wraps
// [errors.ErrUnsupported] where the power is missing, and a wrapper made with
// [Wrap] passes all of them on.
//
// Package generatortest has scripted models for tests of code that uses a
// Generator, and the contract suite for code that is one.
package generator
