// Package faulthttp has an HTTP server with faulty answers, for tests of clients of model
// servers.
//
// A [Server] passes requests to a correct handler and applies one [Fault] after the other
// to its answers: connections are refused, reset or hang, streams are slow or cut, errors
// have any status or none, and numbers and entries are wrong or missing.
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
