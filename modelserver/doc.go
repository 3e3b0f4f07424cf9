// Package modelserver has the types that all clients of model servers share: the
// configuration of the connection ([Config]) and the error of a failed call ([Error]).
//
//	server := modelserver.Config{
//		URLs:   []string{"http://localhost:8000"},
//		Model:  "selfrag/selfrag_llama2_7b",
//		APIKey: modelserver.NewKey(os.Getenv("API_KEY")),
//	}
//	model, err := vllm.New(vllm.Config{Server: server})
//	…
//	var failed *modelserver.Error
//	if errors.As(err, &failed) && failed.Retryable {
//		// try again later
//	}
//
// Each family of servers has a package of its own, such as those below generator.
package modelserver
