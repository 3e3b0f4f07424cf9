package chat_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/chat"
	"github.com/goselfrag/goselfrag/generator/generatortest/faulthttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/reflection"
)

// Under every fault there is the right answer or an error.
func TestFaults(t *testing.T) {
	ask := question()
	ask.MaxTokens = 12
	right, err := generator.Complete(t.Context(), connect(t, stub{}, probs(20)), ask)
	if err != nil {
		t.Fatal(err)
	}
	type outcome uint8
	const (
		fails outcome = iota
		same          // as if nothing had happened
		fewer         // the same tokens with fewer alternatives
	)
	for _, c := range []struct {
		fault faulthttp.Fault
		want  outcome
	}{
		{faulthttp.Fault{}, same},
		{faulthttp.Split(), same},
		{faulthttp.Reversed(), same}, // the lists are sorted again
		{faulthttp.Missing(), fewer},
		{faulthttp.Refuse(), same}, // and tried again
		{faulthttp.Status(503, `{"error":{"message":"loading"}}`), same},
		{faulthttp.Status(429, `{"error":{"message":"slow down"}}`, "Retry-After", "1"), same},
		{faulthttp.Reset(0), same},
		{faulthttp.Cut(0), same},    // nothing had come, so it is tried again
		{faulthttp.Cut(3000), same}, // generated again, with the same beginning
		{faulthttp.Reset(3000), same},
		{faulthttp.Cut(-20), same},
		{faulthttp.Status(400, `{"error":{"message":"no"}}`), fails},
		{faulthttp.ContentType("text/html"), fails},
		{faulthttp.Hang(3000), same},
		{faulthttp.Hang(-1), same},
		{faulthttp.NaN(), fails},
		{faulthttp.Null(), fails},
		{faulthttp.Positive(), fails},
		{faulthttp.HugeLine(40 << 20), fails},
	} {
		t.Run(c.fault.String(), func(t *testing.T) {
			got, err := faulty(t, ask, c.fault)
			if c.want == fewer {
				for i := range got.Steps {
					if n := len(got.Steps[i].Top); n > 0 && n < len(right.Steps[i].Top) {
						got.Steps[i].Top = right.Steps[i].Top
					}
				}
			}
			isRight := err == nil && fmt.Sprintf("%+v", got.Steps) == fmt.Sprintf("%+v", right.Steps) && got.Finish == right.Finish
			switch {
			case c.want == fails && err == nil, (c.want == same || c.want == fewer) && !isRight:
				t.Errorf("%q with %v, %v: want %q", got.Text(), got.Finish, err, right.Text())
			case err != nil && !errors.As(err, new(*modelserver.Error)):
				t.Errorf("the error is no *modelserver.Error: %v", err)
			}
		})
	}
}

// faulty asks a model at a server with a fault, in a bubble in which waiting takes
// no time.
func faulty(t *testing.T, ask generator.Request, f faulthttp.Fault) (got generator.Completion, err error) {
	synctest.Test(t, func(t *testing.T) {
		s := faulthttp.New(stub{}, f)
		defer s.Close()
		m, failed := chat.New(chat.Config{
			Server:      modelserver.Config{URLs: []string{faulthttp.URL}, Model: "tiny", Client: s.Client(), Retries: 1},
			TopLogProbs: 20,
		})
		if failed != nil {
			t.Fatal(failed)
		}
		got, err = generator.Complete(t.Context(), m, ask)
	})
	return got, err
}

// FuzzStream reads any events: there is an error, or a completion that keeps the
// contract.
func FuzzStream(f *testing.F) {
	for _, lines := range recorded {
		f.Add(strings.Join(lines, "\n\n")+"\n\n", true)
	}
	f.Add(chunk("é", `{"token":"x","logprob":-1,"bytes":[195]}`, `{"token":"y","logprob":-1,"bytes":[169,300,-1]}`)+"\n\n"+stop+"\n\n", true)
	f.Add(chunk("", `{"token":"x","logprob":-1,"bytes":[195]}`)+"\n\n"+chunk("Yes", tok("No", "-9999"))+"\n\n"+stop+"\n\n", false)
	var answer string
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, answer)
	})
	models := map[bool]*chat.Model{true: connect(f, h, probs(5)), false: connect(f, h, nil)}
	f.Fuzz(func(t *testing.T, body string, withProbs bool) {
		answer = body
		req := question()
		for _, stops := range [][]reflection.Token{nil, reflection.Retrieve.Tokens()} {
			req.Stop = stops
			_, err := generator.Complete(t.Context(), models[withProbs], req)
			if errors.As(err, new(*generator.ProtocolError)) || errors.Is(err, generator.ErrIncomplete) {
				t.Fatalf("%q: %v", body, err)
			}
			if e := (*modelserver.Error)(nil); errors.As(err, &e) && e.Retryable { // so that the client does not leave the server alone
				answer, req.Stop = "data: "+`{"choices":[{"delta":{},"finish_reason":"stop"}]}`+"\n\n", nil
				if _, err := generator.Complete(t.Context(), models[withProbs], req); err != nil {
					t.Fatal(err)
				}
				answer = body
			}
		}
	})
}
