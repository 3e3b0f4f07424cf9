package segment

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/reflection"
)

// stream yields pieces as steps and then a last one, which counts what it is given
// to count.
func stream(finish generator.Finish, pieces ...string) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		for _, p := range pieces {
			if !yield(generator.Step{Text: p, LogProb: reflection.ExactLog(-1)}, nil) {
				return
			}
		}
		yield(generator.Step{Finish: finish, LogProb: reflection.ExactLog(-2), Usage: generator.Usage{Calls: 1, PromptTokens: 9, GeneratedTokens: len(pieces) + 1}}, nil)
	}
}

func collect(t testing.TB, seq iter.Seq2[generator.Step, error]) generator.Completion {
	t.Helper()
	c, err := generator.Collect(generator.Request{MaxTokens: 1 << 20}, seq)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// words cuts text after its spaces.
func words(text string) []string { return strings.SplitAfter(text, " ") }

func TestFirst(t *testing.T) {
	for _, c := range []struct {
		name, reply string
		finish      generator.Finish
		want        string
		wantFinish  generator.Finish
		partial     bool // the stream was stopped
	}{
		{"one sentence", "Kafka wrote it.", generator.FinishEnd, "Kafka wrote it.", generator.FinishStop, false},
		{"no full stop", "Kafka wrote it", generator.FinishEnd, "Kafka wrote it", generator.FinishStop, false},
		{"two sentences", "Kafka wrote it. It is short. It", generator.FinishEnd, "Kafka wrote it.", generator.FinishStop, true},
		{"a second one of one word", "Kafka wrote it. Yes", generator.FinishEnd, "Kafka wrote it.", generator.FinishStop, false},
		{"abbreviations, decimals, initials", "Dr. J. R. Smith of the U.S. paid 3.5 percent, e.g. in May. Then he left.", generator.FinishEnd,
			"Dr. J. R. Smith of the U.S. paid 3.5 percent, e.g. in May.", generator.FinishStop, true},
		{"question and quotation", "\"Who wrote it?\" he asked. Nobody knew why.", generator.FinishEnd, "\"Who wrote it?\" he asked.", generator.FinishStop, true},
		{"paragraphs", "Kafka wrote it\n\nIt is a novel", generator.FinishEnd, "Kafka wrote it\n\n", generator.FinishStop, true},
		{"line breaks before", "\n\nKafka wrote it.", generator.FinishEnd, "\n\nKafka wrote it.", generator.FinishStop, false},
		{"a space before the closing mark", "« Oui. » Kafka l'a écrit.", generator.FinishEnd, "« Oui. »", generator.FinishStop, true},
		{"a quotation that goes on", "« Oui. » dit-il. Il part donc.", generator.FinishEnd, "« Oui. » dit-il.", generator.FinishStop, true},
		{"German", "Er kam z. B. am 3. Mai 1914. Dann schrieb er.", generator.FinishEnd, "Er kam z. B. am 3. Mai 1914.", generator.FinishStop, true},
		{"Thai", "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย แม่น้ำเจ้าพระยา ไหล", generator.FinishEnd, "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย", generator.FinishStop, true},
		{"Japanese", "「行く。」と言った。彼は来た。", generator.FinishEnd, "「行く。」と言った。", generator.FinishStop, false},
		{"Chinese", "卡夫卡写的。这是一部小说。", generator.FinishEnd, "卡夫卡写的。", generator.FinishStop, false},
		{"complete", "Kafka wrote it. [END]", generator.FinishEnd, "Kafka wrote it. ", generator.FinishEnd, false},
		{"complete, glued", "Kafka wrote it.[end]", generator.FinishEnd, "Kafka wrote it.", generator.FinishEnd, false},
		{"complete without full stop", "Kafka wrote it [END]", generator.FinishEnd, "Kafka wrote it ", generator.FinishEnd, false},
		{"nothing left to say", " [END]", generator.FinishEnd, "", generator.FinishEnd, false},
		{"what follows the mark", "Kafka wrote it. [END] I hope this helps.", generator.FinishEnd, "Kafka wrote it. ", generator.FinishEnd, false},
		{"the mark behind two sentences", "Kafka wrote it. It is a long one. [END]", generator.FinishEnd, "Kafka wrote it.", generator.FinishStop, true},
		{"brackets that are no mark", "Kafka [EN] wrote [[END of it", generator.FinishEnd, "Kafka [EN] wrote [[END of it", generator.FinishStop, false},
		{"a bracket before the mark", "Yes [[END]", generator.FinishEnd, "Yes [", generator.FinishEnd, false},
		{"no text", "", generator.FinishEnd, "", generator.FinishEnd, false},
		{"white space", " \n ", generator.FinishEnd, " \n ", generator.FinishEnd, false},
		{"cut off", "Kafka wrote", generator.FinishLength, "Kafka wrote", generator.FinishLength, false},
		{"cut off in the second", "Kafka wrote it. It", generator.FinishLength, "Kafka wrote it.", generator.FinishStop, false},
		{"cut off behind the mark", "Kafka wrote it. [END]", generator.FinishLength, "Kafka wrote it. ", generator.FinishEnd, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			chars := strings.Split(c.reply, "")
			for name, pieces := range map[string][]string{"words": words(c.reply), "characters": chars, "whole": {c.reply}} {
				got := collect(t, First(stream(c.finish, pieces...)))
				if strings.TrimSpace(got.Text()) != strings.TrimSpace(c.want) || got.Finish != c.wantFinish {
					t.Errorf("%s: %q with finish %v, want %q with %v", name, got.Text(), got.Finish, c.want, c.wantFinish)
				}
				// In one piece the reply is over when it is looked at.
				if name != "characters" && got.Usage.Partial != (c.partial && name == "words") {
					t.Errorf("usage %+v, partial should be %v", got.Usage, c.partial)
				}
				if !got.Usage.Partial && got.Usage.PromptTokens != 9 {
					t.Errorf("%s: usage %+v lost the counts of the server", name, got.Usage)
				}
			}
		})
	}
}

