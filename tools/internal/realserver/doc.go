// Package realserver tests the generators for model servers against real ones, with
// the model of package toymodel, whose probabilities package oracle knows. The tests
// are skipped where there is no server:
//
//   - Ollama at the URL in GOSELFRAG_OLLAMA_URL, as .ci/ollama provides it;
//   - llama-server, if it is on the PATH.
//
// What the package itself holds reads from Ollama's log how much work requests were.
package realserver
