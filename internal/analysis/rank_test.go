package analysis

import (
	"strings"
	"testing"
)

// Punctuation separates words and is no word; long words are not stemmed, since
// that would take long.
func TestRankWords(t *testing.T) {
	var got []string
	for _, w := range RankWords("Ada's gall-bladder, in 1932 (東京): \xff n\u00e4he") {
		got = append(got, w.Form)
	}
	if s := strings.Join(got, " "); s != "ada s gall bladder in 1932 東 京 n\u00e4he" {
		t.Errorf("words %q", s)
	}
	long := RankWord{Form: strings.Repeat("y", 1_000_000)}
	if long.stem() != long.Form {
		t.Error("a long word was stemmed")
	}
	if r := (RankWord{Form: "n\u00e4hern"}).Root(); r != "n\u00e4he" {
		t.Errorf("root %q", r)
	}
}
