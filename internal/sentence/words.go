package sentence

import "strings"

// ending says how an abbreviation can end a sentence.
type ending uint8

const (
	neverEnds       ending = 1 << iota // not at all
	notBeforeNumber                    // not before a number or a lower-case letter
	endsAList                          // before a capital letter
	seldomEnds                         // before a word that is known to begin sentences
)

// abbreviations holds those of all languages together, without the last full stop.
// One with a capital letter must have it: "Fr. Schmidt" has an abbreviation, "col.
// fr. then" does not. The others are given in lower case and may have capitals.
// Punkt knows further English ones. If an abbreviation is a word of another
// language, the weaker ending of the two is given, or none.
var abbreviations = func() map[string]ending {
	m := map[string]ending{}
	for is, words := range map[ending]string{
		neverEnds: `mr mrs ms dr prof gen col lt sgt capt cmdr adm maj rev hon gov sen messrs mme mlle mt
			e.g i.e eg ie cf vs viz n.b p.s Rep av
			Hr Hrn Frl Fa Std Sek Hptm Dipl Ing dipl.-ing Mag v.a dr.med dr.phil dr.jur bzw bspw sog vgl evtl ggf z.b d.h u.a m.e u.u i.d d.r i.d.r o.ä u.ä o.g
			i.a i.v z.t z.zt u.z u.co hl inkl exkl zzgl abzgl geb gest verh bes insb einschl hrsg abb mio mrd tsd allg ehem gegr versch wiss zt
			MM mmes mlles Mgr Pr p.ex par.ex c.-à-d c-à-d éd ét boul bd
			Sr sra srta sres Ntra Sto Sta dña dra gral Profa lic arq Ud Uds Vd Vds p.ej avda dpto excmo ilmo Fr Fray Hno
			sig dott avv sig.ra dott.ssa
			डॉ प्रो पं श्री मो रु रू कु कि.मी
			т.е тыс ул др.гр им проф акад руб коп напр св
			tzn dr.hab`,
		notBeforeNumber: `no nos p pp fig figs eq eqs vol vols ref refs réf ch sec sect art arts ver v al approx c ca env jan feb mar apr jun jul aug sep sept oct nov dec
			para paras par nr n num núm nº tab tel tél ext s sv abs aufl kap bd bde z rn rdnr ziff okt dez mär mrz chap chapt tabl livre t tome
			pág págs pag pags cap caps aprox máx mín max min est circa b d r Fl ed eds op nn ff lbs lb oz ft pt hwy rte apt ste
			str hauptstr pl Mon tue tues Wed thu thur thurs Fri Sat Sun Mo Di Mi Do Sa So ave janv févr avr juil déc ene abr ago dic
			рис стр гл кв д табл см rys str`,
		endsAList: "no ok etc usw usf ecc uvm itd atd т.д т.п и.т.д u.v.m sqq sq",
		seldomEnds: `inc ltd corp co bros llc jr v.chr n.chr chr s.a ee.uu uu ee j.-c av.j.-c apr.j.-c a.c d.c a.m p.m u.s u.k gmbh e.v jh jhs jahrh
			cía cia hnos ph.d d.c op.cit loc.cit ibid st ste blvd rd`,
	} {
		for w := range strings.FieldsSeq(words) {
			m[w] |= is
		}
	}
	return m
}()

// exclaiming holds names that end in an exclamation mark.
var exclaiming = set("yahoo jeopardy wham panic airplane oliver hairspray oklahoma")

// Kinds of words that begin sentences.
const (
	afterAbbreviation = 1
	afterInitial      = 2 // and are not surnames
)

// starters holds words that, with a capital letter, begin a sentence more often
// than they follow an abbreviation within one.
var starters = func() map[string]int {
	m := map[string]int{}
	for w := range strings.FieldsSeq(`In On At After Before When While But And So Then If As For His Her Its Their Our My You I A An
			Another Most Many Some All No Yes What Why How Where Who Which With From To By Since Until Now Today Later Also Once
			Der Die Das Ein Eine Er Sie Es Wir Ich Ihr Dann Danach Dort Dies Diese Dieser Dieses Aber Und Im Am Auf Mit Nach Seit Bei Für Von Zu
			Als Wenn Auch Doch Man Heute Später Damals Hier Sein Seine Ihre Daher Deshalb Zudem Außerdem Den Dem Des
			Le La Les Un Une Il Elle Ils Elles On Nous Vous Je Ce Cette Ces Cet Dans En Au Aux Mais Et Puis Alors Ensuite Après Avant Pour Par Sur
			Son Sa Ses Leur Leurs Tu Qui Que Où Quand
			El Los Las Una Es Fue Se Por Para Con Pero Y Luego Después Entonces Ella Ellos Ellas Él Su Sus Este Esta Estos Esto Eso También Sí Al Del Así
			Como Cuando Hoy Ahora Yo
			Lo Gli È Per Non Ma Poi Questo Questa O Os Ele Ela Um Uma Não Mas Depois
			Он Она Оно Они Это Этот Эта В На И Но Потом Затем После Я Мы Вы С К По Там Здесь Тогда Когда Если`) {
		m[w] = afterAbbreviation
	}
	for w := range strings.FieldsSeq("The This That These Those It He She They We There However") {
		m[w] = afterInitial
	}
	return m
}()

// elided holds the parts of French words before an apostrophe.
var elided = set("L D C J N S M T Qu Jusqu Lorsqu Puisqu")

// determiners precede German ordinals, as in "am 3. Mai" and "der II. Weltkrieg".
var determiners = set(`der die das den dem des im am vom zum zur beim ins Der Die Das Den Dem Des Im Am Vom Zum Zur Beim
	jeder jede jedes jeden jedem seiner seine seinen seinem ihrer ihre ihren ihrem dieser diese dieses diesen diesem ein eine einen einem einer`)

// counted holds German words that follow an ordinal. Months spelled as in English
// are left out: "in chapter 3. August was hot" has two sentences.
var counted = set(`Januar Jänner Februar März Mai Juni Juli Oktober Dezember Jan Feb Mär Okt Dez Jahrhundert Jahrhunderts Jahrhunderte Jh Jhd Jhs
	Jahrtausend Jahrestag Geburtstag Todestag Weltkrieg Spieltag Platz Stock Stockwerk Etage Klasse Liga Runde Auflage Aufl Kapitel Bundesliga FC
	Mal Tag Woche Monat Lebensjahr Semester Hälfte Bezirk Infanterie Division Armee Staffel Folge`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}
