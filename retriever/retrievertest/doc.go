// Package retrievertest has retrievers for tests of code that uses a
// [retriever.Retriever], and the contract suite for code that is one.
//
// [Script] answers queries by rules, records them, and fails or stalls where a
// rule says so. [Overlap] is a small real index, for tests that want results to
// depend on the query. A fixed list of passages is [retriever.List].
//
// [TestRetriever] checks an implementation against every rule of the contract:
//
//	func TestContract(t *testing.T) {
//		retrievertest.TestRetriever(t, func(passages []retriever.Passage) (retriever.Retriever, error) {
//			return myindex.New(passages)
//		})
//	}
package retrievertest
