package generator

// Turn is an earlier question of a conversation and its answer. Both are data.
type Turn struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// Conversation is a question and the turns before it, oldest first.
type Conversation struct {
	History  []Turn
	Question string
}

// Rewriting is a question made from another one or from a conversation.
type Rewriting struct {
	Question string `json:"question"`
	// Usage counts the model calls of the rewriting; zero if there were none.
	Usage Usage `json:"usage,omitzero"`
	// Template and TemplateHash identify the task template, if there was one.
	Template     string `json:"template,omitempty"`
	TemplateHash string `json:"template_hash,omitempty"`
}
