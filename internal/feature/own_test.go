package feature

import (
	"slices"
	"testing"
)

// A prompt that holds the text to work on is parted from it.
func TestOwnText(t *testing.T) {
	for _, tc := range []struct {
		prompt, ask string
		given       []string
	}{
		{"Translate to German: The weather is nice.", "Translate to German", []string{"The weather is nice."}},
		{`Can you rephrase "We regret to say no" more kindly?`, "Can you rephrase   more kindly?", []string{"We regret to say no"}},
		{"In the text “Ann met Bob at noon. Carl left.”, who left?", "In the text  , who left?", []string{"Ann met Bob at noon. Carl left."}},
		{"Alice has a cat. Bob has a dog. Who has a dog?", "Who has a dog?", []string{"Alice has a cat. Bob has a dog."}},
		{"The vote was put off.\nRewrite this in the future tense.", "Rewrite this in the future tense.", []string{"The vote was put off."}},
		{"Context: The mill was built in 1820.\nQuestion: When was the mill built?", "Question: When was the mill built?", []string{"The mill was built in 1820."}},
		{"把下面的句子翻译成英语：图书馆周日不开门。", "把下面的句子翻译成英语", []string{"图书馆周日不开门。"}},
		{"“等了你三年，你终于回来了！”这句话表达了什么情绪？", "这句话表达了什么情绪？", []string{"等了你三年，你终于回来了！"}},
		{"Traduis en anglais : Il fait beau.", "Traduis en anglais", []string{"Il fait beau."}},
		{"この文の誤字を直して：昨日は友達と映画を身に行きました。", "この文の誤字を直して", []string{"昨日は友達と映画を身に行きました。"}},
	} {
		a := ReadQuestion(tc.prompt, "")
		if a.Ask != tc.ask || !slices.Equal(a.Given, tc.given) {
			t.Errorf("%q: asks %q of %q: want %q of %q", tc.prompt, a.Ask, a.Given, tc.ask, tc.given)
		}
	}
}

// What looks like a task or like a text and is a question remains one.
func TestNoOwnText(t *testing.T) {
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
		if a := ReadQuestion(prompt, ""); a.Ask != prompt || len(a.Given) > 0 {
			t.Errorf("%q: asks %q of %q", prompt, a.Ask, a.Given)
		}
	}
}

// Question words of languages say what is asked for.
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
	for name, prompt := range map[string]string{
		"question": "What happens when you send on a closed channel?",
		"story":    "I bought a pump last week. It leaks at the valve: can I return it?",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				ReadQuestion(prompt, "")
			}
		})
	}
}
