package generator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// TaskTemplate is a named prompt for something other than continuing an answer:
// judging, rewriting, making data. Its own text is trusted; placeholders such as
// {{question}} are filled with data. It can part data from its own text with marks
// such as <passage> and </passage>, letters and underscores in angle brackets:
// those that stand in its text are reserved strings in the values. Make one with
// [NewTaskTemplate].
type TaskTemplate struct {
	name, system, user string
	placeholders       []string
	marks              []string
}

var mark = regexp.MustCompile(`</?[A-Za-z_]+>`)

// NewTaskTemplate parses a template. system may be empty; a chat model gets it
// as its system message, any other model in front of user. An error names the
// place of a brace that does not belong to a placeholder, or says that there is
// no name or no text. Placeholder names are letters, digits and underscores.
func NewTaskTemplate(name, system, user string) (TaskTemplate, error) {
	t := TaskTemplate{name: name, system: system, user: user}
	if name == "" || strings.TrimSpace(user) == "" {
		return TaskTemplate{}, fmt.Errorf("%w: a task template needs a name and a user text", ErrRequest)
	}
	for _, text := range [...]string{system, user} {
		err := expand(text, func(string) {}, func(p string) {
			if !slices.Contains(t.placeholders, p) {
				t.placeholders = append(t.placeholders, p)
			}
		})
		if err != nil {
			return TaskTemplate{}, fmt.Errorf("%w: task template %q: %w", ErrRequest, name, err)
		}
	}
	slices.Sort(t.placeholders)
	t.marks = mark.FindAllString(system+"\n"+user, -1)
	slices.Sort(t.marks)
	t.marks = slices.Compact(t.marks)
	return t, nil
}

// MustTaskTemplate is like [NewTaskTemplate] but panics on an error. It is for
// package variables whose text is a constant.
func MustTaskTemplate(name, system, user string) TaskTemplate {
	t, err := NewTaskTemplate(name, system, user)
	if err != nil {
		panic(err)
	}
	return t
}

// Name returns the template's name.
func (t TaskTemplate) Name() string { return t.name }

// Placeholders returns the names that need values, sorted.
func (t TaskTemplate) Placeholders() []string { return slices.Clone(t.placeholders) }

// Messages returns the template's messages, placeholders unfilled: the system
// message if there is one, and the user message.
func (t TaskTemplate) Messages() []Message {
	m := []Message{{RoleUser, t.user}}
	if t.system != "" {
		m = slices.Insert(m, 0, Message{RoleSystem, t.system})
	}
	return m
}

// Role says who speaks a message.
type Role string

// The roles that chat models know.
const (
	RoleSystem    Role = "system"
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
)

// Message is one message to a chat model.
type Message struct {
	Role Role   `json:"role"`
	Text string `json:"text"`
}

// JoinMessages writes messages as one text, for a model that takes no others:
// blank lines stand between them.
func JoinMessages(messages []Message) string {
	texts := make([]string, len(messages))
	for i, m := range messages {
		texts[i] = m.Text
	}
	return strings.Join(texts, "\n\n")
}

// Hash identifies the template's text in a trace.
func (t TaskTemplate) Hash() string { return hashText(t.system + "\x00" + t.user) }

// Task is a template with its values.
type Task struct {
	Template TaskTemplate
	// Values holds one value per placeholder. Values are data.
	Values map[string]string
}

// Check returns an error that wraps ErrRequest if a placeholder has no value or
// a value has no placeholder.
func (t Task) Check() error {
	if t.Template.name == "" {
		return fmt.Errorf("%w: Task.Template is zero: make one with NewTaskTemplate", ErrRequest)
	}
	for _, p := range t.Template.placeholders {
		if _, ok := t.Values[p]; !ok {
			return fmt.Errorf("%w: task %q: no value for {{%s}}", ErrRequest, t.Template.name, p)
		}
	}
	if len(t.Values) > len(t.Template.placeholders) {
		for v := range t.Values {
			if !slices.Contains(t.Template.placeholders, v) {
				return fmt.Errorf("%w: task %q: value %q has no placeholder: want only %v", ErrRequest, t.Template.name, v, t.Template.placeholders)
			}
		}
	}
	return nil
}

// Render fills the values in, neutralised, and returns the messages in order.
// special lists the server's own special tokens; the template's marks are reserved
// with them.
func (t Task) Render(special ...string) ([]Message, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	messages := t.Template.Messages()
	special = slices.Concat(t.Template.marks, special)
	for i, m := range messages {
		w := promptWriter{special: special}
		if err := expand(m.Text, w.trusted, func(p string) { w.data(t.Values[p]) }); err != nil {
			return nil, err
		}
		messages[i].Text = w.String()
	}
	return messages, nil
}

// expand walks through text and calls literal for what stands between
// placeholders and placeholder for each name.
func expand(text string, literal, placeholder func(string)) error {
	for rest, at := text, 0; ; {
		i := strings.Index(rest, "{{")
		if i < 0 {
			literal(rest)
			return nil
		}
		j := strings.Index(rest[i:], "}}")
		if j < 0 {
			return fmt.Errorf("byte %d: {{ without }}", at+i)
		}
		name := rest[i+2 : i+j]
		if !isPlaceholder(name) {
			return fmt.Errorf("byte %d: %q is not a placeholder name: want letters, digits and underscores", at+i, name)
		}
		if i > 0 {
			literal(rest[:i])
		}
		placeholder(name)
		at += i + j + 2
		rest = rest[i+j+2:]
	}
}

func isPlaceholder(s string) bool {
	for _, r := range s {
		if r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return s != ""
}
