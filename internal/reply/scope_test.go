package reply

import "testing"

// TestScopeIsReadInEveryLanguage says in each language that texts, calls, advertising, or all contact shall end, and that
// calls shall end while texts may go on.
func TestScopeIsReadInEveryLanguage(t *testing.T) {
	for lang, texts := range map[string]map[Scope][]string{
		"en": {Texts: {"no more texts", "stop texting me"}, Calls: {"stop calling me", "no calls, texts are fine"}, Purpose: {"stop the marketing"}, Everything: {"delete my number", "never contact me again, no calls and no texts", "stop everything"}},
		"fr": {Texts: {"plus de sms svp", "arrêtez de m'écrire"}, Calls: {"ne m'appelez plus", "arrêtez de m'appeler"}, Purpose: {"stop pub", "plus de publicité"}, Everything: {"supprimez mon numéro", "plus d'appels ni de sms, arrêtez de m'appeler et plus de sms"}},
		"es": {Texts: {"no más mensajes", "dejen de escribirme"}, Calls: {"no me llamen más", "dejen de llamarme"}, Purpose: {"no quiero publicidad"}, Everything: {"borren mi número", "no me llamen ni me escriban más"}},
		"pt": {Texts: {"não quero mais mensagens", "pare de enviar sms"}, Calls: {"não me ligue mais", "parem de me ligar"}, Purpose: {"chega de propaganda"}, Everything: {"apaguem meu número"}},
		"de": {Texts: {"keine SMS mehr", "schreiben Sie mir nicht mehr"}, Calls: {"nicht mehr anrufen", "rufen Sie mich nicht mehr an"}, Purpose: {"keine Werbung mehr"}, Everything: {"löschen Sie meine Nummer", "keine Anrufe und keine SMS mehr"}},
		"it": {Texts: {"basta messaggi", "non scrivetemi più"}, Calls: {"non chiamatemi più", "basta telefonate"}, Purpose: {"niente pubblicità"}, Everything: {"cancellate il mio numero"}},
		"nl": {Texts: {"geen sms meer", "stop met sms'en"}, Calls: {"bel me niet meer", "hou op met bellen"}, Purpose: {"geen reclame meer"}, Everything: {"verwijder mijn nummer"}},
		"da": {Texts: {"ikke flere sms'er", "stop med at skrive til mig"}, Calls: {"ring ikke til mig mere", "hold op med at ringe"}, Purpose: {"ikke mere reklame"}, Everything: {"slet mit nummer"}},
		"sv": {Texts: {"inga fler sms", "sluta skicka sms"}, Calls: {"ring mig inte", "sluta ringa mig"}, Purpose: {"ingen reklam tack"}, Everything: {"radera mitt nummer"}},
		"nb": {Texts: {"ingen flere meldinger", "slutt å sende meg sms"}, Calls: {"ikke ring meg", "slutt å ringe"}, Purpose: {"ikke mer reklame"}, Everything: {"slett nummeret mitt"}},
		"is": {Texts: {"engin fleiri skilaboð", "hættið að senda mér sms"}, Calls: {"ekki hringja í mig", "hættið að hringja"}, Purpose: {"engar auglýsingar"}, Everything: {"eyðið númerinu mínu"}},
		"fi": {Texts: {"ei enää viestejä", "älkää lähettäkö minulle viestejä"}, Calls: {"älkää soittako minulle", "lopettakaa soittelu"}, Purpose: {"ei enää mainoksia"}, Everything: {"poistakaa numeroni"}},
		"af": {Texts: {"geen boodskappe meer nie", "hou op om vir my sms te stuur"}, Calls: {"moenie my bel nie", "hou op om my te bel"}, Purpose: {"geen bemarking meer nie"}, Everything: {"verwyder my nommer"}},
		"zu": {Texts: {"ningangithumeleli imiyalezo"}, Calls: {"ningangifoneli", "yekani ukungifonela"}, Everything: {"susani inombolo yami"}},
		"hi": {Texts: {"मैसेज भेजना बंद करो", "message bhejna band karo"}, Calls: {"मुझे कॉल मत करो", "phone karna band karo"}, Everything: {"मेरा नंबर हटाओ", "mera number hata do"}},
		"ar": {Texts: {"أوقفوا الرسائل", "balash rasayel"}, Calls: {"لا تتصل بي", "la tetasel fiye"}, Everything: {"احذفوا رقمي"}},
		"ja": {Texts: {"メッセージを送らないでください"}, Calls: {"電話しないでください", "電話は不要です"}, Purpose: {"広告はいりません"}, Everything: {"番号を削除してください"}},
		"zh": {Texts: {"不要再发短信了"}, Calls: {"不要打电话给我", "别再打电话"}, Purpose: {"不要广告"}, Everything: {"删除我的号码"}},
	} {
		for want, says := range texts {
			for _, text := range says {
				if got := Classify(Input{Text: text}); got.Label != OptOut || got.Scope != want {
					t.Errorf("%s %q: got %s %s (%s), want opt_out %s", lang, text, got.Label, got.Scope, got.Rule, want)
				}
			}
		}
	}
}
