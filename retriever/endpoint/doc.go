// Package endpoint makes a retriever of a search service behind HTTP that speaks JSON,
// such as Elasticsearch, OpenSearch, Typesense, Meilisearch, a web search or one of your
// own. What is asked and where in the answer the hits stand is configuration:
//
//	r, err := endpoint.New(modelserver.Config{URLs: []string{"http://localhost:9200"}}, endpoint.Options{
//		Path:     "/docs/_search",
//		Body:     `{"size": "{{k}}", "query": {"match": {"text": "{{query}}"}}}`,
//		Hits:     "hits.hits",
//		ID:       "_id",
//		Text:     "_source.text",
//		Metadata: "_source.meta",
//		Score:    "_score",
//		Scores:   retriever.BM25,
//	})
//
// The text of a query is data to a [retriever.Retriever]. It is put into the request as a
// value, so that it cannot break out of the JSON; but a service that understands operators
// in it, such as query_string of Elasticsearch or q of Solr, takes it for more than a
// text. Ask in a form that does not, such as match.
//
// A service that gives fewer hits than it is asked for is taken to have no more. Where it
// has a largest page, set PostFilter.Bound to that, and ask for no more by Query.K.
//
// Where the answer itself has partial results (timed_out of Elasticsearch), ask the
// service to fail instead (allow_partial_search_results=false): only an answer that is an
// error is seen as one.
package endpoint
