package feature

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// mark is a set of classes of words that distinguish a task from the text to work
// on.
type mark uint32

const (
	markTask    mark = 1 << iota // works on a text that is given: translate, rephrase, summarize
	markChange                   // may work on one: fix, list, convert
	markNoun                     // a text: sentence, paragraph, review
	markData                     // other things that are given: code, numbers, names
	markPoint                    // points to what is given: this, the following, above
	markForm                     // what to turn a text into: French, polite, a table
	markJudge                    // what to say of a text: tone, mistake, main point
	markOutside                  // what is elsewhere: page, manual, contract, policy
	markTrouble                  // a fault: error, message, does not work
	markFact                     // asks for a fact: who, when, how many
	markAsk                      // other question words
	markSelf                     // who writes or reads: I, my, you
	markLabel                    // announces a text: context, passage, premise
	markPolite                   // may open a prompt before its task: please
	markEnd
)

const (
	allMarks  = markEnd - 1
	markCount = 14
)

// markWords lists the words of each class: English first, then Chinese, German,
// French, Spanish, Portuguese, Italian, Dutch, Russian, Hindi, Thai, Japanese,
// Korean and Arabic. A word that ends with - matches the beginning of a word. Words
// of scripts without spaces, of Korean and of Arabic are found anywhere.
var markWords = []struct {
	mark  mark
	words string
}{
	{markTask, `translate|rewrite|re-write|rephrase|reword|paraphrase|summarize|summarise|shorten|condense|proofread|simplify|punctuate|spellcheck|spell-check|capitalize|capitalise|tl;dr|tldr|polish|translation of|refactor|abridge|recap|sum up|boil down|tidy up|clean up|redraft|restate|spell check|transcribe|shrink|trim|compress|cut down|distill|dumb down|transliterate|romanize|anonymize|anonymise|redact|spell out|proof-read|how do you say|how do i say|how would you say|how would you put|how do you write|what's the german for|what does this say|in other words
		翻译|翻譯|翻成|译成|譯成|译为|改写|改寫|重写|重寫|润色|潤色|缩写|縮寫|扩写|擴寫|续写|續寫|仿写|校对|校對|改成|改为|改為|概括|总结|總結|归纳|歸納|概述|提炼|精简|简化|缩短|转换成|转成|轉成|转为|轉為|整理成|怎么说|怎麼說|怎么讲|如何说|怎么写|轉簡體|转繁体|接着写|往下写|翻一下|译一下|填空|赏析|摘要|缩成|压缩|浓缩|批改|打磨|美化|换个说法|换种说法|纠错|勘误|仿照|照着|模仿
		wie sagt man|was heißt das|wie heißt das|straffe|glätte|redigier-|lektorier-|übertrag-|übersetz-|umformulier-|formuliere-|formulier|fasse|zusammenfass-|korrigier-|kürze|kürzen|vereinfach-|umschreib-|schreibe um|verbesser-|paraphrasier-|zusammen
		comment dit-on|comment dire|tradui-|traduc-|résum-|reformul-|corrig-|simplifi-|raccourci-|réécri-|paraphras-|condense-|récris|récrire
		cómo se dice|como se dice|cómo digo|hazlo|ponlo|pásalo|traduzc-|resum-|correg-|corrij-|parafrase-|acort-|reescrib-|redact-|abrevia-
		traduz-|resumir|reescrev-|encurt-|riassum-|riscriv-|riformul-|semplific-|vertaal|herschrijf|vat|corrigeer|vertalen|parafraseer
		как сказать|как будет|как переводится|перевед-|перевест-|переведи-|перефразиру-|исправ-|сократ-|переска-|перепиш-|упрост-|отредактир-|переформулир-|резюмиру-|кратко излож-
		कैसे कहेंगे|कैसे कहते|अनुवाद|सारांश|सुधार-|दोबारा लिख-|फिर से लिख-|संक्षेप|संक्षिप्त|पुनर्लेख-|सार
		แปล|สรุป|เขียนใหม่|แก้ไข|แก้คำผิด|เรียบเรียง|ย่อความ|ตรวจคำผิด
		翻訳|訳して|要約|言い換え|書き直し|書き換え|校正|直して|和訳|英訳|まとめて|添削|何と言い|何て言う|어떻게 말|뭐라고|번역|요약|고쳐|바꿔|다듬|교정
		كيف أقول|كيف نقول|ترجم|لخص|لخّص|أعد صياغة|اعد صياغة|أعد كتابة|صحح|صحّح|صياغة`},
	{markChange, `fix|edit|improve|change|turn|convert|make|put|write|list|extract|find|identify|classify|label|rate|count|sort|order|arrange|rank|explain|continue|finish|complete|expand|format|give|get|fill|debug|compute|calculate|add up|total|answer|read|choose|decide|draft|reply|respond|suggest|correct|check|pull|pick|underline|split|reverse|repeat|analyse|analyze|highlight|remove|delete|replace|insert|combine|join|merge|group|categorize|categorise|tag|detect|name|point out|spot|parse|set|say|express|tell|describe|look at|go through|compare|determine|evaluate|judge|review|optimize|optimise|minify|document|comment|lengthen|elaborate|outline|title|come up with|unscramble|mark|structure|reformat|alphabetize|alphabetise|tone down|decode|encode|interpret|reorder|transform|render|grade|critique|strip|swap|predict|guess|infer|solve|verify|assess|port|lint|work out|figure out|pick out|put together|write up|number|normalize|adapt|round|tabulate|spot|turn these|which of these|which of the following|who is|help me reply
		修改|改|纠正|糾正|改正|找出|列出|提取|标出|判断|判斷|分析|分类|分類|统计|統計|检查|檢查|解释|解釋|指出|摘录|划分|排序|排列|排成|整理|转换|轉換|计算|计算一下|算一下|算下|回复|回覆|回答|续|补全|完成|润|优化|优化一下|写一|写个|写成|起个|拟|取个|选出|圈出|删|替换|挑出|抽取|归类|归为|打分|评分|评价|说明|换成|变成|變成|接着|接下来|列成|列一下|点评|起名|取名|拟|排版|算一算|推断|推理|看看|说说|求|解一下|数一下|数数
		bestimm-|zähl-|nenne|liste|finde|sortier-|ordne|ergänz-|vervollständig-|erklär-|schreib-|mach-|wandle|wandel|extrahier-|setz-|prüf-|lies|lese|antworte|beantworte-|bewert-|klassifizier-|zieh-|such-|gib|markier-|setze fort|überarbeit-|verwandl-|forme|erstell-|bring|stell-|zähl|beurteil-|entscheide|ergänze|fülle|rechne|berechne-
		trouv-|extrai-|relève-|relev-|complét-|continu-|écri-|mets|mettre|class-|tri-|transform-|expliqu-|donne-|identifi-|lis|répond-|compt-|convert-|range-|cherche-|améliore-|rédig-|repère-|cite-|change-|calcul-|indique-|propose-
		encuentr-|extrae-|extrai-|clasific-|orden-|complet-|continú-|continu-|escrib-|pon|pas-|pás-|explic-|lee|respond-|cuent-|conviert-|identific-|mejor-|saca|sac-|list-|haz|cambi-|enumer-|señal-|indic-|busca-|calcul-|elabor-|transform-
		escrev-|encontr-|coloque|leia|estra-|trova-|ordina-|scriv-|metti|spieg-|leggi|classific-|elenca-|complet-|zet|maak|schrijf|zoek|geef|noem|verbeter|sorteer
		найд-|выпиш-|перечисл-|состав-|составь-|продолж-|законч-|определ-|объясн-|сделай-|напиш-|прочит-|прочти-|ответь-|отсортир-|расстав-|выдел-|посчита-|преобраз-|оформ-|придума-|улучш-|проверь-|назов-|допиш-|извлек-|классифиц-|оцен-|укаж-
		लिख-|निकाल-|बता-|पहचान-|करो|करें|कीजिए|बनाओ|बनाइए|बदल-|पढ़-|जोड़-|गिन-|क्रम|छाँट-|ढूँढ-|खोज-|पूरा कर-|समझा-|आगे बढ़ा-|दीजिए|दो
		เขียน|หา|ระบุ|จัด|เรียง|อธิบาย|แก้|ทำให้|เปลี่ยน|อ่าน|ตอบ|แต่ง|บอก|ดึง|แยก|จำแนก|เติม|คำนวณ
		抜き出|並べ替え|並べて|分類|判定|説明して|続き|書いて|挙げて|修正|変え|変換|直し|答え|読んで|教えて|抽出|つけて|計算して|整理して|찾아|정리|분류|써줘|써 줘|작성|설명해|이어|추출|만들어|골라|나열|계산해|알려|읽고|답해
		استخرج|أكمل|اكمل|حول|حوّل|رتب|رتّب|صنف|صنّف|اشرح|اكتب|حدد|حدّد|اقرأ|أجب|عدد|اجعل|أصلح|احسب|ضع`},
	{markNoun, `text|texts|sentence|sentences|paragraph|paragraphs|passage|passages|phrase|phrases|excerpt|excerpts|quote|quotation|statement|statements|article|review|reviews|comment|comments|email|e-mail|emails|mail|letter|note|notes|message|headline|headlines|story|snippet|memo|abstract|poem|joke|dialogue|dialog|conversation|transcript|tweet|post|feedback|paragraphs|ticket|speech|announcement|caption|verse|stanza|lyrics|blurb|essay|draft|slogan|testimonial|description|complaint|clause|limerick|haiku|chat|exchange|bio|summary|wording|response|title|advert|listing|press release|abstracts|scene|tale|blog post|cover letter|cv|resume|riddle|puzzle|diary|obituary|voicemail|subtitles|song|remark|quotes|notice|memo|log entry|chat log|fragment|sample|bug report|commit message|changelog|lines|line|reply|argument
		文字|文本|文章|短文|课文|原文|段落|句子|段话|段話|句话|句話|这句|這句|这段|這段|材料|内容|內容|故事|新闻|新聞|邮件|郵件|信件|这封|這封|评论|評論|评价|評價|对话|對話|通知|报道|诗|詩|片段|下文|上文|文中|其中|短信|标题|標題|条款|条消息|留言|日记|的话|病句|句|绕口令|笑话|摘要|公告|发言|聊天记录|台词|这份|这则|这首|这篇|这张|诗句|微博|朋友圈|自我介绍|简历|作文|文段|行程|旁白|书评|影评|便条|广告语|歌词|文案
		text|texte|textes|satz|satzes|sätze|absatz|nachricht|abschnitt|bewertung|rezension|geschichte|gedicht|artikel|zitat|mail|brief|kommentar|auszug|passage|meldung|dialog|witz|notizen|aussage|überschrift|formulierung|gespräch|klausel|anschreiben
		phrase|phrases|paragraphe|passage|extrait|commentaire|avis|message|lettre|courriel|histoire|poème|récit|dialogue|blague|notes|énoncé|titre|citation|conte|article|clause|critique
		texto|frase|frases|oración|párrafo|pasaje|fragmento|reseña|opinión|comentario|correo|carta|mensaje|cuento|poema|nota|notas|noticia|relato|diálogo|chiste|cita|titular|artículo|cláusula
		testo|brano|recensione|storia|paragrafo|commento|lettera|messaggio|racconto|trecho|parágrafo|avaliação|mensagem|conto|zin|tekst|alinea|bericht|verhaal|recensie|passage
		текст-|предложени-|абзац-|отрыв-|отзыв-|письм-|сообщени-|рассказ-|истори-|стих-|фраз-|заметк-|статью|статьи|комментари-|диалог-|заголов-|цитат-|анекдот-|новост-|фрагмент-
		वाक्य-|पाठ|अनुच्छेद|समीक्षा|टिप्पणी|गद्यांश|कहानी|पत्र|ईमेल|संदेश|कविता|लेख|बातचीत|पंक्ति-|अंश|खबर|ख़बर|शीर्षक|संवाद
		ข้อความ|ประโยค|ย่อหน้า|รีวิว|บทความ|เรื่อง|ความคิดเห็น|อีเมล|จดหมาย|ข่าว|บทสนทนา
		文章|文を|次の文|この文|段落|レビュー|口コミ|コメント|会話|メール|記事|手紙|メッセージ|物語|詩|セリフ|見出し|本文|문장|글|리뷰|댓글|단락|이메일|메일|기사|대화|편지|메시지|이야기
		النص|نص|الجملة|جملة|الفقرة|فقرة|التعليق|المراجعة|القصة|الرسالة|المقال|البريد|الخبر|الحوار|العبارة`},
	{markData, `code|function|query|regex|script|sql|loop|class|method|program|words|word|names|numbers|list|table|json|yaml|csv|xml|items|dates|points|data|values|figures|html|css|blank|blanks|equation|expression|amounts|recipe|schema|stack trace|config|python|javascript|java|verbs|nouns|adjectives|adverbs|letters|steps|log|snippet
		代码|程式|程序|函数|词语|單詞|单词|这些词|数字|名字|人名|地名|日期|电话|金额|要点|脚本|语句|公式|列表|关键词|数据|选项
		code|funktion|wörter|wort|liste|zahlen|namen|daten|abfrage|beträge|verben|skript|mots|mot|noms|nombres|liste|fonction|montants|dates|requête|verbes|chiffres|palabras|palabra|lista|nombres|números|código|función|fechas|datos|consulta|verbos|parole|codice|numeri|nomi|palavras|woorden|слов-|списо-|числ-|имен-|код|функци-|дат-|сумм-|глагол-|शब्द-|नाम|संख्या-|कोड|सूची|तारीख-|คำต่อไปนี้|โค้ด|ชื่อ|ตัวเลข|単語|語句|コード|関数|名前|数字|リスト|日付|単語|단어|코드|함수|이름|숫자|목록|날짜|الكلمات|الكود|الأسماء|الأرقام|التواريخ|القائمة`},
	{markPoint, `this|these|that|following|below|above|here|here's|it|given|as follows|those|underneath|attached|aforementioned|preceding|i wrote|i've got|pasted
		这|這|以下|下面|下列|上面|上述|以上|如下|此段|此句|此文|该段|该句|该文|該段|该评论|给定|所给|给出|下述|前面
		dies-|folgend-|unten|oben|obig-|das hier|hier|untenstehend-|das|ce|cet|cette|ces|ceci|ça|suivant-|ci-dessous|ci-dessus|voici|est-|esto|siguiente-|aquí|lo anterior|arriba|abajo|anterior|quest-|seguent-|sopra|isto|seguinte-|deze|dit|volgende|hieronder|это|этот|эту|этого|этом|эти|этих|этой|следующ-|ниже|выше|данн-|इस|यह|इन|ये|निम्न-|नीचे|ऊपर|इसे|इसका|उपरोक्त|ต่อไปนี้|นี้|ข้างล่าง|ข้างต้น|ด้านล่าง|次の|この|以下|上記|上の|下の|これ|다음|이 |위 |아래|هذا|هذه|التالي|التالية|أدناه|أعلاه`},
	{markForm, `into|passive|active voice|past tense|present tense|future tense|plural|singular|formal|formally|informal|polite|politely|politer|polished|friendlier|friendly|professional|professionally|concise|simpler|simple language|plain english|shorter|longer|in other words|bullet|bullets|bullet points|one sentence|two sentences|three sentences|in a sentence|in one line|third person|first person|alphabetical|alphabetically|ascending|descending|uppercase|lowercase|title case|json|yaml|csv|xml|markdown|table|kindly|more kindly|firmer|softer|tone|better english|in english|to english|in french|to french|in german|to german|in spanish|to spanish|in italian|to italian|in japanese|to japanese|in chinese|to chinese|portuguese|dutch|korean|russian|arabic|hindi|latin|iso format|reported speech|indirect speech|question|words or less|words or fewer|under ten words|clearer|less formal|more natural|natural|jargon|layman's terms|emoji|rhyme|in your own words|british|american english|year old|year-old|five-year-old|typescript|async|python|rust|bulleted|numbered list|checklist|subject line|haiku
		英文|中文|法语|法文|德语|德文|日语|日文|西班牙语|韩语|俄语|英语|英語|日語|法語|德語|意大利语|白话|白话文|文言文|现代汉语|被动句|主动句|疑问句|反问句|陈述句|第三人称|第一人称|更礼貌|委婉|正式|口语|书面语|表格|一句话|简短|字以内|字左右|通俗|大白话|繁体|繁體|简体|客气|markdown|通顺|地道|专业一点|礼貌|生动|拟人|比喻|标题|题目|升序|降序|拼音|笔画|三点|几点|分点|精炼
		ins englische|ins deutsche|auf englisch|auf deutsch|auf französisch|ins französische|ins spanische|ins italienische|höflich-|freundlicher|formell-|förmlich-|passiv|präteritum|perfekt|plural|tabelle|stichpunkt-|stichwort-|einem satz|zwei sätzen|einfache sprache|alphabetisch|kürzer|sachlich-|en anglais|en français|en espagnol|en allemand|en italien|poli|polie|poliment|soutenu|passé|au passif|voix passive|tableau|une phrase|formel-|registre|au pluriel|simple|court|courte|al inglés|al español|al francés|al alemán|al portugués|en inglés|en español|formal|educad-|amable|cortés|tabla|voz pasiva|en pasado|una frase|una línea|plural|in inglese|in italiano|in francese|para o inglês|para inglês|para português|in het engels|naar het engels|на английский|на русский|на немецкий|на французский|на испанский|вежлив-|таблиц-|одном предложении|официальн-|короче|в прошедшем|अंग्रेज़ी|अंग्रेजी|हिंदी|हिन्दी|विनम्र|तालिका|एक वाक्य|औपचारिक|सरल|भूतकाल|บวก|เป็นภาษา|ภาษาอังกฤษ|ภาษาไทย|สุภาพ|ตาราง|英語|日本語|中国語|丁寧|敬語|表に|箇条書き|一文|標準語|フランス語|ドイツ語|영어로|한국어로|공손|존댓말|표로|한 문장|إلى الإنجليزية|للإنجليزية|بالإنجليزية|إلى العربية|مهذب|رسمي|جدول|جملة واحدة`},
	{markJudge, `sentiment|tone|mood|emotion|positive|negative|neutral|spam|sarcastic|grammar|grammatical|grammatically|spelling|punctuation|typo|typos|mistake|mistakes|main point|main points|main idea|key points|gist|entail|entails|entailment|contradiction|subject of|author|speaker|writer|narrator|which language|what language|wrong with|what's wrong|what is wrong|title for|a title|headline for|output|prints|time complexity|bug|category|rhyme scheme|implied|imply|hypothesis|logical fallacy|fallacy|metaphor|part of speech|mean here|correct or incorrect|angry|polite enough|overall|key takeaways|takeaways|agree|formal or informal|fact or opinion|ambiguous|tense|syllables
		情感|情绪|情緒|语气|好评|差评|正面|负面|褒义|贬义|积极|消极|语病|病句|错别字|錯別字|错误|语法|中心思想|主要内容|主旨|大意|重点|重點|什么语言|修辞|主语|谓语|表达了|表達了|讲了|蕴含|矛盾|中立|通顺吗|输出什么|输出|复杂度|有几个字|垃圾短信|诈骗|要点|哪里错|错在哪|有没有错|对不对|意思|态度|作者|观点|生气
		positiv|negativ|fehler|stimmung|rechtschreibung|grammatik|hauptaussage|kernaussage|tonfall|grammatisch|ironisch|positif|négatif|positive|négative|fautes|faute|erreur|erreurs|orthographe|grammaire|idée principale|sentiment|ton|positiv-|negativ-|faltas|errores|error hay|ortografía|gramática|tono|idea principal|sentimiento|errori|ortografia|grammatica|sentimento|erros|fouten|ошибк-|опечатк-|тональност-|позитивн-|негативн-|положительн-|отрицательн-|главная мысль|основная мысль|गलती|गलतियाँ|वर्तनी|व्याकरण|सकारात्मक|नकारात्मक|मुख्य विचार|भाव|คำผิด|เชิงบวก|เชิงลบ|บวกหรือลบ|ใจความ|ポジティブ|ネガティブ|肯定的|否定的|誤字|間違い|誤り|文法|感情|不満|맞춤법|긍정|부정|틀린|오류|감정|إيجابي|سلبي|الأخطاء|الخطأ|خطأ|الفكرة الرئيسية|الإملائية`},
	{markOutside, `archive|saying|proverb|idiom|origin|parts|website|capital of|is it true|statement correct|answer candidates|best answer|opening hours|employees|members|branches|suppliers|staff|customers|novel|page|pages|site|website|app|interface|menu|screen|button|feature|setting|settings|manual|handbook|guide|chapter|section|policy|contract|agreement|file|files|document|documentation|minutes|meeting|report|invoice|order|orders|account|subscription|warranty|version|release|software|device|product|products|customers|customer|company|team|history|last|option|procedure|process|template|form|department|our|your|available|documents|wiki|intranet|server|printer|machine|allowed|required|supported|rules|law|theory|life|world|war|how to|catalog|catalogue|brochure|presentation|lecture|book|novel|movie|film|song|all the|all our|everyone|interview|interviews|survey|spreadsheet|calendar|onboarding|database|plan|plans
		成语|谚语|典故|出自|说法|判断题|含义|什么叫|分店|供应商|员工|手册|手冊|说明书|說明書|章|合同|制度|规定|政策|流程|页面|网站|按钮|菜单|设置|功能|版本|订单|账户|帐户|保修|公司|会议纪要|会议记录|去年|上周|上个月|客户|模板|文档|产品|型号|系统|软件|服务|条件|材料清单|员工|办理|申请|哪些材料|方案A|部门|历史|原理|区别|服务器|数据库|发票|报销|机器|电影|小说|所有
		handbuch|kapitel|vertrag|protokoll|anleitung|richtlinie|seite|menü|knopf|einstellung|bestellung|rechnung|konto|version|gerät|garantie|firma|règlement|manuel|chapitre|contrat|page|menu|bouton|commande|facture|compte|notice|garantie|guide|procès-verbal|entreprise|manual|capítulo|contrato|página|menú|botón|pedido|factura|cuenta|garantía|política|reglamento|acta|guía|empresa|manuale|capitolo|contratto|pagina|regolamento|handleiding|hoofdstuk|инструкци-|глав-|договор-|протокол-|страниц-|кнопк-|меню|заказ-|счёт|счет|аккаунт-|гаранти-|компани-|руководств-|правил-|अनुबंध|समझौते|नियम-|पुस्तिका|पृष्ठ|बटन|खाता|खाते|ऑर्डर|अध्याय|नीति|कंपनी|คู่มือ|สัญญา|หน้า|ปุ่ม|เมนู|บัญชี|คำสั่งซื้อ|นโยบาย|規則|マニュアル|章|契約|請求書|ページ|ボタン|設定|アカウント|注文|保証|議事録|会社|規程|매뉴얼|계약|페이지|버튼|설정|계정|주문|규정|회의록|설명서|الدليل|العقد|الصفحة|الزر|الحساب|الطلب|الضمان|السياسة|الفصل|الشركة`},
	{markTrouble, `error|errors|message|messages|warning|alarm|code|codes|fails|failed|failure|fault|crash|crashes|broken|display|displays|shows|says|stuck|denied|refused|exception|issue|problem|doesn't|does not|won't|will not|can't|cannot|not working|stopped|noise|leak|leaks|fatal|damaged|charged|lost|stolen|missing
		错误|报错|提示|故障|异常|失败|弹出|显示|报警|警告|坏了|不能|无法|没有|不了|怎么办|漏|卡住|闪退|丢|打不开|没反应|离线
		fehlermeldung|fehler|meldung|kaputt|funktioniert nicht|geht nicht|erreur|panne|ne fonctionne|ne marche|error|no funciona|falla|fallo|errore|non funziona|ошибк-|не работает|сломал-|сообщени-|त्रुटि|काम नहीं|खराब|ข้อผิดพลาด|ไม่ทำงาน|เสีย|エラー|故障|動かない|壊れ|表示|오류|고장|안 돼|خطأ|رسالة|لا يعمل|تعطل`},
	{markFact, `who|whom|whose|when|where|which|how many|how old|how long|how much|how far|what time|what year|what date|how often|how tall|how big
		谁|誰|什么时候|何时|哪|多少|几|幾|多大|多长|多久|多高|何人|何地
		wer|wem|wen|wessen|wann|wo|woher|wohin|welche-|wie viel-|wie alt|wie lange|wie oft|wie weit|wie hoch|qui|quand|où|quel|quelle|quels|quelles|combien|quién|quien|quiénes|cuándo|cuando|dónde|donde|cuál|cuáles|cuánt-|cual|chi|quando|dove|quale|quali|quant-|quem|onde|qual|wie|wanneer|waar|hoeveel|кто|кого|кому|когда|где|куда|какой|какая|какое|какие|каком|сколько|कौन|किसने|कब|कहाँ|कहां|कितन-|किस|किसके|ใคร|เมื่อไหร่|เมื่อไร|ที่ไหน|กี่|เท่าไหร่|เท่าไร|誰|いつ|どこ|何人|いくつ|いくら|何時|何年|どの|どれ|누구|누가|언제|어디|몇|얼마|من هو|من هي|متى|أين|كم|أي`},
	{markAsk, `what|why|how|what's|whats|is|are|does|do|did|can|could|should|would|may|must|was|were|has|have|will|am
		什么|什麼|怎么|怎麼|怎样|怎樣|为什么|為什麼|如何|吗|嗎|呢|是否|能否|可否|有没有|是不是
		was|warum|wieso|wie|ist|sind|kann|muss|darf|hat|haben|gibt es|que|quoi|pourquoi|comment|est-ce|qu'est-ce|est-il|est-elle|faut-il|peut-on|qué|cómo|por qué|cosa|perché|come|como|porque|wat|waarom|hoe|что|почему|зачем|как|можно ли|ли|क्या|क्यों|कैसे|อะไร|ทำไม|อย่างไร|ยังไง|ไหม|何|なぜ|どう|ですか|ますか|でしょうか|무엇|뭐|왜|어떻게|나요|까요|ما|ماذا|لماذا|كيف|هل`},
	{markSelf, `yesterday|last week|last night|my son|my daughter|neighbor|neighbour|i|i'm|i've|i'd|me|my|mine|we|us|our|we're|we've|im|ive
		家里|邻居|孩子|儿子|女儿|老公|老婆|爸|妈|你们|昨天|昨晚|我|我们|我們|咱|俺|你们|您
		ich|mich|mir|mein-|wir|uns|unser-|je|j'ai|j'|moi|mon|ma|mes|nous|notre|nos|yo|mi|mis|nosotros|nuestr-|io|mio|mia|noi|nostro|eu|meu|minha|nós|ik|mijn|wij|я|мне|меня|мой|моя|моё|мои|мы|нас|нам|मैं|मैंने|मेरा|मेरी|मेरे|हम|हमारा|मुझे|ฉัน|ผม|ดิฉัน|私|僕|うち|저는|제가|내가|제 |나는|أنا|لي `},
	{markLabel, `context|text|passage|premise|hypothesis|paragraph|article|abstract|excerpt|source|document|story|input|original|statement|sentence|review|ticket|claim|background|transcript|quote|email|code|question|q|dialogue|notes|message|tweet|headline|comment|data|conversation|sentence a|sentence 1|email body
		原文|材料|文本|背景|前提|假设|新闻|短文|文章|资料|问题|內容|内容|句子|评论|对话|题目|上下文|输入|通知|邮件|代码
		kontext|text|frage|satz|prämisse|contexte|texte|question|passage|phrase|contexto|texto|pregunta|frase|contesto|testo|domanda|pergunta|vraag|контекст|текст|вопрос|отрывок|संदर्भ|प्रश्न|गद्यांश|पाठ|บริบท|คำถาม|ข้อความ|本文|質問|文章|文脈|問い|본문|질문|지문|النص|السؤال|السياق|نص|سؤال`},
	{markPolite, `please|pls|plz|kindly|can you|could you|would you|will you|can u|i need you to|i want you to|i'd like you to|i need|help me|help me to|now|then|hi|hello|hey|hi there|ok|okay|so|just|quickly|thanks|thank you|and|also|hey can you
		请|請|麻烦|麻煩|帮我|幫我|帮忙|能否|能不能|可以|你能|您能|你|您|给我|替我|我想|我要|现在|一下|帮|求|把|将|將|用|对|從|从|在
		bitte|kannst du|können sie|könntest du|könnten sie|s'il te plaît|s'il vous plaît|peux-tu|pouvez-vous|pourrais-tu|pourriez-vous|por favor|puedes|podrías|puede|per favore|puoi|potresti|por favor|você pode|alsjeblieft|kun je|пожалуйста|можешь|помоги|помогите|कृपया|ज़रा|क्या आप|ช่วย|กรุณา|โปรด|すみません|お願い|부탁|좀|من فضلك|رجاء|هل يمكنك`},
}

