package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/chat"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/internal/completion/completiontest"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMethods(t *testing.T) {
	completiontest.Methods[*chat.Model](t, "Check", "Describe", "Generate")
}

// connect returns a model at a server that h answers.
func connect(t testing.TB, h http.Handler, edit func(*chat.Config)) *chat.Model {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c := chat.Config{Server: modelserver.Config{URLs: []string{s.URL}, Model: "tiny", Client: s.Client(), Retries: -1}}
	if edit != nil {
		edit(&c)
	}
	m, err := chat.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func probs(n int) func(*chat.Config) { return func(c *chat.Config) { c.TopLogProbs = n } }

func TestContract(t *testing.T) {
	for name, n := range map[string]int{"with log-probabilities": 20, "with few of them": 1, "without": 0} {
		t.Run(name, func(t *testing.T) {
			generatortest.TestGenerator(t, connect(t, stub{}, probs(n)), generatortest.Seeded())
		})
	}
}

// sse answers every request with the same stream.
func sse(lines ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for _, l := range lines {
			_, _ = io.WriteString(w, l+"\n\n")
		}
	})
}

// recorded are streams as the documentation or the source of servers has them.
var recorded = map[string][]string{
	"OpenAI": {
		`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}`,
		`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"Franz"},"logprobs":{"content":[{"token":"Franz","logprob":-0.25,"bytes":[70,114,97,110,122],"top_logprobs":[{"token":"Franz","logprob":-0.25,"bytes":[70,114,97,110,122]},{"token":"Max","logprob":-2.5,"bytes":[77,97,120]}]}],"refusal":null},"finish_reason":null}],"usage":null}`,
		`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":" Kafka"},"logprobs":{"content":[{"token":" Kafka","logprob":-0.5,"bytes":[32,75,97,102,107,97],"top_logprobs":[{"token":" Kafka","logprob":-0.5,"bytes":[32,75,97,102,107,97]},{"token":" ","logprob":-9999.0,"bytes":[32]}]}],"refusal":null},"finish_reason":null}],"usage":null}`,
		`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}`,
		`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"m","choices":[],"usage":{"prompt_tokens":19,"completion_tokens":3,"total_tokens":22,"prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}`,
		`data: [DONE]`,
	},
	"vLLM": {
		`data: {"id":"chatcmpl-2","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null}`,
		`data: {"id":"chatcmpl-2","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Franz Kafka"},"logprobs":{"content":[{"token":"Franz","logprob":-0.25,"bytes":[70,114,97,110,122],"top_logprobs":[{"token":"Franz","logprob":-0.25,"bytes":[70,114,97,110,122]},{"token":"Max","logprob":-2.5,"bytes":[77,97,120]}]},{"token":" Kafka","logprob":-0.5,"bytes":[32,75,97,102,107,97],"top_logprobs":[{"token":" Kafka","logprob":-0.5,"bytes":[32,75,97,102,107,97]}]}]},"finish_reason":null,"token_ids":null}]}`,
		`data: {"id":"chatcmpl-2","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"stop","stop_reason":null}]}`,
		`data: {"id":"chatcmpl-2","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":19,"total_tokens":22,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":8}}}`,
		`data: [DONE]`,
	},
	"llama-server": {
		`: ping`,
		`data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1,"id":"chatcmpl-3","model":"m","object":"chat.completion.chunk"}`,
		`data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Franz"},"logprobs":{"content":[{"id":9,"token":"Franz","bytes":[70,114,97,110,122],"logprob":-0.25,"top_logprobs":[{"id":9,"token":"Franz","bytes":[70,114,97,110,122],"logprob":-0.25},{"id":8,"token":"Max","bytes":[77,97,120],"logprob":-2.5}]}]}}],"created":1,"id":"chatcmpl-3","model":"m","object":"chat.completion.chunk"}`,
		`data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":" Kafka"},"logprobs":{"content":[{"id":7,"token":" Kafka","bytes":[32,75,97,102,107,97],"logprob":-0.5,"top_logprobs":[{"id":7,"token":" Kafka","bytes":[32,75,97,102,107,97],"logprob":-0.5},{"id":2,"token":"","bytes":[],"logprob":-4.5}]}]}}],"created":1,"id":"chatcmpl-3","model":"m","object":"chat.completion.chunk"}`,
		`data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1,"id":"chatcmpl-3","model":"m","object":"chat.completion.chunk","usage":{"completion_tokens":3,"prompt_tokens":19,"total_tokens":22,"prompt_tokens_details":{"cached_tokens":8}},"timings":{"prompt_n":19}}`,
		`data: [DONE]`,
	},
}

