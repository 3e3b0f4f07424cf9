package lexical

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

// With its defaults an index finds what a reader would call the same words, in any
// script. The passages listed first are found, before all others.
func TestFinds(t *testing.T) {
	for _, c := range []struct {
		name, query string
		found       int // the number of passages, the first ones, that are found
		passages    []string
	}{
		{"full-width digits", "２０２４", 1, []string{"２０２４年の売上高", "２０２３年の売上高"}},
		{"full width by half width", "2024", 1, []string{"２０２４年の売上高", "２０２３年の売上高"}},
		{"full-width letters", "ABC", 1, []string{"ＡＢＣ商事", "ＡＢＤ商事"}},
		{"half-width kana", "ガイド", 1, []string{"ｶﾞｲﾄﾞの本", "ペンの本"}},
		{"ligature", "final", 1, []string{"the ﬁnal cut", "the first cut"}},
		{"Roman numeral", "Henry VIII", 1, []string{"Henry Ⅷ", "Edward"}},
		{"Arabic digits", "٢٠٢٤", 1, []string{"in 2024", "in 2023"}},
		{"Hindi digits", "1947", 1, []string{"सन् १९४७", "सन् १९४८"}},
		{"subscript", "CO2", 1, []string{"CO₂ rises", "CO rises"}},
		{"power", "102", 0, []string{"10² metres"}},
		{"thousands", "1000000", 1, []string{"it cost 1,000,000 in all", "it cost 1,000 in all"}},

		{"soft hyphen", "hyphen", 1, []string{"hy\u00adphen", "dash"}},
		{"zero-width space", "zerowidth", 1, []string{"zero\u200bwidth", "zero"}},
		{"byte order mark", "start", 1, []string{"\ufeffstart", "end"}},
		{"marks of direction", "שלום", 1, []string{"\u200fשלום\u200e", "תודה"}},
		{"Arabic stroke", "كتاب", 1, []string{"كتـــاب", "بيت"}},
		{"Persian joiner", "می\u200cخواهم", 1, []string{"میخواهم", "رفتم"}},
		{"apostrophes", "O'Neill", 3, []string{"O’Neill", "OʼNeill", "ONeill", "Smith"}},
		{"possessive", "bridge", 2, []string{"the bridge's arch", "the bridge’s arch", "the arch"}},
		{"elision", "eau", 2, []string{"de l'eau et du pain dans la rue", "de l’eau et du pain dans la rue", "du pain dans la rue"}},
		{"Turkish ending", "ankara", 1, []string{"Ankara’nın havası bu gün çok güzel", "hava bu gün çok güzel"}},
		{"hyphens", "email", 4, []string{"an e-mail", "an e‐mail", "an e‑mail", "an e–mail", "a letter"}},

		{"accent left out", "cafe garcon", 2, []string{"café", "garçon", "thé"}},
		{"accent too much", "café", 1, []string{"cafe", "tea"}},
		{"decomposed", "cafe\u0301", 2, []string{"café", "CAFÉ", "tea"}},
		{"umlaut as one letter", "Munchen", 1, []string{"München ist eine Stadt", "Wien ist eine Stadt"}},
		{"umlaut as two letters", "Muenchen", 1, []string{"München ist eine Stadt", "Wien ist eine Stadt"}},
		{"umlaut for two letters", "Müller", 1, []string{"Herr Mueller ist nicht da", "Herr Maier ist nicht da"}},
		{"sharp s", "STRASSE", 1, []string{"Die Straße ist lang", "Der Weg ist lang"}},
		{"Turkish dotless", "isik", 1, []string{"ışık çok güzel bir şey", "su çok güzel bir şey"}},
		{"Turkish dotted", "istanbul", 2, []string{"İstanbul çok güzel", "ISTANBUL", "Ankara"}},
		{"Scandinavian", "Oresund smorrebrod", 2, []string{"Øresund", "smørrebrød", "Skåne"}},
		{"Polish", "Lodz", 1, []string{"Łódź", "Kraków"}},
		{"Vietnamese without tones", "tieng viet", 1, []string{"tiếng Việt là một ngôn ngữ", "con mèo là một con vật"}},
		{"Greek without tonos", "στιγμη", 1, []string{"η στιγμή", "η θάλασσα"}},
		{"Greek capitals", "ΟΔΥΣΣΕΥΣ", 1, []string{"Οδυσσεύς", "Αχιλλεύς"}},
		{"Russian yo", "елка", 1, []string{"ёлка", "дуб"}},
		{"Russian i is not its short form", "йод", 1, []string{"йод", "иод"}},
		{"Arabic vowels", "كتاب", 1, []string{"كِتَابٌ", "بيت"}},
		{"Hebrew points", "שלום", 1, []string{"שָׁלוֹם", "תודה"}},
		{"Thai marks are letters", "ไม้", 1, []string{"ไม้สัก", "ไหมไทย"}},
		{"Hindi marks are letters", "कील", 1, []string{"कील", "कल"}},

		{"Russian endings", "дом", 2, []string{"дома", "дому", "лес"}},
		{"Spanish endings", "canción", 2, []string{"las canciones de la tierra son para el pueblo", "una cancion para el pueblo", "una casa para el pueblo"}},
		{"German endings", "Haus", 1, []string{"die Häuser sind nicht alt", "die Bäume sind nicht alt"}},
		{"Finnish endings", "talo", 1, []string{"hän on talossa ja se on hyvä", "hän on metsässä ja se on hyvä"}},

		{"one Chinese character", "猫", 1, []string{"我的猫很可爱", "我的狗很可爱"}},
		{"one Japanese character", "駅", 1, []string{"この駅は古い", "この家は古い"}},
		{"one Korean syllable", "물", 1, []string{"맑은물을 마신다", "밥을 먹는다"}},
		{"Korean with particle", "서울", 1, []string{"서울에서 만나요", "부산에서 만나요"}},
		{"Korean decomposed", norm.NFD.String("서울"), 1, []string{"서울에서 만나요", "부산에서 만나요"}},
		{"Thai", "กรุงเทพ", 1, []string{"ฉันอยู่ที่กรุงเทพมหานคร", "ฉันอยู่ที่เชียงใหม่"}},
		{"Thai am in two", "น\u0e49\u0e4d\u0e32", 1, []string{"ดื่มน้ำเย็น", "กินข้าว"}},
		{"Lao", "ວຽງຈັນ", 1, []string{"ຂ້ອຍຢູ່ວຽງຈັນ", "ຂ້ອຍກິນເຂົ້າ"}},
		{"Khmer", "ភ្នំពេញ", 1, []string{"ខ្ញុំរស់នៅភ្នំពេញ", "គាត់ដើរលេង"}},
		{"Burmese", "ရန်ကုန်", 1, []string{"ကျွန်တော်ရန်ကုန်မှာနေတယ်", "သူစာဖတ်"}},

		{"snake case", "max_tokens", 4, []string{"max_tokens", "maxTokens", "max-tokens", "max tokens", "bridge"}},
		{"camel case", "maxTokens", 4, []string{"maxTokens", "max_tokens", "max-tokens", "maxtokens", "bridge"}},
		{"joined", "maxtokens", 3, []string{"max_tokens", "maxTokens", "max-tokens", "max", "tokens"}},
		{"constant", "http server", 2, []string{"HTTPServer", "HTTP_SERVER", "bridge"}},
		{"dotted", "nodejs", 2, []string{"use Node.js here", "use nodejs here", "nodes"}},
		{"part of a dotted name", "json", 1, []string{"see package.json", "see package"}},
		{"C++", "C++", 1, []string{"C++ is a language", "C# is a language", "C is a language"}},
		{"C#", "C#", 1, []string{"C# is a language", "C++ is a language", "C is a language"}},
		{"C", "C", 1, []string{"C is a language", "C++ is a language", "C# is a language"}},
		{"F# in a sentence", "learn F#?", 1, []string{"F# was made in Cambridge", "F was a letter"}},
		{"R", "R", 1, []string{"R is for statistics", "Python is for all"}},
		{"version", "v1.2.3", 2, []string{"v1.2.3", "1.2.3", "v1.2.30", "v1.2"}},
		{"version without letter", "1.2.3", 2, []string{"v1.2.3", "1.2.3", "12.3"}},
		{"error code", "E1042", 2, []string{"E-1042", "E1042", "E-1043"}},
		{"ampersand", "AT&T", 1, []string{"AT&T", "IBM"}},
		{"abbreviation", "USA", 2, []string{"the U.S.A. won", "the USA won", "we won"}},
		{"doctorate", "PhD", 1, []string{"a Ph.D. thesis", "a thesis"}},

		{"The Who", "The Who", 1, []string{"a concert of The Who", "who is the king", "the one who came"}},
		{"the country", "US", 2, []string{"the US economy", "the U.S. Army", "let us go"}},
		{"the trade", "IT", 1, []string{"the IT department", "it is late"}},
		{"the organization", "WHO", 1, []string{"a report by the WHO", "a man who came"}},
		{"an unknown word beside stop words", "who is the zebra", 0, []string{"who is the king"}},
		{"stop words of a passage in German", "die", 1, []string{"Die Katze ist nicht auf dem Dach", "nothing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ix, err := New(t.Context(), retrievertest.Passages(c.passages...), Options{})
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for i := range c.found {
				want = append(want, retrievertest.Passages(c.passages...)[i].ID)
			}
			got := search(t, ix, c.query)
			slices.Sort(got)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%q (-want +got):\n%s", c.query, d)
			}
		})
	}
}

