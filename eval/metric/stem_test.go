package metric

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// testdata/stems.txt holds words with the stems that NLTK's PorterStemmer gives by default.
func TestStem(t *testing.T) {
	f, err := os.Open("testdata/stems.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); n++ {
		word, want, _ := strings.Cut(s.Text(), " ")
		if got := stem(word); got != want {
			t.Errorf("%s becomes %s, want %s", word, got, want)
		}
	}
	if n < 10000 {
		t.Errorf("%d words", n)
	}
}