func question() generator.Request {
	return generator.Request{Prompt: generator.Prompt{Instruction: "Who wrote The Trial?"}, MaxTokens: 20, Alternatives: 5}
}

func TestRecorded(t *testing.T) {
	want := generator.Completion{
		Finish: generator.FinishEnd,
		Usage:  generator.Usage{Calls: 1, PromptTokens: 19, CachedTokens: 8, GeneratedTokens: 3},
		Steps: []generator.Step{
			{Text: "Franz", LogProb: reflection.ExactLog(-0.25), Top: []generator.Alternative{
				{Text: "Franz", Prob: reflection.ExactLog(-0.25)}, {Text: "Max", Prob: reflection.ExactLog(-2.5)}}},
			{Text: " Kafka", LogProb: reflection.ExactLog(-0.5), Top: []generator.Alternative{{Text: " Kafka", Prob: reflection.ExactLog(-0.5)}}},
		},
	}
	for name, lines := range recorded {
		t.Run(name, func(t *testing.T) {
			got, err := generator.Complete(t.Context(), connect(t, sse(lines...), probs(20)), question())
			if err != nil {
				t.Fatal(err)
			}
			if a, b := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); a != b {
				t.Errorf("got\n%s\nwant\n%s", a, b)
			}
			// Without log-probabilities the same text comes, in the server's pieces.
			req := question()
			got, err = generator.Complete(t.Context(), connect(t, sse(lines...), nil), req)
			if err != nil || got.Text() != "Franz Kafka" || got.Steps[0].LogProb.Known != reflection.Unknown || got.Steps[0].Top != nil {
				t.Errorf("without: %+v %v", got, err)
			}
		})
	}
}

// chunk is an event with content and tokens of the given log-probabilities.
func chunk(content string, tokens ...string) string {
	return fmt.Sprintf(`data: {"choices":[{"index":0,"delta":{"content":%q},"logprobs":{"content":[%s]},"finish_reason":null}]}`, content, strings.Join(tokens, ","))
}

func tok(text, logProb string) string { return fmt.Sprintf(`{"token":%q,"logprob":%s}`, text, logProb) }