// If more than the best passage is found, the best is first.
func TestFindsFirst(t *testing.T) {
	for query, passages := range map[string][]string{
		"E-1042":               {"error E-1042", "error E-1043", "1042"},
		"２０２４年":                {"２０２４年の売上高", "２０２３年の売上高"},
		"2024年":                {"２０２４年の売上高", "２０２３年の売上高"},
		"node.js":              {"use node.js here", "nodes", "js"},
		".NET":                 {".NET runtime", "the net income"},
		"john.doe@example.com": {"write john.doe@example.com", "write jane.doe@example.com"},
		"/usr/local/bin":       {"in /usr/local/bin", "in /usr/share/bin"},
		"to be or not to be":   {"To be, or not to be: that is the question", "He has to be there or not", "It is to be"},
		"the who":              {"The Who are a band", "Who is it? The man.", "who was the king"},
		"tiếng":                {"tiếng Việt là một ngôn ngữ", "tiêng là một không có", "con mèo là một con vật"},
	} {
		ix, err := New(t.Context(), retrievertest.Passages(passages...), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := search(t, ix, query); len(got) == 0 || got[0] != "p1" {
			t.Errorf("%q: %v", query, got)
		}
	}
}

// A query without a word reports that, and others do not.
func TestNoWords(t *testing.T) {
	ix, err := New(t.Context(), retrievertest.Passages("The Who", "bol"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for query, says := range map[string]bool{"": true, " \n": true, "?!": true, "\u200b": true, "\xff": true, "who": false, "dak": false, "中": false} {
		res, err := ix.Retrieve(t.Context(), retriever.Query{Text: query, K: 1})
		if err != nil || (len(res.Missing) > 0) != says || says && (res.Missing[0].Part != "query" || !strings.Contains(res.Missing[0].Reason, "no word")) {
			t.Errorf("%q: %+v, %v", query, res, err)
		}
	}
}

// The language of a short passage is that of its document, or that of the metadata.
func TestLanguageOfDocument(t *testing.T) {
	long := "Der Turm wurde im Jahr 1932 von dem Bürgermeister eröffnet und ist nicht mehr in Gebrauch."
	ps := []retriever.Passage{
		{ID: "a", Text: long, Source: retriever.Source{URI: "x"}},
		{ID: "b", Text: "Brücken", Source: retriever.Source{URI: "x"}},
		{ID: "c", Text: "Brücken"},
		{ID: "d", Text: "Brücken", Metadata: filter.Metadata{"language": filter.String("de-CH")}},
		{ID: "e", Text: long, Metadata: filter.Metadata{"lang": filter.String("Python")}},
		{ID: "f", Text: "Brücken", Metadata: filter.Metadata{"path": filter.String("y")}},
		{ID: "g", Text: long, Metadata: filter.Metadata{"path": filter.String("y")}},
	}
	ix, err := New(t.Context(), ps, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := search(t, ix, "Brucke")
	slices.Sort(got)
	if d := cmp.Diff([]string{"b", "d", "f"}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A piece of a text in a script without spaces is found at any place.
func TestFindsPiece(t *testing.T) {
	alphabets := [][]rune{
		[]rune("กขคงจชตทนบปมยรลวสหอาิีุูเแโใไ่้"), []rune("ກຂຄງຈຊຕທນບປມຢຣລວສຫອາິີຸູເແໂ່້"),
		[]rune("កខគងចជតទនបមយរលវសហអាិីុូេែោ្"), []rune("ကခဂငစဇတဒနပမယရလဝသဟအာိီုူေ်"),
		[]rune("的一是在不了有和人这中大为上个国"), []rune("あいうえおかきくけこアイウエオ日本語"), []rune("가나다라마바사아자차카타"),
	}
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SampledFrom(alphabets).Draw(t, "alphabet")
		word := func(label string, least int) string {
			return string(rapid.SliceOfN(rapid.SampledFrom(letters), least, 8).Draw(t, label))
		}
		piece := string(letters[0]) + word("piece", 0)
		if piece != string(letters[0]) {
			piece += string(letters[2])
		}
		// The piece begins and ends with a letter, with letters around it: a mark
		// or a subjoined letter would change the character before.
		text := word("before", 0) + string(letters[1]) + piece + string(letters[1]) + word("after", 0)
		ix, err := New(t.Context(), []retriever.Passage{{ID: "a", Text: text}, {ID: "b", Text: "other"}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		res, err := ix.Retrieve(t.Context(), retriever.Query{Text: piece, K: 2})
		if err != nil || len(res.Hits) != 1 || res.Hits[0].Passage.ID != "a" {
			t.Fatalf("%q in %q: %+v, %v", piece, text, res.Hits, err)
		}
	})
}