// markNode is a node of the tree of the words of the lexicon, by character.
type markNode struct {
	next  map[rune]*markNode
	whole mark // of the word that ends here
	open  mark // of a word that matches the beginning of a word
	free  mark // of a word that is found anywhere
}

var markTree = sync.OnceValue(func() *markNode {
	root := &markNode{}
	for _, l := range markWords {
		for word := range strings.FieldsFuncSeq(l.words, func(r rune) bool { return r == '|' || r == '\n' || r == '\t' }) {
			root.add(word, l.mark)
		}
	}
	return root
})

func (n *markNode) add(word string, m mark) {
	word, open := strings.CutSuffix(word, "-")
	for _, r := range word {
		if n.next == nil {
			n.next = map[rune]*markNode{}
		}
		if n.next[r] == nil {
			n.next[r] = &markNode{}
		}
		n = n.next[r]
	}
	first, _ := utf8.DecodeRuneInString(word)
	switch {
	case anywhere(first):
		n.free |= m
	case open:
		n.open |= m
	default:
		n.whole |= m
	}
}

// anywhere reports whether words that begin with a letter are found inside of
// others: those of scripts without spaces, of Korean and of Arabic.
func anywhere(r rune) bool {
	return r >= 0x0E00 && r < 0x0F00 || r >= 0x1100 && r < 0x1200 || r >= 0x2E80 || r >= 0x0600 && r < 0x0700
}

// marksAt returns the marks of all words of the lexicon that text begins with, and the
// length of the longest in bytes, 0 if there is none.
func (n *markNode) marksAt(text string) (marks mark, size int) {
	i := 0
	for i < len(text) {
		r, w := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '’':
			r = '\''
		case unicode.IsSpace(r):
			r = ' '
		default:
			r = unicode.ToLower(r)
		}
		if n = n.next[r]; n == nil {
			break
		}
		i += w
		m := n.open | n.free
		if n.whole != 0 {
			if after, _ := utf8.DecodeRuneInString(text[i:]); !isWordRune(after) {
				m |= n.whole
			}
		}
		if m != 0 {
			marks, size = marks|m, i
		}
	}
	return marks, size
}

func isWordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}