const (
	stop = `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	done = `data: [DONE]`
)

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string // texts of the steps, separated by |
		sum   float64
		err   string
	}{
		{"no [DONE]", []string{chunk("Yes", tok("Yes", "-1")), stop}, "Yes", -1, ""},
		{"thoughts and hidden tokens are passed over", []string{
			`data: {"choices":[{"index":0,"delta":{"content":null,"reasoning_content":"Hm"},"logprobs":{"content":[` + tok("Hm", "-3") + `]}}]}`,
			chunk("", tok("</think>", "-1")), chunk("Yes", tok("Yes", "-1")), chunk("", tok("<|im_end|>", "-2")), stop, done}, "Yes", -1, ""},
		{"thoughts and text as parts", []string{
			`data: {"choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm"}]},{"type":"reference","text":"x"}]}}]}`,
			`data: {"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"Y"},{"text":"es","type":"text"}]},"logprobs":{"content":[` + tok("Yes", "-1") + `]}}]}`, stop, done}, "Yes", -1, ""},
		{"parts of another form", []string{`data: {"choices":[{"index":0,"delta":{"content":["Yes"]}}]}`, stop, done}, "", 0, "not what was expected"},
		{"a call of a tool", []string{`data: {"choices":[{"index":0,"delta":{"content":null,"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}}]}`,
			`data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`, done}, "", 0, `the reason "tool_calls"`},
		{"no choices", []string{`data: {"choices":[],"prompt_filter_results":[]}`, `data: {"choices":null}`, chunk("Yes", tok("Yes", "-1")), stop, done}, "Yes", -1, ""},
		{"a character in parts", []string{
			chunk("", `{"token":"bytes:e7","logprob":-1,"bytes":[231]}`), chunk("", `{"token":"bytes:81","logprob":-1,"bytes":[129]}`),
			chunk("火", `{"token":"bytes:ab","logprob":-1,"bytes":[171]}`), chunk("!", tok("!", "-1")), stop, done}, "||火|!", -4, ""},
		{"a character in parts that are no bytes", []string{
			chunk("", `{"token":"\ufffd","logprob":-1,"bytes":[239,191,189]}`), chunk("", tok("\ufffd", "-2")), chunk("火", tok("火", "-3")), stop, done}, "||火", -6, ""},
		{"a character in parts in one event", []string{
			chunk("é!", `{"token":"bytes:c3","logprob":-1,"bytes":[195]}`, `{"token":"bytes:a9","logprob":-1,"bytes":[169]}`, tok("!", "-1")), stop, done}, "|é|!", -3, ""},
		{"a character that stays incomplete", []string{chunk("A", tok("A", "-1")), chunk("", `{"token":"x","logprob":-1,"bytes":[231]}`), stop, done}, "A", -1, ""},
		{"tokens that are not the text", []string{chunk("Yes!", tok("[x]", "-1"), tok("Yes!", "-2")), stop, done}, "|Yes!", -3, ""},
		{"a refusal", []string{
			`data: {"choices":[{"index":0,"delta":{"content":null,"refusal":"I cannot."},"logprobs":{"content":null,"refusal":[` + tok("I cannot.", "-1") + `]}}]}`, stop, done}, "I cannot.", -1, ""},
		{"a hair above zero", []string{chunk("Yes", tok("Yes", "1e-7")), stop, done}, "Yes", 0, ""},
		{"nothing", []string{stop, done}, "", 0, ""},
		{"not among the likeliest", []string{chunk("Yes", tok("Yes", "-9999.0")), stop, done}, "Yes", math.NaN(), ""},
		{"no finish", []string{chunk("Yes", tok("Yes", "-1")), done}, "", 0, "ended before it was complete"},
		{"no finish and no end", []string{chunk("Yes", tok("Yes", "-1"))}, "", 0, "ended before it was complete"},
		{"filtered", []string{chunk("Yes", tok("Yes", "-1")), `data: {"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]}`, done}, "", 0, `the reason "content_filter"`},
		{"two choices", []string{`data: {"choices":[{"index":0,"delta":{}},{"index":1,"delta":{}}]}`, stop, done}, "", 0, "2 choices: want one"},
		{"another choice", []string{`data: {"choices":[{"index":1,"delta":{"content":"x"}}]}`, stop, done}, "", 0, "2 choices: want one"},
		{"no log-probabilities", []string{`data: {"choices":[{"index":0,"delta":{"content":"Yes"}}]}`, stop, done}, "", 0, "no log-probabilities for this model: set TopLogProbs to 0"},
		{"null log-probability", []string{chunk("Yes", tok("Yes", "null")), stop, done}, "", 0, "without its log-probability"},
		{"positive log-probability", []string{chunk("Yes", tok("Yes", "0.5")), stop, done}, "", 0, "log-probability 0.5"},
		{"an error in the stream", []string{chunk("Yes", tok("Yes", "-1")), `data: {"error":{"message":"out of memory","code":500}}`}, "", 0, "out of memory"},
		{"no JSON", []string{`data: {"choices":[}]}`}, "", 0, "not what was expected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := generator.Complete(t.Context(), connect(t, sse(c.lines...), probs(20)), question())
			if c.err != "" {
				var e *modelserver.Error
				if !errors.As(err, &e) || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("%v: want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, s := range got.Steps {
				texts = append(texts, s.Text)
			}
			if strings.Join(texts, "|") != c.want || got.Finish != generator.FinishEnd || got.End.Known != reflection.Unknown {
				t.Errorf("steps %q, finish %v, end %v", texts, got.Finish, got.End)
			}
			sum, _ := got.LogProb(generator.CountText)
			if math.IsNaN(c.sum) != (sum.Known != reflection.Exact) || !math.IsNaN(c.sum) && math.Abs(sum.Log-c.sum) > 1e-9 {
				t.Errorf("the sum is %+v, want %v", sum, c.sum)
			}
		})
	}
}

// A server that does not keep the limit is cut off at it.
func TestLimitIsKept(t *testing.T) {
	lines := slices.Repeat([]string{chunk(" a", tok(" a", "-1"))}, 50)
	req := question()
	req.MaxTokens = 7
	got, err := generator.Complete(t.Context(), connect(t, sse(append(lines, stop, done)...), probs(20)), req)
	if err != nil || len(got.Steps) != 7 || got.Finish != generator.FinishLength || !got.Usage.Partial {
		t.Errorf("%d steps, %v, %+v, %v", len(got.Steps), got.Finish, got.Usage, err)
	}
}

