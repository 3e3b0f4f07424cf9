package training

import (
	"fmt"
	"unicode/utf8"
)

// Message is a part of a conversation to train on.
type Message struct {
	Role    string `json:"role"` // user or assistant
	Content string `json:"content"`
	Weight  int    `json:"weight"` // of its loss: 0 or 1
}

// ChatRecord is a line of the chat form, for trainers of chat models that read a weight of
// each message.
type ChatRecord struct {
	Messages []Message `json:"messages"`
	ID       ID        `json:"id"`
}

// Check returns an error that wraps ErrRecord if a text is not UTF-8, or if there is no
// message with a loss.
func (r ChatRecord) Check() error {
	sum := 0
	for i, m := range r.Messages {
		if !utf8.ValidString(m.Content) {
			return fmt.Errorf("%w: messages[%d] is not UTF-8", ErrRecord, i)
		}
		sum += m.Weight
	}
	if sum == 0 {
		return fmt.Errorf("%w: no message has a weight", ErrRecord)
	}
	return nil
}

// Chat returns the record as a conversation: the instruction from the user, then the output,
// cut at the spans of Masked. Each span is a message of the user with weight 0, so that it
// has no loss either where a trainer reads no weights and trains on the assistant alone; the
// rest is from the assistant. User and assistant take turns, as some trainers require. The
// contents of the messages but the first, one after the other, are Output. The error wraps
// ErrRecord if Masked is nil, or no list of spans.
func (r Record) Chat() (ChatRecord, error) {
	if r.Masked == nil {
		return ChatRecord{}, fmt.Errorf("%w: \"masked\" is missing", ErrRecord)
	}
	spans, err := SpansOf(r.Output, r.Masked)
	if err != nil {
		return ChatRecord{}, err
	}
	content := r.Instruction
	if r.Input != "" {
		content += "\n\n### Input:\n" + r.Input
	}
	chat := ChatRecord{[]Message{{"user", content, 0}}, r.ID}
	at := 0
	add := func(role string, to, weight int) {
		if at < to {
			chat.Messages = append(chat.Messages, Message{role, r.Output[at:to], weight})
			at = to
		}
	}
	for _, s := range spans {
		add("assistant", s.Bytes[0], 1)
		add("user", s.Bytes[1], 0)
	}
	add("assistant", len(r.Output), 1)
	return chat, nil
}
