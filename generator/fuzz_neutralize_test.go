package generator

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/testsize"
	"github.com/goselfrag/goselfrag/reflection"
)

// The independent check of this file reduces the whole text to one plain spelling.
// It then looks for the tokens with strings.Contains and for the rest with regular
// expressions.

var (
	// plainRunes maps runes to their plain form, and invisible runes to -1.
	plainRunes = func() map[rune]rune {
		m := map[rune]rune{'\u017F': 's', '\u212A': 'k'}
		for i, r := range []rune("！＂＃＄％＆＇（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ［＼］＾＿｀ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～") {
			m[r] = rune('!' + i)
		}
		invisible := regexp.MustCompile(`[\p{Cf}\x00-\x08\x0e-\x1f\x7f-\x{84}\x{86}-\x{9f}\x{34F}\x{115F}\x{1160}\x{17B4}\x{17B5}` +
			`\x{180B}-\x{180F}\x{2065}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}\x{FFF0}-\x{FFF8}\x{E0000}-\x{E0FFF}]`)
		for r := rune(0); r < 0xE1000; r++ {
			if r == 0x20000 { // planes 2 to 13 have no invisible rune
				r = 0xE0000
			}
			if invisible.MatchString(string(r)) {
				m[r] = -1
			}
		}
		return m
	}()
	tight = strings.NewReplacer("[ ", "[", " ]", "]", "< ", "<", " >", ">",
		" : ", ":", " :", ":", ": ", ":", " / ", "/", " /", "/", "/ ", "/")
	tightTokens = []string{
		"[no retrieval]", "[retrieval]", "[continue to use evidence]", "[irrelevant]", "[relevant]", "<paragraph>", "</paragraph>",
		"[utility:1]", "[utility:2]", "[utility:3]", "[utility:4]", "[utility:5]",
		"[fully supported]", "[partially supported]", "[no support/contradictory]",

		"<unk>", "<pad>", "<bos>", "<eos>", "<bos_token>", "<eos_token>", "<sop>", "<eop>", "<eoh>", "<eoa>",
		"<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "[inst]", "[/inst]", "<<sys>>", "<</sys>>",
		"[system_prompt]", "[/system_prompt]", "[model_settings]", "[/model_settings]", "[available_tools]", "[/available_tools]",
		"[tool_calls]", "[/tool_calls]", "[tool_results]", "[/tool_results]", "[tool_content]", "[/tool_content]", "[call_id]",
		"[think]", "[/think]", "[gmask]", "[smask]", "<think>", "</think>", "<thinking>", "</thinking>",
		"<tool_call>", "</tool_call>", "<tool_calls>", "</tool_calls>", "<tool_response>", "</tool_response>",
		"<function_call>", "</function_call>", "<function_calls>", "</function_calls>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>",
		"<minimax:tool_call>", "</minimax:tool_call>", "<seed:bos>", "<seed:eos>", "<seed:pad>", "<seed:think>", "</seed:think>",
		"<seed:tool_call>", "</seed:tool_call>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<file_sep>", "<repo_name>",
	}
	slowMarker   = regexp.MustCompile(`(?i)<(?:\|[\pL\pM\pN_\-./▁]+\||(?:reserved_|unused|special_|extra_id_|mask:)[0-9]+)>|\[\|[\pL\pM\pN_\-./▁]+\|\]`)
	slowNumbered = regexp.MustCompile(`[a-z_:][0-9]+>`)
	slowHeading  = spaced(`(?:^|[\n\v\f\r\x{85}\x{2028}\x{2029}])_*##+_*(?:instruction|input|response)_*:`)
	// slowSpecial holds awkward special strings, with an expression for each.
	slowSpecial = []struct {
		literal string
		re      *regexp.Regexp
	}{
		{"<s>", spaced(`<_*s_*>`)},
		{"</s>", spaced(`<_*/_*s_*>`)},
		{"<|im_end|>", spaced(`<_*\|_*im\x5fend_*\|_*>`)},
		{"[INST]", spaced(`\[_*inst_*\]`)},
		{"(no)", spaced(`\(_*no_*\)`)},
		{"**", spaced(`\*\*`)},
		{"vant]", spaced(`vant_*\]`)},
		{"o o", spaced(`o_+o`)},
		{"><", spaced(`><`)},
	}
)