func TestRequests(t *testing.T) {
	var got string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = strings.TrimSpace(string(b))
		sse(stop, done).ServeHTTP(w, r)
	})
	task := generator.MustTaskTemplate("t", "Be brief.", "Say {{a}}.")
	ask := generator.Request{MaxTokens: 9, Task: &generator.Task{Template: task, Values: map[string]string{"a": "x <|im_end|> [Relevant] &"}}}
	messages := `"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Say x (|im_end|) (Relevant) &."}]`
	stream := `"stream":true,"stream_options":{"include_usage":true}`
	shown, err := task.WithExamples(generator.Example{Values: map[string]string{"a": "</s>"}, Reply: "No <|im_end|>."})
	if err != nil {
		t.Fatal(err)
	}
	shownMessages := strings.Replace(messages, `{"role":"user"`, `{"role":"user","content":"Say (/s)."},{"role":"assistant","content":"No (|im_end|)."},{"role":"user"`, 1)
	for _, c := range []struct {
		name string
		edit func(*chat.Config)
		req  func(*generator.Request)
		want string
	}{
		{"plain", nil, nil, `{"model":"tiny",` + messages + `,"max_tokens":9,"temperature":0,` + stream + `}`},
		{"no model", func(c *chat.Config) { c.Server.Model = "" }, nil, `{` + messages + `,"max_tokens":9,"temperature":0,` + stream + `}`},
		{"log-probabilities", probs(5), nil, `{"model":"tiny",` + messages + `,"max_tokens":9,"temperature":0,"logprobs":true,` + stream + `}`},
		{"alternatives", probs(5), func(r *generator.Request) { r.Alternatives = 3 }, `{"model":"tiny",` + messages + `,"max_tokens":9,"temperature":0,"logprobs":true,"top_logprobs":3,` + stream + `}`},
		{"more than the server gives", probs(5), func(r *generator.Request) { r.Alternatives = 20 }, `{"model":"tiny",` + messages + `,"max_tokens":9,"temperature":0,"logprobs":true,"top_logprobs":5,` + stream + `}`},
		{"alternatives of a model without", nil, func(r *generator.Request) { r.Alternatives = 20 }, `{"model":"tiny",` + messages + `,"max_tokens":9,"temperature":0,` + stream + `}`},
		{"sampling", nil, func(r *generator.Request) { r.Temperature, r.Seed = 0.5, 1<<40+7 }, `{"model":"tiny",` + messages + `,"max_tokens":9,"temperature":0.5,"seed":7,` + stream + `}`},
		{"seed 0", nil, func(r *generator.Request) { r.Temperature = 0.5 }, `{"model":"tiny",` + messages + `,"max_tokens":9,"temperature":0.5,"seed":0,` + stream + `}`},
		{"reasoning", func(c *chat.Config) { c.ReasoningTokens = 100 }, nil, `{"model":"tiny",` + messages + `,"max_completion_tokens":109,` + stream + `}`},
		{"examples", nil, func(r *generator.Request) { r.Task = &generator.Task{Template: shown, Values: r.Task.Values} }, `{"model":"tiny",` + shownMessages + `,"max_tokens":9,"temperature":0,` + stream + `}`},
		{"special tokens", func(c *chat.Config) { c.Special = []string{"brief", "x "} }, nil, strings.Replace(`{"model":"tiny",`+messages+`,"max_tokens":9,"temperature":0,`+stream+`}`, "x (", "* (", 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := ask
			if c.req != nil {
				c.req(&req)
			}
			if _, err := generator.Complete(t.Context(), connect(t, h, c.edit), req); err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("body\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// A prompt is written by the template, and a segment is asked for where the request
// does.
func TestPrompts(t *testing.T) {
	var got body
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = body{}
		_ = json.NewDecoder(r.Body).Decode(&got)
		sse(`data: {"choices":[{"index":0,"delta":{"content":"Kafka. [END]"}}]}`, stop, done).ServeHTTP(w, r)
	})
	template := generator.ChatTemplate{Answer: generator.MustTaskTemplate("mine", "", "Q: {{question}}")}
	m := connect(t, h, func(c *chat.Config) { c.Template = template })
	req := question()
	c, err := generator.Complete(t.Context(), m, req)
	if err != nil || c.Text() != "Kafka. [END]" || got.Messages[0].Content != "Q: Who wrote The Trial?" {
		t.Errorf("%q %v %+v", c.Text(), err, got)
	}
	req.Stop = reflection.Retrieve.Tokens()
	c, err = generator.Complete(t.Context(), m, req)
	if err != nil || strings.TrimSpace(c.Text()) != "Kafka." || c.Finish != generator.FinishEnd || !strings.Contains(got.Messages[1].Content, generator.EndMark) {
		t.Errorf("%q %v %v %+v", c.Text(), c.Finish, err, got)
	}
	caps, err := m.Describe(t.Context())
	if want := (generator.Capabilities{Model: "tiny", Template: "mine", TemplateHash: template.Hash()}); err != nil || caps != want {
		t.Errorf("%+v %v", caps, err)
	}
}

// An answer that continues after its first sentence is stopped: the server
// notices.
func TestBreaksOffBehindTheSentence(t *testing.T) {
	gone := make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, s := range []string{"Kafka", " wrote", " it", ".", " It", " is", " a"} {
			_, _ = io.WriteString(w, chunk(s, tok(s, "-1"))+"\n\n")
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
		close(gone)
	})
	req := question()
	req.Stop = reflection.Retrieve.Tokens()
	got, err := generator.Complete(t.Context(), connect(t, h, probs(20)), req)
	if err != nil || got.Text() != "Kafka wrote it." || got.Finish != generator.FinishStop || !got.Usage.Partial {
		t.Errorf("%q %v %+v %v", got.Text(), got.Finish, got.Usage, err)
	}
	if sum, n := got.LogProb(generator.CountNoEnd); sum != reflection.ExactLog(-4) || n != 4 {
		t.Errorf("%+v over %d tokens", sum, n)
	}
	<-gone
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		h    http.Handler
		n    int
		want string
	}{
		{"good", stub{}, 20, ""},
		{"good without", stub{}, 0, ""},
		{"no probabilities", sse(`data: {"choices":[{"index":0,"delta":{"content":"Yes"}}]}`, stop, done), 20, "set TopLogProbs to 0"},
		{"no alternatives", sse(chunk("Yes", tok("Yes", "-1")), stop, done), 20, "set TopLogProbs to 0"},
		{"refused", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(401)
			_, _ = io.WriteString(w, `{"error":{"message":"Incorrect API key provided"}}`)
		}), 0, "401 Unauthorized: Incorrect API key provided"},
	} {
		err := generator.Check(t.Context(), connect(t, c.h, probs(c.n)))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestConfig(t *testing.T) {
	server := modelserver.Config{URLs: []string{"http://localhost:1"}}
	for want, c := range map[string]chat.Config{
		"TopLogProbs is 21: want 0 to 20":            {Server: server, TopLogProbs: 21},
		"TopLogProbs is -1: want 0 to 20":            {Server: server, TopLogProbs: -1},
		"ReasoningTokens is -1: want 0 or more":      {Server: server, ReasoningTokens: -1},
		"URLs is empty":                              {},
		`is "http://localhost:1/v1/": leave /v1 out`: {Server: modelserver.Config{URLs: []string{"http://localhost:1/v1/"}}},
	} {
		if _, err := chat.New(c); !errors.Is(err, modelserver.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %s", err, want)
		}
	}
	bad := chat.Config{Server: server, Template: generator.ChatTemplate{Answer: generator.MustTaskTemplate("x", "", "Hello")}}
	if _, err := chat.New(bad); !errors.Is(err, generator.ErrRequest) || !strings.Contains(err.Error(), "chat: Config.Template") {
		t.Errorf("%v", err)
	}
}

func ExampleNew() {
	s := httptest.NewServer(sse(recorded["OpenAI"]...)) // in place of the real one
	defer s.Close()
	model, err := chat.New(chat.Config{
		Server:      modelserver.Config{URLs: []string{s.URL}, Model: "gpt-4.1-mini", APIKey: modelserver.NewKey("from the environment")},
		TopLogProbs: 20,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := generator.Complete(context.Background(), model, generator.Request{
		Prompt: generator.Prompt{
			Instruction: "Who wrote The Trial?",
			Evidence:    []generator.Evidence{{Text: "The Trial is a novel by Franz Kafka."}},
		},
		MaxTokens: 100,
	})
	sum, n := c.LogProb(generator.CountNoEnd)
	fmt.Println(c.Text(), c.Finish, sum.Log, n, err)
	// Output: Franz Kafka end -0.75 2 <nil>
}
