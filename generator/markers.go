package generator

import "unicode"

// Markers that have no shape to recognize them by. Those that are as frequent in
// ordinary text, such as [ARGS] and [PREFIX] in manuals or <pre> in HTML, are left
// out.
var markerPatterns = func() []pattern {
	var ps []pattern
	for _, m := range []string{
		"<unk>", "<pad>", "<bos>", "<eos>", "<BOS_TOKEN>", "<EOS_TOKEN>", "<sop>", "<eop>", "<eoh>", "<eoa>",
		"<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>",
		"[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[MODEL_SETTINGS]", "[/MODEL_SETTINGS]",
		"[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[/TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
		"[TOOL_CONTENT]", "[/TOOL_CONTENT]", "[CALL_ID]", "[THINK]", "[/THINK]", "[gMASK]", "[sMASK]",
		"<think>", "</think>", "<thinking>", "</thinking>",
		"<tool_call>", "</tool_call>", "<tool_calls>", "</tool_calls>", "<tool_response>", "</tool_response>",
		"<function_call>", "</function_call>", "<function_calls>", "</function_calls>",
		"<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>",
		"<minimax:tool_call>", "</minimax:tool_call>",
		"<seed:bos>", "<seed:eos>", "<seed:pad>", "<seed:think>", "</seed:think>", "<seed:tool_call>", "</seed:tool_call>",
		"<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<file_sep>", "<repo_name>",
	} {
		ps = append(ps, newPattern(m))
	}
	return ps
}()

// numbered holds the markers that a model has many of: the words before the number,
// in the spelling of the folded view.
var numbered = []string{"RESERVED_", "UNUSED", "SPECIAL_", "EXTRA_ID_", "MASK:"}

// longestMarker is the greatest number of runes between the brackets of a marker.
// Longer ones are not recognized, so that the time stays linear.
const longestMarker = 64

// marker reports whether first, the rune of w.text before w, begins a marker that
// is recognized by its shape, and returns its last rune.
func marker(w *foldWindow, first foldedRune) (last foldedRune, ok bool) {
	closing := '>'
	switch first.r {
	case '<':
	case '[':
		closing = ']'
	default:
		return first, false
	}
	switch f, _ := w.at(0); f.r {
	case '|':
	case '/':
		if f, _ := w.at(1); f.r != 'S' {
			return first, false
		}
	case 'R', 'U', 'S', 'E', 'M': // the first letters of the tags in numbered, and of <s>
		if closing == ']' {
			return first, false
		}
	default:
		return first, false
	}
	var word [longestMarker + 2]rune // the bars included
	n := 0
	for {
		f, ok := w.at(n)
		if !ok || f.blank {
			return first, false
		}
		if f.r == closing {
			last = f
			break
		}
		if n == len(word) || f.r != '|' && f.r != ':' && !inMarker(f.r) {
			return first, false
		}
		word[n] = f.r
		n++
	}
	return last, isBarred(word[:n]) || first.r == '<' && (isNumbered(word[:n]) || isSentence(word[:n], w))
}

// isSentence reports whether word is that of <s> or </s>. Case counts here, unlike
// in other markers: <S> is as often a letter in angle brackets.
func isSentence(word []rune, w *foldWindow) bool {
	if n := len(word); n == 0 || n > 2 || word[n-1] != 'S' || n == 2 && word[0] != '/' {
		return false
	}
	f, _ := w.at(len(word) - 1)
	letter := w.text[f.at:f.end]
	return letter != "S" && letter != "Ｓ"
}

// isBarred reports whether word is a word between bars.
func isBarred(word []rune) bool {
	if len(word) < 3 || word[0] != '|' || word[len(word)-1] != '|' {
		return false
	}
	for _, r := range word[1 : len(word)-1] {
		if !inMarker(r) {
			return false
		}
	}
	return true
}

// isNumbered reports whether word is one of numbered with its number.
func isNumbered(word []rune) bool {
	for _, n := range numbered {
		digits := word[min(len(n), len(word)):]
		ok := len(digits) > 0
		for i := range n {
			ok = ok && word[i] == rune(n[i])
		}
		for _, r := range digits {
			ok = ok && r >= '0' && r <= '9'
		}
		if ok {
			return true
		}
	}
	return false
}

// inMarker reports whether r can be between the bars of a marker.
func inMarker(r rune) bool {
	switch r {
	case '_', '-', '.', '/', '▁':
		return true
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.N)
}
