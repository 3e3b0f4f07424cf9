package modelserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/modelserver"
)

// A call that failed says what the server said, and whether it is worth another
// try.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"error":"too many questions"}`)
	}))
	defer server.Close()

	model, err := ollama.New(ollama.Config{Server: modelserver.Config{
		URLs: []string{server.URL}, Model: "selfrag", APIKey: modelserver.NewKey("secret"),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = generator.Check(context.Background(), model)
	fmt.Println(strings.ReplaceAll(err.Error(), server.URL, "http://…"))
	var failed *modelserver.Error
	if errors.As(err, &failed) {
		fmt.Println(failed.Status, failed.Retryable, failed.RetryAfter)
	}
	// Output:
	// modelserver: http://…/api/show: 429 Too Many Requests: too many questions (retry after 2m0s)
	// 429 true 2m0s
}
