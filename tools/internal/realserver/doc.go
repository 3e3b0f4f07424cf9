// Package realserver tests the generators for model servers against real ones, with the
// model of package toymodel. Package oracle computes the expected probabilities. The tests
// are skipped where there is no server:
//
//   - Ollama at the URL in GOSELFRAG_OLLAMA_URL, as .ci/ollama provides it;
//   - llama-server, if it is on the PATH.
//
// The package itself reads the work of requests from Ollama's log.
package realserver