// A step that is cut has no probability; one that ends in white space is whole.
func TestProbabilities(t *testing.T) {
	got := collect(t, First(stream(generator.FinishEnd, "Kafka", " wrote", " it", ".\n\n", "It", " is", " a", " novel.")))
	for i, s := range got.Steps {
		if s.LogProb != reflection.ExactLog(-1) {
			t.Errorf("step %d %q has %+v", i, s.Text, s.LogProb)
		}
	}
	if len(got.Steps) != 4 || got.End.Known != reflection.Unknown {
		t.Errorf("%d steps, end %v", len(got.Steps), got.End)
	}
	got = collect(t, First(stream(generator.FinishEnd, "Kafka wrote", " it. It is a", " novel.")))
	if n := len(got.Steps); n != 2 || got.Steps[1].Text != " it." || got.Steps[1].LogProb.Known != reflection.Unknown {
		t.Errorf("%+v", got.Steps)
	}
	got = collect(t, First(stream(generator.FinishEnd)))
	if got.Finish != generator.FinishEnd || got.End != reflection.ExactLog(-2) {
		t.Errorf("nothing but an end: %v %v", got.Finish, got.End)
	}
}

// Words are passed on before the sentence is over.
func TestStreams(t *testing.T) {
	sent := 0
	seq := func(yield func(generator.Step, error) bool) {
		for _, w := range words("Kafka wrote The Trial in 1914. It is a novel.") {
			sent++
			if !yield(generator.Step{Text: w}, nil) {
				return
			}
		}
	}
	got := 0
	for s, err := range First(seq) {
		if err != nil {
			t.Fatal(err)
		}
		if got++; s.Finish == generator.Running && s.Text != "1914. " && sent != got {
			t.Errorf("%q came after %d words were sent, as number %d", s.Text, sent, got)
		}
	}
	if sent != 8 { // the word that shows that the sentence was over, and one more
		t.Errorf("%d words were read", sent)
	}
	for range First(seq) {
		break // leaves the inner loop, too
	}
}

