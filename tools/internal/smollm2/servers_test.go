package smollm2

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/chat"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/modelserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server returns where the real server is. Without one the test is skipped.
func server(t *testing.T) modelserver.Config {
	t.Helper()
	url := os.Getenv("GOSELFRAG_SMOLLM2_URL")
	if url == "" {
		t.Skip("GOSELFRAG_SMOLLM2_URL is not set: run .ci/ollama -m smollm2 go -C tools test ./internal/smollm2")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	return modelserver.Config{
		URLs: []string{url}, Model: os.Getenv("GOSELFRAG_SMOLLM2_MODEL"), Retries: -1, Timeout: 2 * time.Minute,
		Client: &http.Client{Transport: transport},
	}
}

// short are prompts of few tokens. The passage comes first: the server keeps what it
// evaluated of it for the next question.
var short = generator.ChatTemplate{
	Answer:     generator.MustTaskTemplate("short", "", "{{question}}"),
	AnswerFrom: generator.MustTaskTemplate("short-from", "", "{{passage}}\n{{question}}"),
	Next:       generator.MustTaskTemplate("short-next", "", "{{question}} One sentence. Then "+generator.EndMark+"\n{{answer}}"),
	NextFrom:   generator.MustTaskTemplate("short-next-from", "", "{{passage}}\n{{question}} One sentence. Then "+generator.EndMark+"\n{{answer}}"),
}

// continuing returns the model as one that continues a text.
func continuing(t *testing.T) *ollama.Model {
	t.Helper()
	m, err := ollama.New(ollama.Config{Server: server(t), NoTokens: true, Template: chatML{short}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// chatting returns the model as one that answers messages, with log-probabilities unless
// top is 0.
func chatting(t *testing.T, top int) *chat.Model {
	t.Helper()
	m, err := chat.New(chat.Config{Server: server(t), TopLogProbs: top, Template: short})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// chatML writes the messages of a template as the server does.
type chatML struct{ messages generator.ChatTemplate }

func (c chatML) Name() string { return "chatml-" + c.messages.Name() }

func (c chatML) Hash() string { return c.messages.Hash() }

func (c chatML) Render(p generator.Prompt, special ...string) (string, error) {
	messages, err := c.messages.Render(p, false, special...)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, m := range messages {
		b.WriteString("<|im_start|>" + string(m.Role) + "\n" + m.Text + "<|im_end|>\n")
	}
	b.WriteString("<|im_start|>assistant\n")
	return b.String(), nil
}
