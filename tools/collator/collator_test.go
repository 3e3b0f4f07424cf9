// Package collator tests collator.py against what it made of recorded texts. The collator
// is for trainers in Python; record.py says how to record anew.
package collator

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/training"
)

// recorded is what a tokenizer and the collator made of a record.
type recorded struct {
	Tokenizer string
	Collator  string // the hash of collator.py
	Record    int
	Prompt    int      // the code points before the output
	Offsets   [][2]int // of each token, in code points
	Loss      []int    // 1 for a token with a loss
	Pieces    []string // the tokens as the tokenizer writes them
}

func records(t *testing.T) (list []training.Record) {
	t.Helper()
	f, err := os.Open("testdata/records.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r, err := range training.NewReader[training.Record](f, f.Name()).All() {
		if err != nil {
			t.Fatal(err)
		}
		if spans, err := training.Mask(r.Output, training.MaskPassages); err != nil || !cmp.Equal(training.Runes(spans), r.Masked) {
			t.Errorf("%s: the mask is %v, %v: want %v", r.ID, training.Runes(spans), err, r.Masked)
		}
		list = append(list, r)
	}
	return list
}

func tokens(t *testing.T, file string) (list []recorded) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		var r recorded
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// A token has a loss if and only if it has bytes, and none of them is in the prompt or in
// a span of the mask.
func TestMaskOfTokens(t *testing.T) {
	code, err := os.ReadFile("collator.py")
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(bytes.ReplaceAll(code, []byte("\r\n"), []byte("\n")))
	list, lost, partial, across := records(t), 0, 0, 0
	for _, r := range tokens(t, "testdata/tokens.jsonl") {
		if r.Collator != hex.EncodeToString(hash[:]) {
			t.Fatal("collator.py has changed: record what it does now, as record.py says")
		}
		record := list[r.Record]
		prompt, err := generator.SelfRAGTemplate{}.Render(generator.Prompt{Instruction: record.Instruction, Input: record.Input})
		if err != nil || utf8.RuneCountInString(prompt) != r.Prompt {
			t.Fatalf("the prompt of record %d has %d code points, of the library %q, %v", r.Record, r.Prompt, prompt, err)
		}
		spans, err := training.SpansOf(record.Output, record.Masked)
		if err != nil {
			t.Fatal(err)
		}
		text := prompt + record.Output + "</s>"
		for i, at := range r.bytes(t, text) {
			want := at[0] < at[1] && at[0] >= len(prompt)
			for _, s := range spans {
				want = want && (at[1] <= len(prompt)+s.Bytes[0] || at[0] >= len(prompt)+s.Bytes[1])
			}
			if (r.Loss[i] == 1) != want {
				t.Errorf("%s, record %d: token %d, %q, has the loss %d", r.Tokenizer, r.Record, i, r.Pieces[i], r.Loss[i])
			}
			for _, s := range spans {
				if from, to := len(prompt)+s.Bytes[0], len(prompt)+s.Bytes[1]; at[0] < from && from < at[1] || at[0] < to && to < at[1] {
					across++
				}
			}
			if !want && at[0] >= len(prompt) {
				lost++
				if !utf8.ValidString(text[at[0]:at[1]]) {
					partial++
				}
			}
		}
	}
	if lost < 100 || partial < 10 || across < 3 {
		t.Errorf("only %d tokens are masked, %d of them are parts of characters, %d go beyond a span", lost, partial, across)
	}
}

// MaskReleased masks what the released trainer does: testdata/released.jsonl is what its
// function encode_with_prompt_completion_format (1fcdc42) makes of the same texts. It leaves
// the last token of the prompt a loss.
func TestReleasedMask(t *testing.T) {
	list, all := records(t), tokens(t, "testdata/tokens.jsonl")
	for _, r := range tokens(t, "testdata/released.jsonl") {
		at, text := all[r.Record], list[r.Record].Output
		if at.Tokenizer != "byte-level+tokens" || at.Record != r.Record || len(at.Pieces) != len(r.Loss) {
			t.Fatalf("record %d: %d tokens, and %s has %d", r.Record, len(r.Loss), at.Tokenizer, len(at.Pieces))
		}
		spans, err := training.Mask(text, training.MaskReleased)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range at.Offsets {
			last := i+1 < len(at.Offsets) && at.Offsets[i+1][0] == at.Prompt
			want := o[0] >= at.Prompt || last
			for _, s := range spans {
				want = want && (o[1] <= at.Prompt+s.Runes[0] || o[0] >= at.Prompt+s.Runes[1])
			}
			if (r.Loss[i] == 1) != want {
				t.Errorf("record %d: token %d, %q, has the loss %d", r.Record, i, at.Pieces[i], r.Loss[i])
			}
		}
	}
}

// bytes returns where the tokens are in a text. Those of a byte-level tokenizer are its
// bytes, one after the other; those of the other one are known by their code points alone.
func (r recorded) bytes(t *testing.T, text string) (list [][2]int) {
	if strings.HasPrefix(r.Tokenizer, "byte-level") {
		var all strings.Builder
		for _, piece := range r.Pieces {
			from := all.Len()
			all.Write(plain(piece))
			list = append(list, [2]int{from, all.Len()})
		}
		if all.String() != text {
			t.Fatalf("the tokens are %q, the text %q", &all, text)
		}
		return list
	}
	runes := []rune(text)
	for _, at := range r.Offsets {
		list = append(list, [2]int{len(string(runes[:at[0]])), len(string(runes[:at[1]]))})
	}
	return list
}

// plain returns the bytes of a piece, in which each byte is one character: a visible one of
// Latin-1 is itself, the others are counted on from U+0100.
func plain(piece string) (out []byte) {
	var hidden []byte
	for b := range 256 {
		if b < '!' || b > '~' && b < 0xA1 || b == 0xAD {
			hidden = append(hidden, byte(b))
		}
	}
	for _, r := range piece {
		if r >= 0x100 {
			r = rune(hidden[r-0x100])
		}
		out = append(out, byte(r))
	}
	return out
}

// docs/training-format.md shows the file as it is.
func TestPage(t *testing.T) {
	code, err := os.ReadFile("collator.py")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/training-format.md")
	if err != nil {
		t.Fatal(err)
	}
	plain := func(b []byte) string { return strings.ReplaceAll(string(b), "\r\n", "\n") }
	if !strings.Contains(plain(page), "```python\n"+plain(code)+"```\n") {
		t.Error("docs/training-format.md shows another collator")
	}
}
