// Package retrievertest has retrievers for tests of code that uses a
// [retriever.Retriever], and the contract suite for implementations.
//
// [Script] answers queries by rules and records them. A rule can also make it fail or
// wait. [Overlap] is a small real index, for tests whose results must depend on the
// query. A fixed list of passages is [retriever.List].
//
//	r := &retrievertest.Script{Rules: []retrievertest.Rule{
//		{When: retrievertest.Asks("bridge"), Hits: retrievertest.Hits(passages...)},
//		{Err: errors.New("down")}, // all other queries
//	}}
//
// [TestRetriever] checks an implementation against every rule of the contract:
//
//	func TestContract(t *testing.T) {
//		retrievertest.TestRetriever(t, func(passages []retriever.Passage) (retriever.Retriever, error) {
//			return myindex.New(passages)
//		})
//	}
package retrievertest
