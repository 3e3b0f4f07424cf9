// Package llamacpp generates with llama-server, the server of llama.cpp, by its
// own /completion.
//
//	model, err := llamacpp.New(llamacpp.Config{Server: modelserver.Config{
//		URLs: []string{"http://localhost:8080"},
//	}})
//
// The server returns the ids of tokens and the probabilities of the 20 likeliest.
// Reflection tokens below these are bounded ([reflection.TopN]). Where the engine needs
// exact probabilities of a group, it gets them by one more call for one token. The model
// gives the whole distribution of the next token on request, an answer of megabytes. It
// cannot score a given continuation.
//
// # The server
//
// Reflection tokens may be of the type CONTROL or USER_DEFINED, and --special is
// not needed: tokens are known by their ids. Every slot (-np) has a cache of its
// own, and its share of the context (-c). Requests with the same Affinity go to
// the same slot, so the prefix of a passage is in that cache when the next segment
// is generated. Servers of one model must have the same number of slots. A prompt
// that does not fit a slot is an error, even if an old server cuts it silently.
package llamacpp
