package feature

import (
	"os"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/internal/linear"
	"github.com/goselfrag/goselfrag/internal/testsize"
)

// fitted returns the model that the extractive generator parts prompts with.
func fitted(t testing.TB) *linear.Model {
	t.Helper()
	f, err := os.Open("../../generator/extractive/parameters.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	file, err := linear.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	m, err := file.Model("retrieve", PartingNames(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A prompt that holds the text to work on is parted from it.
func TestOwnText(t *testing.T) {
	own := fitted(t)
	for _, tc := range []struct{ prompt, ask, given string }{
		{"Translate to German: The weather is nice.", "Translate to German", "The weather is nice."},
		{`Can you rephrase "We regret to say no" more kindly?`, "Can you rephrase more kindly?", "We regret to say no"},
		{"In the text “Ann met Bob at noon. Carl left.”, who left?", "In the text , who left?", "Ann met Bob at noon. Carl left."},
		{"Alice has a cat. Bob has a dog. Who has a dog?", "Who has a dog?", "Alice has a cat. Bob has a dog."},
		{"The vote was put off.\nRewrite this in the future tense.", "Rewrite this in the future tense.", "The vote was put off."},
		{"Context: The mill was built in 1820.\nQuestion: When was the mill built?", "Context Question: When was the mill built?", "The mill was built in 1820."},
		{"把下面的句子翻译成英语：图书馆周日不开门。", "把下面的句子翻译成英语", "图书馆周日不开门。"},
		{"“等了你三年，你终于回来了！”这句话表达了什么情绪？", "这句话表达了什么情绪？", "等了你三年，你终于回来了！"},
		{"Traduis en anglais : Il fait beau.", "Traduis en anglais", "Il fait beau."},
		{"この文の誤字を直して：昨日は友達と映画を身に行きました。", "この文の誤字を直して", "昨日は友達と映画を身に行きました。"},
	} {
		a := ReadQuestion(tc.prompt, "", own)
		if a.Ask != tc.ask || a.Given != tc.given || a.Search > 0.2 {
			t.Errorf("%q: asks %q of %q, search %.3f: want %q of %q", tc.prompt, a.Ask, a.Given, a.Search, tc.ask, tc.given)
		}
	}
}

// A question that looks like a task or like a text remains a question.
func TestNoOwnText(t *testing.T) {
	own := fitted(t)
	for _, prompt := range []string{
		"How do I stop the machine?", "pump reset", "My order has not arrived. Where is my order?",
		"I get this error: connection refused. How do I fix it?",
		`What does the message "paper jam in tray two" mean?`, `According to the article "How to Clean Your Pump", which brush should I use?`,
		"Translate this page: where is the option?", "Summarize: what is your refund policy?", "Translate button missing in settings",
		"Fix this error: connection refused by host", "Format: which date format does the import expect?", "Change this setting: brightness",
		"Hello!", "What is 12 plus 30?", "Write a poem about rain", "",
		"修改密码：在哪里？", "总结：退货政策是什么？", "列出以下产品的保修期：P200、X5", "提示“连接被拒绝”是什么意思？", "我的机器坏了。机器怎么修？", "请把订单改成自提",
		"Corrige mi dirección: calle Mayor 5", "Was bedeutet „Verbindung abgelehnt“?",
	} {
		if a := ReadQuestion(prompt, "", own); a.Ask != prompt || a.Given != "" || a.Search <= 0.2 {
			t.Errorf("%q: asks %q of %q, search %.3f", prompt, a.Ask, a.Given, a.Search)
		}
	}
}

// An instruction is a question about its input only if it is a task on it.
func TestInput(t *testing.T) {
	own := fitted(t)
	for _, tc := range []struct{ instruction, input, ask, given string }{
		{"Summarize the following text.", "The mill was built in 1820. It burned down in 1901.", "Summarize the following text.", "The mill was built in 1820. It burned down in 1901."},
		{"Is the following statement correct or not? Say true if it's correct; otherwise say false.", "Tea contains more caffeine than coffee.", "Tea contains more caffeine than coffee.", ""},
		{"Given four answer candidates, A, B, C and D, choose the best answer choice.", "Which gas do plants take in?\nA: oxygen\nB: carbon dioxide", "Which gas do plants take in?\nA: oxygen\nB: carbon dioxide", ""},
		{"Answer the question.", "When was the mill built?", "When was the mill built?", ""},
		{"", "When was the mill built?", "When was the mill built?", ""},
	} {
		if a := ReadQuestion(tc.instruction, tc.input, own); a.Ask != tc.ask || a.Given != tc.given {
			t.Errorf("%q, %q: asks %q of %q, search %.3f: want %q of %q", tc.instruction, tc.input, a.Ask, a.Given, a.Search, tc.ask, tc.given)
		}
	}
}

// For a prompt of any length and content, few units of it are read and few partings
// are compared.
func TestLongPrompts(t *testing.T) {
	own := fitted(t)
	for _, piece := range []string{
		"a", " ", "\n", "\n\n", ".", "?", ". ", ": ", ":", "，", "- ", "->", `"`, `" `, "“", "„", "“a”", "«»", "```", "---", "'''", "a. B? ",
		"translate ", "这句话", "请把这段话翻译成英文：", "ก", "아 ", "\xff", "é", "1,2 ", "Dr. ", "Why? \"No.\"\n", "\u3000", "a\u0301",
	} {
		many := strings.Repeat(piece, testsize.Of(1<<17, 1<<20)/len(piece))
		for _, prompt := range []string{many, "Translate this: " + many, many + "\nSummarize the text above."} {
			units := unitsOf(prompt)
			list := partings(prompt, units)
			if len(units) > 2*scanned+8 || len(list) > 32 {
				t.Errorf("%q …: %d units and %d partings", piece, len(units), len(list))
			}
			for _, p := range list {
				if p.a >= p.b || len(prompt)-(p.b-p.a) > maxTask {
					t.Fatalf("%q …: %v", piece, p)
				}
			}
			if _, _, none := ownText(prompt, own); none <= 0 || none > 1 {
				t.Errorf("%q …: search %v", piece, none)
			}
		}
	}
}

func FuzzReadQuestion(f *testing.F) {
	for _, s := range []string{`Translate: "a"`, "a\n\nb: c?", "```\nx\n``` what?", "“”„", "- -> → —", "这句：“x”\xff"} {
		f.Add(s, "")
		f.Add(s, s)
	}
	own := fitted(f)
	f.Fuzz(func(t *testing.T, instruction, input string) {
		a := ReadQuestion(instruction, input, own)
		if !(a.Search > 0 && a.Search <= 1) || !strings.Contains(instruction+"\n"+input, a.Given) {
			t.Errorf("%q, %q: %+v", instruction, input, a)
		}
	})
}

// The question words of a language decide the kind of a question.
func TestKinds(t *testing.T) {
	for question, want := range map[string]kind{
		"When was it built?": askWhen, "What year was it built?": askWhen, "How many are there?": askNumber, "who": askWho,
		"大桥是什么时候建的？": askWhen, "哪一年建的？": askWhen, "有多少人？": askNumber, "谁建的？": askWho, "在哪里？": askWhere, "为什么？": askWhy, "怎么安装？": askHow, "什么颜色？": askWhat, "退货政策": askOther,
		"Wann wurde die Brücke gebaut?": askWhen, "In welchem Jahr wurde die Brücke gebaut und von wem?": askWhen, "Wie viele Menschen leben in der Stadt?": askNumber, "Wie funktioniert das und was ist das?": askHow,
		"पुल कब बना था?": askWhen, "वहाँ कितने लोग हैं?": askNumber, "สะพานสร้างเมื่อไหร่": askWhen, "มีคนกี่คน": askNumber, "Кто построил мост?": askWho,
	} {
		if got := rows(question, "", question); kindIn(got[0]) != kindNames[want] {
			t.Errorf("%q asks %q, want %q", question, kindIn(got[0]), kindNames[want])
		}
	}
}

// kindIn returns the kind of question of a row.
func kindIn(row map[string]float64) string {
	for _, k := range kindNames {
		if row[k+" × any"] == 1 {
			return k
		}
	}
	return ""
}

func BenchmarkReadQuestion(b *testing.B) {
	own := fitted(b)
	for name, prompt := range map[string]string{
		"question": "What happens when you send on a closed channel?",
		"story":    "I bought a pump last week. It leaks at the valve: can I return it?",
		"task":     "Translate the following sentence into French: The shop is closed on Mondays.",
		"long":     "Summarize this:\n" + strings.Repeat("The trial ran for six weeks with forty patients. ", 1<<20/50),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				ReadQuestion(prompt, "", own)
			}
		})
	}
}