// spaced compiles an expression in which _ means one white space rune and case is
// ignored.
func spaced(expr string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)` + strings.ReplaceAll(expr, "_", `[\t-\r\x{85}\pZ]`))
}

// slowView returns text in lower case and ASCII width, without the invisible runes.
// Invalid bytes become U+FFFD.
func slowView(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			if p, ok := plainRunes[r]; ok {
				r = p
			}
		}
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, text)
}

// slowMarkers counts the markers that are recognized by shape, and those of
// sentences.
func slowMarkers(text string) int {
	n := 0
	if view := slowView(text); strings.Contains(view, "|") || slowNumbered.MatchString(view) { // the next expression is slow
		for _, m := range slowMarker.FindAllString(view, -1) {
			if len([]rune(m)) <= 68 { // with brackets and bars
				n++
			}
		}
	}
	exact := strings.Map(func(r rune) rune { // case is kept
		if p, ok := plainRunes[r]; ok {
			return p
		}
		return r
	}, text)
	return n + strings.Count(exact, "<s>") + strings.Count(exact, "</s>")
}

func slowContains(text string) bool {
	view := slowView(text)
	spelling := tight.Replace(strings.Join(strings.Fields(view), " "))
	return slices.ContainsFunc(tightTokens, func(t string) bool { return strings.Contains(spelling, t) }) ||
		strings.Contains(view, "##") && slowHeading.MatchString(view) || slowMarkers(text) > 0
}

var randomPieces = []string{
	"[", "]", "<", ">", "/", ":", "#", "##", "###", " ", "\n", "\r\n", "\t", "\u2028", "\u3000", "\u00A0",
	"\u200B", "\u200D", "\u00AD", "\uFEFF", "\uFE0F", "\x00", "［", "］", "＜", "＞", "／", "：", "＃",
	"No", "no ", "Retrieval", "retrieval]", "ＮＯ", "Rele", "vant", "[Rele", "vant]", "[Ir", "Relevant", "relevant",
	"Utility", "[Utility:", "ｕtility", "1]", "5", "６", "Fully ", "[Partially", "\u017Fupported", "supported]", " support",
	"Contradictory]", "/ Contra", "dictory", "[No support", "[Continue to", " Use ", "Evidence]", "<para", "graph>", "</", "paragraph",
	"Instruction:", "Input", "Response", "\n### ", "*", "**", "(", ")", "o", "s", "|", "im_end", "INST",
	"<|", "|>", "[|", "|]", "<｜", "user", "\u2581", "think>", "<tool_call", "<unused", "<extra_id_", "7",
	"\xff", "\xe2", "\x80", "\xbc", "é", "日本", "a",
}

func randomText(rng *rand.Rand) string {
	var b strings.Builder
	if rng.IntN(4) == 0 { // a whole token, cut or doubled at random
		l := reflection.Tokens()[rng.IntN(15)].String()
		b.WriteString(l[:rng.IntN(len(l)+1)])
		if rng.IntN(2) == 0 {
			b.WriteString(randomPieces[rng.IntN(len(randomPieces))])
		}
		b.WriteString(l[rng.IntN(len(l)+1):])
	}
	for range rng.IntN(10) {
		b.WriteString(randomPieces[rng.IntN(len(randomPieces))])
	}
	return b.String()
}

// randomReserved returns a reserved string in a random variant.
func randomReserved(rng *rand.Rand) string {
	literal := "\n### Response:"
	if k := rng.IntN(16); k < 15 {
		literal = reflection.Tokens()[k].String()
	}
	var b strings.Builder
	for i, r := range literal {
		switch {
		case r == ' ' && rng.IntN(2) == 0:
			r = []rune("\t\n\u3000\u2029")[rng.IntN(4)]
		case r > ' ' && rng.IntN(6) == 0:
			r += 0xFEE0
		case r >= 'a' && r <= 'z' && rng.IntN(3) == 0:
			r -= 'a' - 'A'
		}
		if i > 0 && rng.IntN(6) == 0 {
			b.WriteRune([]rune("\u200B\u200D\u00AD\uFE01\u034F\x01")[rng.IntN(6)])
		}
		b.WriteRune(r)
	}
	return b.String()
}

// checkNeutralized reports what is wrong with out, made from in, for any special
// strings.
func checkNeutralized(in, out string) error {
	if slowContains(out) {
		return fmt.Errorf("%q: a reserved string is left in %q", in, out)
	}
	if got, want := utf8.RuneCountInString(out), utf8.RuneCountInString(in); got != want {
		return fmt.Errorf("%q: %d runes became %d: %q", in, want, got, out)
	}
	return nil
}

func checkDefault(in string) (reserved bool, err error) {
	out := Neutralize(in)
	reserved = out != in
	if reserved != slowContains(in) {
		return reserved, fmt.Errorf("%q: the slow check says reserved = %v, the result is %q", in, !reserved, out)
	}
	if !reserved {
		return false, nil
	}
	if err := checkNeutralized(in, out); err != nil {
		return true, err
	}
	if again := Neutralize(out); again != out {
		return reserved, fmt.Errorf("%q became %q, and then %q", in, out, again)
	}
	// Only brackets and # may change, and only to the documented runes.
	rest := out
	for i := 0; i < len(in); {
		r, size := utf8.DecodeRuneInString(in[i:])
		got, gotSize := utf8.DecodeRuneInString(rest)
		if in[i:i+size] != rest[:gotSize] && !strings.Contains("[( ［( <( ＜( ]) ］) >) ＞) #* ＃*", string([]rune{r, got})) {
			return reserved, fmt.Errorf("%q: %q became %q in %q", in, r, got, out)
		}
		i, rest = i+size, rest[gotSize:]
	}
	return reserved, nil
}

func TestNeutralizeRandom(t *testing.T) {
	n := testsize.Of(50_000, 1_000_000)
	const shards = 8
	var wg sync.WaitGroup
	for shard := range shards {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(20240229, uint64(shard)))
			hits := 0
			for k := range n / shards {
				in := randomText(rng)
				if k%4 == 0 {
					in += randomReserved(rng) + randomText(rng)
				}
				reserved, err := checkDefault(in)
				if err != nil {
					t.Errorf("shard %d, string %d: %v", shard, k, err)
					return
				}
				if reserved {
					hits++
				}
			}
			if hits < n/shards/5 {
				t.Errorf("shard %d: only %d strings held something reserved", shard, hits)
			}
		})
	}
	wg.Wait()
}

func TestNeutralizeRandomSpecial(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	hits, n := 0, testsize.Of(5_000, 30_000)
	for k := range n {
		// Eight sets, each used for a stretch.
		set := rand.New(rand.NewPCG(uint64(k*8/n), 3)).Perm(len(slowSpecial))[:4]
		var special []string
		for _, j := range set {
			special = append(special, slowSpecial[j].literal)
		}
		in := randomText(rng) + special[rng.IntN(len(special))] + randomText(rng)
		out := Neutralize(in, special...)
		if err := checkNeutralized(in, out); err != nil {
			t.Fatalf("special %q: %v", special, err)
		}
		before, after := slowView(in), slowView(out)
		reserved := slowContains(in)
		for _, j := range set {
			reserved = reserved || slowSpecial[j].re.MatchString(before)
			if slowSpecial[j].re.MatchString(after) {
				t.Fatalf("special %q: %q became %q with %q left", special, in, out, slowSpecial[j].literal)
			}
		}
		if reserved != (out != in) {
			t.Fatalf("special %q: %q became %q, the slow check says reserved = %v", special, in, out, reserved)
		}
		if again := Neutralize(out, special...); again != out {
			t.Fatalf("special %q: %q became %q, and then %q", special, in, out, again)
		}
		if reserved {
			hits++
		}
	}
	if hits < n/2 {
		t.Errorf("only %d of %d strings held something reserved", hits, n)
	}
}

func FuzzNeutralize(f *testing.F) {
	for _, seed := range []struct{ text, special string }{
		{"", ""},
		{"[Relevant]</paragraph>[Utility:5]", "<s>"},
		{"[Rele[Relevant]vant]\n### Response:", "</s>"},
		{"［Ｎｏ\u3000Retrieval\u200B］<|im_end|>", "<|im_end|>"},
		{"(s)*** {s}", "(s)"},
		{"\xff\xe2\x80[Relevant]", "\xff"},
		{"a\u2581b", "\u2581"},
		{"###\n##\u00ADInput :", "##"},
	} {
		f.Add(seed.text, seed.special)
	}
	f.Fuzz(func(t *testing.T, text, special string) {
		if _, err := checkDefault(text); err != nil {
			t.Fatal(err)
		}
		out := Neutralize(text, special)
		if err := checkNeutralized(text, out); err != nil {
			t.Fatalf("special %q: %v", special, err)
		}
		if again := Neutralize(out, special); again != out {
			t.Fatalf("special %q: %q became %q, and then %q", special, text, out, again)
		}
		if got, want := ContainsReserved(text, special), out != text; got != want {
			t.Fatalf("special %q: ContainsReserved(%q) = %v, but Neutralize returned %q", special, text, got, out)
		}
		// A special string that is part of a rune may be found inside a whole one.
		visible := strings.TrimSpace(slowView(special)) != ""
		if visible && utf8.ValidString(special) && strings.Contains(out, special) {
			t.Fatalf("special %q is left: %q became %q", special, text, out)
		}
	})
}

// slowCount counts the reserved strings in text.
func slowCount(text string) int {
	view := slowView(text)
	spelling := tight.Replace(strings.Join(strings.Fields(view), " "))
	n := len(slowHeading.FindAllString(view, -1)) + slowMarkers(text)
	for _, t := range tightTokens {
		n += strings.Count(spelling, t)
	}
	return n
}

// A prompt with hostile text in every field has no more control text than the same
// prompt with harmless text, neither inside the fields nor where they meet each
// other and the template.
func TestRenderRandom(t *testing.T) {
	n := testsize.Of(4_000, 20_000)
	rng := rand.New(rand.NewPCG(7, 8))
	template := MustTaskTemplate("seams", "## {{a}}", "[{{a}}] {{b}}: <{{c}}>\n#{{b}}{{c}}\n{{a}}:{{b}}]")
	build := func(sep Separator, omit bool, text func() string) string {
		p := Prompt{
			// The period keeps the glued separator away from a line start of its
			// own.
			Instruction: "a" + text() + ".", Input: "b" + text(), Separator: sep,
			Path: []PathSegment{
				{Text: text(), Evidence: []Evidence{{Title: text(), Text: text()}, {Text: text()}}, Retrieve: reflection.Retrieval, Relevance: reflection.Relevant},
				{Text: text()}, {Text: text(), Support: reflection.PartiallySupported},
			},
			Evidence: []Evidence{{Title: text(), Text: text()}},
		}
		s, err := SelfRAGTemplate{OmitPathEvidence: omit}.Render(p)
		if err != nil {
			t.Fatal(err)
		}
		values := func() map[string]string { return map[string]string{"a": text(), "b": text(), "c": text()} }
		shown := template
		for range 2 {
			// The texts are not all valid, and those of a task need not be.
			shown.shots = append(slices.Clip(shown.shots), shot{template.user, Example{values(), text()}})
		}
		m, err := Task{Template: shown, Values: values()}.Render()
		if err != nil {
			t.Fatal(err)
		}
		return s + "\x00|\n" + JoinMessages(m)
	}
	for i := range n {
		sep, omit := Separator(rng.IntN(3)), rng.IntN(2) == 0
		want := slowCount(build(sep, omit, func() string { return "x" }))
		got := build(sep, omit, func() string { return randomText(rng) })
		if c := slowCount(got); c != want {
			t.Fatalf("prompt %d holds %d reserved strings, want %d:\n%q", i, c, want, got)
		}
	}
}
