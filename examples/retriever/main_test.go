package main

import (
	"testing"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

func TestContract(t *testing.T) {
	retrievertest.TestRetriever(t, func(passages []retriever.Passage) (retriever.Retriever, error) {
		return NewNews(passages), nil
	})
}
