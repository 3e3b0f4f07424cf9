// Package langchain makes a generator of any langchaingo model.
//
//	client, err := anthropic.New()
//	…
//	model, err := langchain.New(client, langchain.Config{Name: "claude"})
//
// langchaingo returns no log-probabilities, and its models have no reflection tokens.
// Give the engine a critic and a decider that judge texts, such as those of package
// critique/judge; with such a model their judgments are labels without probabilities
// (reflection.PromptedLabels). Generate gives the whole text of a call as one step,
// once it is complete. So it cannot be shown while it is generated, and the engine
// saves no tokens by stopping a candidate early.
//
// Temperature, seed and token limit are passed on; the provider in langchaingo may
// ignore them. Some providers do not report why an answer ended. Such an answer counts
// as cut if it has as many tokens as were requested.
//
// Only langchaingo's package llms is imported here.
package langchain
