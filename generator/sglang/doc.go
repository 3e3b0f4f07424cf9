// Package sglang generates with a model at an SGLang server, by its own /generate.
//
//	model, err := sglang.New(sglang.Config{Server: modelserver.Config{
//		URLs: []string{"http://localhost:30000"},
//	}})
//
// The server gives the exact probability of every reflection token, by id
// ([reflection.ExactIDs]), also for a continuation that is only scored, and exact
// probabilities of a group. It does not give the whole distribution of a token.
//
// Above temperature 0 the server's probabilities are those after the temperature.
// The ratios within a group are converted back, and the distributions of groups are
// then normalized to sum to 1. The probabilities of generated tokens stay unknown.
// Sampling cannot be seeded.
//
// # The server
//
// The prefix cache is shared by all requests, token by token, so all passages of
// a question can be sent at once. Without --incremental-streaming-output (older:
// --stream-output) every event repeats the whole answer, which takes time with
// long ones. Do not start it with --allow-auto-truncate, which cuts prompts
// silently.
//
// This package was written from SGLang's source and has not been run against a
// live server.
package sglang
