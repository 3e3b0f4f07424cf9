// Package specialtoken lists the special tokens of the models in use. A server
// reads them out of any prompt, and most do not tell which ones their model has.
package specialtoken

// WellKnown are the usual ones. It must not be changed.
var WellKnown = []string{
	"<s>", "</s>", "<unk>", "<pad>",
	"<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>",
	"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>", "<|python_tag|>",
	"<|im_start|>", "<|im_end|>", "<|endoftext|>",
	"<|system|>", "<|user|>", "<|assistant|>", "<|end|>",
	"<|start|>", "<|message|>", "<|channel|>", "<|return|>", "<|call|>",
	"[INST]", "[/INST]", "<<SYS>>", "<</SYS>>",
}
