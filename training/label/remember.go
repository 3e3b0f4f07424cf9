package label

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/internal/regular"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

// ErrFile is wrapped by the error about a file that holds no remembered labels, holds those
// of another source, or is damaged.
var ErrFile = errors.New("label: bad file")

// Memory is a [Source] that asks another one about each item once, and keeps the label in a
// file: work that was broken off, or is done again in another way, asks only for what is
// new. It gives labels without probabilities. Rejected replies are remembered, too.
type Memory struct {
	source Source

	mu     sync.Mutex
	known  map[itemKey]Answer
	file   *os.File
	failed error // of a write: the file may end in a part of a line
}

type itemKey [16]byte

// rememberedLine is a line of the file.
type rememberedLine struct {
	Key string `json:"key"`
	Answer
}

// Remember returns a source that remembers the labels of s in the file, which need not exist.
// about names s, such as a model: a file of another source, or of other prompts, is refused.
// One process at a time uses a file. The caller closes the source. The error wraps
// training.ErrOption or ErrFile, or is that of the file system.
func Remember(s Source, file, about string) (*Memory, error) {
	if isnil.Value(s) {
		return nil, fmt.Errorf("%w: the source of labels is nil", training.ErrOption)
	}
	f, err := regular.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	head, err := json.Marshal(map[string]string{"goselfrag": "labels", "version": "1", "about": about, "prompts": Prompts(s)})
	m := &Memory{source: s, known: map[itemKey]Answer{}, file: f}
	if err == nil {
		err = m.load(append(head, '\n'), file)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return m, nil
}

// load reads the file, or begins it. A last line without its end, which a process that was
// killed leaves, is cut off.
func (m *Memory) load(head []byte, name string) error {
	in, size := bufio.NewReader(m.file), int64(0)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		switch {
		case err != nil && err != io.EOF:
			return err
		case err == io.EOF && number == 1 && !bytes.HasPrefix(head, line):
			return fmt.Errorf("%w: %s holds no labels of this kind: name another file", ErrFile, name)
		case err == io.EOF && number == 1:
			if err := m.file.Truncate(0); err != nil {
				return err
			}
			_, err := m.file.Write(head)
			return err
		case err == io.EOF:
			return m.file.Truncate(size)
		case number == 1 && !bytes.Equal(line, head):
			return fmt.Errorf("%w: %s holds labels of another model or of other prompts, or no labels at all: name another file", ErrFile, name)
		case number > 1 && !m.addLine(line):
			return fmt.Errorf("%w: line %d of %s is damaged: delete the line", ErrFile, number, name)
		}
		size += int64(len(line))
	}
}

// addLine takes a line, and reports false for a damaged one.
func (m *Memory) addLine(line []byte) bool {
	var l rememberedLine
	if json.Unmarshal(line, &l) != nil || (l.Label == reflection.None) == (l.Reason == "") {
		return false
	}
	key, err := hex.DecodeString(l.Key)
	if err != nil || len(key) != len(itemKey{}) {
		return false
	}
	m.known[itemKey(key)] = l.Answer
	return true
}

func keyOf(it judge.Item) itemKey {
	it = itemAsShown(it)
	sum := sha256.New()
	for _, text := range []string{it.Group.String(), it.Question, it.Passage.Text, it.Before, it.Text} {
		fmt.Fprintf(sum, "%d:%s", len(text), text)
	}
	return itemKey(sum.Sum(nil)[:len(itemKey{})])
}

// Label implements Source.
func (m *Memory) Label(ctx context.Context, it judge.Item) (judge.Label, error) {
	key := keyOf(it)
	m.mu.Lock()
	k, ok := m.known[key]
	m.mu.Unlock()
	if ok {
		return k.label(), nil
	}
	l, err := m.source.Label(ctx, it)
	if err != nil {
		return l, err
	}
	if k, err = m.remember(key, answer(l, it)); err != nil {
		return judge.Label{Usage: l.Usage}, err
	}
	out := k.label()
	out.Usage = l.Usage
	return out, nil
}

// remember stores a label, unless there is one already, which it returns then.
func (m *Memory) remember(key itemKey, k Answer) (Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.known[key]; ok {
		return old, nil
	}
	if m.failed != nil {
		return k, m.failed
	}
	line, err := json.Marshal(rememberedLine{hex.EncodeToString(key[:]), k})
	if err == nil {
		_, err = m.file.Write(append(line, '\n'))
	}
	if err != nil {
		m.failed = fmt.Errorf("label: %w", err)
		return k, m.failed
	}
	m.known[key] = k
	return k, nil
}

// MostLabelCost returns the most that a label of the group can cost.
func (m *Memory) MostLabelCost(g reflection.Group) (budget.Cost, bool) { return MostCost(m.source, g) }

// Templates implements critique.Templated.
func (m *Memory) Templates() []generator.TaskTemplate { return templates(m.source) }

// Close closes the file, which stays.
func (m *Memory) Close() error { return m.file.Close() }
