// Package chat generates with a chat model behind an OpenAI-compatible
// /v1/chat/completions: hosted models, vLLM, llama-server, SGLang, Ollama and many
// others.
//
//	model, err := chat.New(chat.Config{
//		Server: modelserver.Config{
//			URLs:   []string{"https://api.openai.com"},
//			Model:  "gpt-4.1-mini",
//			APIKey: modelserver.NewKey(os.Getenv("OPENAI_API_KEY")),
//		},
//		TopLogProbs: 20,
//	})
//
// A chat model has no reflection tokens. Give the engine a critic and a decider
// that judge texts, such as those of package critique/judge; docs/chat-models.md
// shows the whole. A prompt is written out as messages by a [generator.ChatTemplate].
//
// One segment of a longer answer is one sentence. The model is asked for the next
// one and for [generator.EndMark] where the answer is complete; if the answer
// continues after the sentence the stream is stopped there.
//
// # Log-probabilities
//
// With TopLogProbs above 0 every token has its log-probability and the requested number of
// alternatives, at most TopLogProbs. The engine computes its sequence term from the
// log-probabilities. Package critique/judge reads the probabilities of labels from the
// alternatives. If the server returns none, the call fails with an error that says so. The
// probability of the end token is not known.
//
// The shapes of requests and answers are those of the servers' documentation and
// source. They are tested against servers that play them back; of live ones only
// Ollama 0.17.4 was tried.
package chat
