// Package langchain makes a generator of any langchaingo model.
//
//	client, err := anthropic.New()
//	…
//	model, err := langchain.New(client, langchain.Config{Name: "claude"})
//
// langchaingo returns no log-probabilities, and its models have no reflection tokens.
// Give the engine a critic and a decider that judge texts, such as those of package
// critique/judge. Their judgments are prompted labels then. The text of a call is one
// step, when it is complete. So it cannot be shown while it is generated, and lazy
// evaluation saves nothing.
//
// Temperature, seed and token limit are passed on; the provider in langchaingo may
// ignore them. Some providers do not report why an answer ended. Such an answer counts
// as cut if it has as many tokens as were requested.
//
// Only langchaingo's package llms is imported here.
package langchain
