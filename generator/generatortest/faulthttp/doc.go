// Package faulthttp has an HTTP server whose answers go wrong, for tests of code
// that talks to model servers.
//
// A [Server] passes requests on to a handler that answers well and spoils its
// answers with one [Fault] after the other: connections that are refused, reset
// or hang, streams that trickle or are cut, errors with every status and with
// none, and numbers and entries that are wrong or missing.
//
// It listens on pipes in memory, not on a socket, so it also works in a bubble of
// testing/synctest, where a test that waits for minutes takes no time:
//
//	server := faulthttp.New(handler, faulthttp.Status(503, `{"error":"busy"}`, "Retry-After", "1"))
//	defer server.Close()
//	model, err := vllm.New(vllm.Config{Server: modelserver.Config{
//		URLs: []string{faulthttp.URL}, Client: server.Client(),
//	}})
package faulthttp
