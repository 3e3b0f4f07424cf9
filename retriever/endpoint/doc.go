// Package endpoint makes a retriever of a search service behind HTTP that speaks
// JSON, such as Elasticsearch, OpenSearch, Typesense, Meilisearch, a web search or
// your own. The request, and the places of the hits in the answer, are
// configuration:
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
// The text of a query is data to a [retriever.Retriever]. It is put into the
// request as a value, so that it cannot break out of the JSON. But a service can
// interpret operators in it, as query_string of Elasticsearch or q of Solr do. Use
// a form of request that does not, such as match.
//
// If a service returns fewer hits than requested, it is assumed to have no more. If
// it has a largest page, set PostFilter.Bound to that, and do not exceed it in
// Query.K.
//
// If the answer can have partial results (timed_out of Elasticsearch), configure
// the service to fail instead (allow_partial_search_results=false): only an error
// answer is recognized as one.
package endpoint
