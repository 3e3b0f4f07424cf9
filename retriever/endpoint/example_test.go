package endpoint_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/endpoint"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// A service that answers a GET. It has no filters, so its hits are filtered here.
func Example() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"results": [
			{"url": "https://example.org/bridge", "content": "The bridge over the Ebro was built in 1702.", "lang": "en"},
			{"url": "https://example.org/puente", "content": "El puente sobre el Ebro es de 1702.", "lang": "es"}
		]}`)
	}))
	defer service.Close()
	r, err := endpoint.New(modelserver.Config{URLs: []string{service.URL}, Timeout: 10 * time.Second}, endpoint.Options{
		Path:   "/search",
		Params: url.Values{"q": {"{{query}}"}, "count": {"{{k}}"}},
		Hits:   "results",
		ID:     "url",
		Text:   "content",
		URI:    "url",
		Fields: map[string]string{"lang": "lang"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	expr, err := filter.Parse(`lang = "es"`)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := r.Retrieve(context.Background(), retriever.Query{Text: "Ebro bridge", K: 3, Filter: expr})
	for _, h := range res.Hits {
		fmt.Println(h.Passage.Text, h.Passage.Source.URI)
	}
	fmt.Println(err)
	// Output:
	// GET /search?count=12&q=Ebro+bridge
	// El puente sobre el Ebro es de 1702. https://example.org/puente
	// <nil>
}
