package feature

// RetrieveNames returns the names of the features of [Asked.Retrieve].
func RetrieveNames() []string { return []string{"one", "own text"} }

// Retrieve returns the features of a prompt that say whether to retrieve before answering: a
// model that can only quote does, unless the prompt itself holds the text to quote.
func (a *Asked) Retrieve() []float64 { return []float64{1, b2f(len(a.Given) > 0)} }
