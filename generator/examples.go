package generator

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Example is an exchange that shows a model what a [TaskTemplate] asks for: a
// [Task] with the wanted reply. All of it is data.
type Example struct {
	// Values holds one value per placeholder of the template. A value used only in
	// the system message is not shown: that message is written once, with the
	// values of the task.
	Values map[string]string
	Reply  string
}

// shot is an example and the user text filled with its values.
type shot struct {
	user string
	Example
}

// WithExamples returns a copy of t that shows exactly these examples, in this
// order, before its question (few-shot prompting). A chat model sees each as a user
// message, the text of t filled with the values, and an assistant message, the
// reply. Any other model sees them as [JoinMessages] writes them; after its own
// reply it may then continue with another question, up to Request.MaxTokens.
// Without examples the copy has none.
//
// Values and replies are neutralized like the values of a task. The error wraps
// ErrRequest and names the example: its values do not match the placeholders of t,
// its reply is blank, or a text is not UTF-8.
func (t TaskTemplate) WithExamples(examples ...Example) (TaskTemplate, error) {
	if t.name == "" {
		return TaskTemplate{}, fmt.Errorf("%w: examples for a zero template: make one with NewTaskTemplate", ErrRequest)
	}
	t.shots = nil
	for i, e := range examples {
		if err := e.check(t.placeholders); err != nil {
			return TaskTemplate{}, fmt.Errorf("%w: task template %q: example %d of %d: %w", ErrRequest, t.name, i+1, len(examples), err)
		}
		t.shots = append(t.shots, shot{t.user, e.clone()})
	}
	return t, nil
}

// Examples returns the examples of t in order, nil if there are none.
func (t TaskTemplate) Examples() []Example {
	var list []Example
	for _, s := range t.shots {
		list = append(list, s.clone())
	}
	return list
}

func (e Example) clone() Example { return Example{maps.Clone(e.Values), e.Reply} }

func (e Example) check(placeholders []string) error {
	if err := checkValues(e.Values, placeholders); err != nil {
		return err
	}
	for _, p := range placeholders {
		if !utf8.ValidString(e.Values[p]) {
			return fmt.Errorf("the value of {{%s}} is not UTF-8", p)
		}
	}
	switch {
	case !utf8.ValidString(e.Reply):
		return errors.New("the reply is not UTF-8")
	case strings.TrimSpace(e.Reply) == "":
		return errors.New("the reply is blank: want what the model is to answer")
	}
	return nil
}

// hashed writes examples unambiguously, for a hash.
func hashed(shots []shot) string {
	var b strings.Builder
	write := func(s string) { fmt.Fprintf(&b, "\x00%d:%s", len(s), s) }
	for _, s := range shots {
		write(s.user)
		for _, p := range slices.Sorted(maps.Keys(s.Values)) {
			write(p)
			write(s.Values[p])
		}
		write(s.Reply)
	}
	return b.String()
}

// Join returns a template with the text of u after that of t, with a blank line
// between, and system messages joined likewise. It needs the values of both. It
// shows the examples of t and then those of u, each under the text it was made for.
// The name is that of t, a plus sign, and that of u. A zero template adds nothing.
func (t TaskTemplate) Join(u TaskTemplate) TaskTemplate {
	switch "" {
	case t.name:
		return u
	case u.name:
		return t
	}
	union := func(a, b []string) []string { return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b)))) }
	system := t.system
	if system != "" && u.system != "" {
		system += messageGap
	}
	return TaskTemplate{
		name: t.name + "+" + u.name, system: system + u.system, user: t.user + messageGap + u.user,
		placeholders: union(t.placeholders, u.placeholders), marks: union(t.marks, u.marks),
		shots: slices.Concat(t.shots, u.shots),
	}
}

// messageWriter writes messages one after another, as [JoinMessages] joins them.
// Two of them can hold the halves of a reserved string.
type messageWriter struct {
	promptWriter
	roles  []Role
	starts []int // of the messages, in the written text
}

func (w *messageWriter) begin(r Role) {
	if len(w.roles) > 0 {
		w.trusted(messageGap)
	}
	w.roles, w.starts = append(w.roles, r), append(w.starts, w.out.Len())
}

// fill writes a message of trusted text with placeholders.
func (w *messageWriter) fill(r Role, text string, values map[string]string) error {
	w.begin(r)
	return expand(text, w.trusted, func(p string) { w.data(values[p]) })
}

// reply writes the reply of an example.
func (w *messageWriter) reply(text, end string) {
	w.begin(RoleAssistant)
	if before, ended := strings.CutSuffix(strings.TrimSpace(text), end); ended && end != "" {
		w.data(before)
		w.trusted(end)
		return
	}
	w.data(text)
}

// messages splits the written text again. Neutralizing changes the length of a
// message in bytes, but not in runes.
func (w *messageWriter) messages() []Message {
	rest := w.String()
	written := w.out.String()
	messages := make([]Message, len(w.roles))
	for i, r := range w.roles {
		if i+1 == len(w.roles) {
			messages[i] = Message{r, rest}
			break
		}
		n := utf8.RuneCountInString(written[w.starts[i] : w.starts[i+1]-len(messageGap)])
		end := offset(rest, n)
		messages[i], rest = Message{r, rest[:end]}, rest[end+len(messageGap):]
	}
	return messages
}

// offset returns the length in bytes of the first n runes of s.
func offset(s string, n int) int {
	for at := range s {
		if n == 0 {
			return at
		}
		n--
	}
	return len(s)
}
