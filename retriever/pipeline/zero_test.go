package pipeline

import (
	"reflect"
	"testing"

	"github.com/goselfrag/goselfrag/retriever/lexical"
)

// In the text 0 is the number 0, which a field of lexical.Options writes as Zero.
func TestKeywordZero(t *testing.T) {
	got := keywordOptions(values{read: map[string]any{"analyzer": "cjk", "k1": 0.0, "b": 0.0, "title": 0}})
	want := lexical.Options{Analyzer: "cjk", K1: lexical.Zero, B: lexical.Zero, TitleWeight: lexical.Zero}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
