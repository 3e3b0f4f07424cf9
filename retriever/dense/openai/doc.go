// Package openai embeds texts with a model behind an OpenAI-compatible
// /v1/embeddings: OpenAI itself, llama-server with --embedding, vLLM, Ollama, TEI
// and many others.
//
//	client, err := openai.New(openai.Config{Server: modelserver.Config{
//		URLs:  []string{"http://localhost:11434"},
//		Model: "nomic-embed-text",
//	}})
//
// A [Client] is an Embedder of package dense. Many models require a prefix before questions
// and another before passages, such as "search_query: " and "search_document: ". Wrap the
// client in an embedder of your own that adds them.
//
// The shapes of requests and answers are those of the servers' documentation and
// source. They are tested against servers that play them back; of live ones only
// Ollama 0.17.4 was tried.
package openai