func TestErrorsArePassedOn(t *testing.T) {
	lost := errors.New("lost")
	for n := range 4 {
		seq := func(yield func(generator.Step, error) bool) {
			for _, w := range []string{"Kafka.", " [END]", " x"}[:min(n, 3)] {
				if !yield(generator.Step{Text: w}, nil) {
					return
				}
			}
			yield(generator.Step{}, lost)
		}
		_, err := generator.Collect(generator.Request{MaxTokens: 9}, First(seq))
		if !errors.Is(err, lost) {
			t.Errorf("after %d steps: %v", n, err)
		}
	}
	_, err := generator.Collect(generator.Request{MaxTokens: 9}, First(func(func(generator.Step, error) bool) {}))
	if !errors.Is(err, generator.ErrIncomplete) {
		t.Errorf("a stream without an end: %v", err)
	}
}

// FuzzFirst checks that the end of the sentence does not depend on how the text is
// cut into steps, that nothing is added, and that one line of one sentence is not
// cut. (The meaning of a line break can depend on the whole next line.)
func FuzzFirst(f *testing.F) {
	for _, s := range []string{
		"Kafka wrote it. It is short.", "3.5 percent. Dr. Smith said so! [END]", "卡夫卡写的。这是一部小说。", "- a\n- b\n\nc", "1. First item\n2. Second one",
		"[EN[END]", "i.. I. d", "0! A.. I. X", "a. b. c. D e", "\xff. \xfe A b", "“Yes.” No. [End]", "...", "A.\n\n\nB",
		"! » \"a", "Yes! （a b", "No… “a b", "« Oui. » Il part.", "« Non ! » dit-il. » » A", "彼は「行く。」と言った。「何？」と聞く。次", "“走吧。”他说。“好。”我", "[1]. 好。[2]好", "갔다.그는 “가자.”라고 “왜?” 하고 했다. 네.",
		"กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย แม่น้ำเจ้าพระยา และ", "Wait… What… no… A", "z. B. Hunde am 3. Mai, usw. Dann 1.5. 20", "１．第Ａ．次３．５。本当か？と。とて", "iPhone. iPhone… iPhone",
	} {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		if len(text) > 300 || !utf8.ValidString(text) {
			return
		}
		var chars, pieces []string
		piece := ""
		for _, r := range text {
			chars = append(chars, string(r))
			if piece += string(r); len(piece) > int(size) {
				pieces, piece = append(pieces, piece), ""
			}
		}
		if piece != "" {
			pieces = append(pieces, piece)
		}
		a, b := collect(t, First(stream(generator.FinishEnd, chars...))), collect(t, First(stream(generator.FinishEnd, pieces...)))
		if strings.TrimSpace(a.Text()) != strings.TrimSpace(b.Text()) || a.Finish != b.Finish {
			t.Fatalf("%q ends as %q (%v) in characters, as %q (%v) in pieces of %d", text, a.Text(), a.Finish, b.Text(), b.Finish, size)
		}
		if !strings.HasPrefix(text, a.Text()) {
			t.Fatalf("%q became %q", text, a.Text())
		}
		if a.Finish == generator.FinishStop && len(a.Text()) < len(text) {
			if n := len(sentence.Split(text)); n < 2 && !strings.ContainsAny(text, "[\n\v\f\r\u0085\u2028\u2029") {
				t.Fatalf("%q is one sentence and was cut to %q", text, a.Text())
			}
		}
	})
}

func ExampleFirst() {
	c, err := generator.Collect(generator.Request{MaxTokens: 50}, First(stream(generator.FinishEnd, "It", " is", " Oslo.", " [", "END", "]")))
	fmt.Printf("%q %v %v\n", c.Text(), c.Finish, err)
	// Output: "It is Oslo." end <nil>
}
