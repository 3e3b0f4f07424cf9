// Package vllm generates with a model at a vLLM server, by /v1/completions.
//
//	model, err := vllm.New(vllm.Config{Server: modelserver.Config{
//		URLs:  []string{"http://localhost:8000"},
//		Model: "selfrag/selfrag_llama2_7b",
//	}})
//
// A server that knows the field logprob_token_ids (2026-07) gives the exact
// probability of every reflection token, by id ([reflection.ExactIDs]). An older
// one ignores the field; it gives the 20 likeliest tokens, and what lies below is
// bounded ([reflection.TopN]). The first call finds out which it is.
//
// The model can score a given continuation, in which reflection tokens below the
// 20 likeliest are bounded; it gives exact probabilities of a group, on a server
// of the first kind; and the whole distribution of the next token, on a server
// that was started with --max-logprobs -1. Alternatives (Request.Alternatives) come
// only with requests that watch no group, since the server gives one or the other.
//
// # The server
//
// Leave --logprobs-mode at raw_logprobs. The prefix cache is on by default and
// shared by all requests, so all passages of a question can be sent at once. With
// --enable-prompt-tokens-details the server says how much of a prompt it had.
//
// This package was written from vLLM's source and has not been run against a live
// server.
package vllm
