package generator

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// TaskTemplate is a named prompt for a task other than continuing an answer:
// judging, rewriting, making data. Its own text is trusted. Placeholders such as
// {{question}} are filled with data. Marks in its text such as <passage> and
// </passage>, letters and underscores in angle brackets, can separate data from
// text; they are reserved strings in the values. It can show examples first
// ([TaskTemplate.WithExamples]). Make one with [NewTaskTemplate].
type TaskTemplate struct {
	name, system, user string
	placeholders       []string
	marks              []string
	shots              []shot
}

var mark = regexp.MustCompile(`</?[A-Za-z_]+>`)

// NewTaskTemplate parses a template. system may be empty; a chat model gets it as
// its system message, any other model before user. Placeholder names are letters,
// digits and underscores. An error names the position of a brace that does not
// belong to a placeholder, or says that the name or the text is missing.
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

// Messages returns the messages with placeholders unfilled: the system message if
// there is one, and the user message. The examples between them are in
// [TaskTemplate.Examples].
func (t TaskTemplate) Messages() []Message {
	m := []Message{{RoleUser, t.user}}
	if t.system != "" {
		m = slices.Insert(m, 0, Message{RoleSystem, t.system})
	}
	return m
}

// Role is the speaker of a message.
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

// messageGap separates messages in one text.
const messageGap = "\n\n"

// JoinMessages writes messages as one text, separated by blank lines, for a model
// that takes only one text. If there is a message of the assistant, another blank
// line ends the text, so that the model's reply begins like the replies before it.
func JoinMessages(messages []Message) string {
	var texts []string
	replies := false
	for _, m := range messages {
		texts = append(texts, m.Text)
		replies = replies || m.Role == RoleAssistant
	}
	if replies {
		texts = append(texts, "")
	}
	return strings.Join(texts, messageGap)
}

// Hash identifies the template's text and its examples in a trace.
func (t TaskTemplate) Hash() string {
	return hashText(t.system + "\x00" + t.user + hashed(t.shots))
}

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
	if err := checkValues(t.Values, t.Template.placeholders); err != nil {
		return fmt.Errorf("%w: task %q: %w", ErrRequest, t.Template.name, err)
	}
	return nil
}

// checkValues returns an error unless there is one value per placeholder.
func checkValues(values map[string]string, placeholders []string) error {
	for _, p := range placeholders {
		if _, ok := values[p]; !ok {
			return fmt.Errorf("no value for {{%s}}", p)
		}
	}
	for _, v := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(placeholders, v) {
			return fmt.Errorf("value %q has no placeholder: want only %v", v, placeholders)
		}
	}
	return nil
}

// Render fills in the neutralized values and returns the messages in order: the
// system message if there is one, a user and an assistant message for each example,
// and the user message. special lists the server's own special tokens; they and the
// template's marks are reserved. The result of [JoinMessages] on these messages is
// neutralized, too.
func (t Task) Render(special ...string) ([]Message, error) { return t.render("", special) }

// render is Render with a mark, empty if there is none, that is reserved but
// trusted at the end of the replies of examples.
func (t Task) render(end string, special []string) ([]Message, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	w := messageWriter{promptWriter: promptWriter{special: slices.Concat(t.Template.marks, special)}}
	if t.Template.system != "" {
		if err := w.fill(RoleSystem, t.Template.system, t.Values); err != nil {
			return nil, err
		}
	}
	for _, s := range t.Template.shots {
		if err := w.fill(RoleUser, s.user, s.Values); err != nil {
			return nil, err
		}
		w.reply(s.Reply, end)
	}
	if err := w.fill(RoleUser, t.Template.user, t.Values); err != nil {
		return nil, err
	}
	return w.messages(), nil
}

// expand walks through text. It calls literal with each text between placeholders
// and placeholder with each name.
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
