// Package langchain makes a generator of any langchaingo model.
//
//	client, err := anthropic.New()
//	…
//	model, err := langchain.New(client, langchain.Config{Name: "claude"})
//
// langchaingo hands out no log-probabilities, and no model behind it has reflection
// tokens: give the engine a critic and a decider that judge texts, such as those of
// package critique/judge, whose judgments are prompted labels then. The text of a
// call comes as one step when it is complete, so nothing can be shown while it is
// written and lazy evaluation saves nothing.
//
// Temperature, seed and token limit are passed on; whether they are kept is up to
// the model's provider in langchaingo. Some providers do not tell why an answer
// ended: one that has as many tokens as were asked for is taken for cut then.
//
// Only langchaingo's package llms is imported here.
package langchain
