package selfrag

// Mutations are faults of the pruning rule, Mutated their switches.
type Mutations = mutations

var Mutated = &mutated
