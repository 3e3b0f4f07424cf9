// Package llamacpp generates with llama-server, the server of llama.cpp, by its
// own /completion.
//
//	model, err := llamacpp.New(llamacpp.Config{Server: modelserver.Config{
//		URLs: []string{"http://localhost:8080"},
//	}})
//
// The server tells the ids of tokens and the probabilities of the 20 likeliest:
// reflection tokens below these are bounded ([reflection.TopN]). The engine gets
// exact probabilities of a group where it needs them, by one more call for one
// token, and the model gives the whole distribution of the next token on request,
// which takes megabytes. It cannot score a given continuation.
//
// # The server
//
// Reflection tokens may be of the type CONTROL or USER_DEFINED, and --special is
// not needed: tokens are known by their ids. Every slot (-np) has a cache of its
// own, and its share of the context (-c). Requests with the same Affinity go to
// the same slot, so that a passage of a question finds its prefix there when the
// next segment is generated. Servers of one model must have the same number of
// slots. A prompt that does not fit a slot is an error here, also where an old
// server cuts it silently.
package llamacpp
