package lexicon

import (
	"strings"
	"unicode"
)

// Trait is a set of properties of a word or a mark.
type Trait uint32

// The traits. Those from Comma on belong to marks, which have no term.
const (
	Stop     Trait = 1 << iota // carries little content
	Capital                    // begins with a capital letter
	Number                     // holds a digit or names a number
	Year                       // four digits that read as a year
	Month                      // a month, a day of the week, or "century"
	Pronoun                    // refers to the text before it when it opens a sentence
	Place                      // a preposition before places
	Copula                     // joins a term to its definition
	Agent                      // "by"
	Cause                      // gives a reason
	Made                       // a word for making, playing or winning
	Located                    // says where something is
	Negation                   // negates a statement
	Unit                       // a unit of measurement or money
	LastStop                   // a mark that ends a sentence
	Comma
	Asks   // a question mark
	Quotes // a quotation mark
	Opens  // an opening bracket
	Money  // a sign of a currency or percent
	Gram   // several neighboring characters of a script without spaces, which share some with the next

	dayOfMonth // it is a day or a month after a number
)

// lists holds words of languages with the traits that letters do not show.
var lists = [...]struct {
	code  string
	is    Trait
	words string
}{
	{"en", Stop, `a an the and or but nor if then than so as of in on at by for with from to into onto over under about after before
		between during through is are was were be been being am do does did done has have had having can could will would shall
		should may might must not no it its he she they them his her hers their theirs him i you your yours we our us me my mine
		this that these those there here who whom whose which what when where why how s t d ll re ve m also just only very too
		more most some any all each many much such other one`},
	{"en", Number, `two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen twenty thirty forty fifty
		sixty dozen hundred thousand million billion trillion half third quarter once twice`},
	{"en", Month, `january february march april june july august september october november december monday tuesday wednesday
		thursday friday saturday sunday century spring summer autumn winter`},
	{"en", Pronoun, "he she it they this these that those his her its their him them such"},
	{"en", Place, "in at on near of from to across along between"},
	{"en", Copula, "is are was were means refers denotes defined called"},
	{"en", Agent, "by"},
	{"en", Cause, "because due caused causes cause since therefore thus reason reasons result resulted results order purpose leads led owing hence allows enable enables prevent"},
	{"en", Made, `played portrayed voiced sung sings written wrote directed produced created founded invented discovered designed built
		painted composed performed recorded starring stars starred cast won winner champion author singer actor actress leader
		president king queen recorded released born elected appointed established`},
	{"en", Located, "located situated lies capital headquarters headquartered based border borders coast region area filmed shot lives found north south east west"},
	{"en", Negation, "not no never none neither nor without cannot nobody nothing nowhere hardly t"},
	{"en", Unit, `percent year years month months week weeks day days hour hours minute minutes second seconds metre metres meter meters km
		kilometres kilometers miles mile feet foot ft inch inches kg kilograms pounds lb tons tonnes degrees people episodes seasons
		members players acres hectares dollars euros times mm cm litres liters population`},
	{"de", Number, "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf hundert tausend million millionen milliarde milliarden hälfte drittel viertel"},
	{"de", Month, `januar februar märz april mai juni juli august september oktober november dezember montag dienstag mittwoch donnerstag
		freitag samstag sonntag jahrhundert frühling sommer herbst winter`},
	{"de", Pronoun, "er sie es dies diese dieser dieses jene jener sein seine ihr ihre ihnen solche"},
	{"de", Negation, "nicht kein keine keinen keiner keinem nie niemals weder ohne niemand nichts"},
	{"de", Unit, "prozent jahr jahre jahren monat monate tag tage tagen stunde stunden minute minuten sekunden meter kilometer km menschen einwohner grad euro dollar mal"},
	{"de", Place, "in im an am bei nahe aus nach zwischen"},
	{"de", Copula, "ist sind war waren bedeutet heißt bezeichnet"},
	{"de", Agent, "von durch"},
	{"de", Cause, "weil da wegen aufgrund grund deshalb daher dadurch führte"},
	{"hi", Number, "दो तीन चार पांच पाँच छह सात आठ नौ दस सौ हजार हज़ार लाख करोड़ मिलियन बिलियन"},
	{"hi", Month, "जनवरी फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर सदी शताब्दी"},
	{"hi", Negation, "नहीं न ना बिना मत"},
	{"hi", Pronoun, "यह ये वह वे इस इसके इसकी उसके उनके इन"},
	{"hi", Unit, "प्रतिशत वर्ष वर्षों साल महीने दिन दिनों घंटे मिनट किमी मीटर लोग लोगों डिग्री डॉलर बार"},
	{"fr", Number, "deux trois quatre cinq six sept huit neuf dix cent mille million millions milliard milliards"},
	{"fr", Month, "janvier février mars avril mai juin juillet août septembre octobre novembre décembre siècle"},
	{"fr", Negation, "pas ne non jamais aucun aucune ni sans rien personne"},
	{"fr", Pronoun, "il elle ils elles ce cela ces cette son sa ses leur leurs"},
	{"es", Number, "dos tres cuatro cinco seis siete ocho nueve diez cien ciento mil millón millones"},
	{"es", Month, "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre siglo"},
	{"es", Negation, "no nunca jamás ningún ninguna ninguno ni sin nada nadie"},
	{"es", Pronoun, "él ella ellos ellas este esta esto estos estas su sus"},
}

var traits = func() map[string]map[string]Trait {
	m := map[string]map[string]Trait{}
	for _, l := range lists {
		if m[l.code] == nil {
			m[l.code] = map[string]Trait{}
		}
		for w := range strings.FieldsSeq(l.words) {
			m[l.code][w] |= l.is
		}
	}
	return m
}()

func markTraits(r rune) Trait {
	var is Trait
	if unicode.Is(unicode.Sentence_Terminal, r) {
		is |= LastStop
	}
	switch r {
	case ',', '，', '、':
		is |= Comma
	case '?', '？':
		is |= Asks
	case '"', '“', '”', '`', '«':
		is |= Quotes
	case '(', '[':
		is |= Opens
	case '$', '€', '£', '¥', '%':
		is |= Money
	}
	return is
}
