package reply

import (
	"errors"
	"strings"
	"testing"
)

func TestScopeFollowsTheWords(t *testing.T) {
	for _, c := range []struct {
		text string
		want Scope
	}{
		{"STOP", Purpose},
		{"STOPALL", Everything},
		{"Stop everything", Everything},
		{"unsubscribe", Purpose},
		{"stop the marketing", Purpose},
		{"stop texting me", Texts},
		{"no more texts please", Texts},
		{"stop calling me", Calls},
		{"Stop calling, text me instead", Calls},
		{"stop calling and texting me", Everything},
		{"STOP. And don't call me either", Everything},
		{"do not contact me again", Everything},
		{"wrong number", Everything},
		{"lose my number", Everything},
		{"Take me off ALL lists", Everything},
		{"Ne m'appelez plus", Calls},
		{"Ekki hringja í mig aftur", Calls},
		{"ne m'envoyez plus de messages", Texts},
	} {
		if got := Classify(Input{Text: c.text}); got.Label != OptOut || got.Scope != c.want {
			t.Errorf("%q: got %s %s (%s), want opt_out %s", c.text, got.Label, got.Scope, got.Rule, c.want)
		}
	}
}

// TestWordsOfTheLawAndTheCarriers takes the lists of 47 CFR 64.1200(a)(10), Twilio, AWS and Telnyx.
func TestWordsOfTheLawAndTheCarriers(t *testing.T) {
	for want, words := range map[Label]string{
		OptOut: "stop,quit,end,revoke,opt out,cancel,unsubscribe,STOPALL,OPTOUT,OPT-OUT,ARRET,REMOVE,STOP ALL",
		OptIn:  "START,UNSTOP,JOIN,SUBSCRIBE",
		Help:   "HELP,INFO,AIDE",
		None:   "YES,OK,THANKS",
	} {
		for _, word := range strings.Split(words, ",") {
			for _, region := range []string{"", "US", "CA", "GB", "IS"} {
				if got := Classify(Input{Text: word, Region: region}); got.Label != want {
					t.Errorf("%q in %q: got %s (%s), want %s", word, region, got.Label, got.Rule, want)
				}
			}
		}
	}
}

func TestRegionDecidesWordsThatCollide(t *testing.T) {
	for _, c := range []struct {
		text, region string
		want         Label
	}{
		{"SEIS", "FI", OptOut},
		{"SEIS", "ES", None},
		{"SEIS", "", OptOut},
		{"SEIS", "DE", Ambiguous},
		{"FIN", "FR", OptOut},
		{"FIN", "US", OptOut}, // Spanish is spoken there
		{"FIN", "GB", Ambiguous},
		{"TD", "CN", OptOut},
		{"TD", "US", Ambiguous},
		{"STOP", "FI", OptOut},
		{"STOP", "ZZ", OptOut},
		{"stp", "FR", None},
		{"stp", "US", OptOut},
		{"ENDE", "DE", OptOut},
		{"END", "DE", OptOut},
		{"T", "CN", OptOut},
		{"T", "US", Ambiguous},
	} {
		if got := Classify(Input{Text: c.text, Region: c.region}); got.Label != c.want {
			t.Errorf("%q in %q: got %s (%s), want %s", c.text, c.region, got.Label, got.Rule, c.want)
		}
	}
}

func TestYesOfOneCountryGrantsOnlyThere(t *testing.T) {
	for _, c := range []struct {
		text, region string
		want         Label
	}{
		{"tak", "PL", OptIn}, {"tak", "DK", None}, {"tak", "", None},
		{"ja", "DE", OptIn}, {"да", "", OptIn},
	} {
		if got := Classify(Input{Text: c.text, Region: c.region, Pending: true}); got.Label != c.want {
			t.Errorf("%q in %q: got %s (%s), want %s", c.text, c.region, got.Label, got.Rule, c.want)
		}
		if got := Classify(Input{Text: c.text, Region: c.region}); got.Label == OptIn {
			t.Errorf("%q in %q grants unasked", c.text, c.region)
		}
	}
}

// TestWordOfSeveralLanguagesTellsNone keeps a Mexican's basta from being answered in Italian.
func TestWordOfSeveralLanguagesTellsNone(t *testing.T) {
	for text, want := range map[string]string{
		"basta": "", "parar": "", "cancelar": "", "no": "", "sí": "", "baja": "es", "sair": "pt", "disiscrivi": "it", "abmelden": "de",
	} {
		got := Classify(Input{Text: text})
		if lang, _, _ := strings.Cut(got.Rule, "/"); got.Language != want || tag(lang) != want {
			t.Errorf("%q: got language %q by %s, want %q", text, got.Language, got.Rule, want)
		}
	}
}

func TestResultNamesItsRule(t *testing.T) {
	for text, want := range map[string]string{
		"STOP": "und/keyword", "sotp": "und/typo", "please stop texting me": "en/stop-texting", "bus stop": "",
		"Liked “Reply STOP to end”": "und/tapback", "Ne me contactez plus": "fr/n-envoyez-plus", "lol stop": "und/banter",
		"もう送らないでください": "ja/okuranaide", "yes": "en/yes-unasked",
	} {
		got := Classify(Input{Text: text})
		if got.Rule != want {
			t.Errorf("%q: got rule %q, want %q", text, got.Rule, want)
		}
		if lang, _, _ := strings.Cut(want, "/"); got.Language != tag(lang) {
			t.Errorf("%q: got language %q, want that of %q", text, got.Language, want)
		}
		if got.Version != Default().Version() || !strings.HasPrefix(got.Version, algorithm+".") {
			t.Errorf("%q: got version %q", text, got.Version)
		}
	}
}

func TestLongTextIsReadAtItsEnds(t *testing.T) {
	filler := strings.Repeat("the parcel is on its way. ", 3000)
	for _, c := range []struct {
		text string
		want Label
	}{
		{"Stop texting me. " + filler, OptOut},
		{filler + " Stop texting me.", OptOut},
		{filler, None},
		{strings.Repeat("é", 50000) + " stop texting me", OptOut},
	} {
		if got := Classify(Input{Text: c.text}); got.Label != c.want {
			t.Errorf("%d bytes: got %s (%s), want %s", len(c.text), got.Label, got.Rule, c.want)
		}
	}
}

func TestOperatorRowsAddAndReplace(t *testing.T) {
	set, err := ParseSet(strings.NewReader(strings.Join([]string{
		"# our programme",
		"language\ten",
		"keyword\topt_out\tpurpose\t*\tparrot; no parrots",
		"keyword\tnone\t-\tGB\tcancel",
		"keyword\topt_in\t-\t*\tpolly",
		"phrase\topt_out\teverything\tfeathers\thate ?the feathers|birds",
	}, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in   Input
		want Label
	}{
		{Input{Text: "Parrot!"}, OptOut},
		{Input{Text: "no parrots please"}, OptOut},
		{Input{Text: "polly"}, OptIn},
		{Input{Text: "polly please"}, Ambiguous},
		{Input{Text: "I hate the birds"}, OptOut},
		{Input{Text: "cancel", Region: "GB"}, None},
		{Input{Text: "cancel", Region: "US"}, OptOut},
		{Input{Text: "stop"}, OptOut},
	} {
		c.in.Keywords = set
		if got := Classify(c.in); got.Label != c.want {
			t.Errorf("%q in %q: got %s (%s), want %s", c.in.Text, c.in.Region, got.Label, got.Rule, c.want)
		}
	}
	if set.Version() == Default().Version() {
		t.Error("the version does not tell that rows were added")
	}
	if got := Classify(Input{Text: "Parrot!"}); got.Label != None {
		t.Errorf("the built-in words know an operator's: %v", got)
	}
}

func TestParseErrorNamesTheLineAndTheReason(t *testing.T) {
	for rows, want := range map[string]string{
		"keywords\topt_out\tpurpose\t*\tx":            `line 1: unknown kind of row "keywords"`,
		"# ok\nkeyword\topt_out\tpurpose\tx":          "line 2: keyword row: 4 columns, want 5",
		"keyword\toptout\tpurpose\t*\tx":              `line 1: unknown label "optout"`,
		"keyword\topt_out\tall\t*\tx":                 `line 1: unknown scope "all"`,
		"keyword\thelp\tpurpose\t*\tx":                "only opt_out has one",
		"keyword\topt_out\tpurpose\tusa\tx":           `region "usa"`,
		"keyword\tnone\t-\t*\tstop":                   "must stay opt_out in the United States",
		"keyword\tnone\t-\tGB,US\tQUIT":               "must stay opt_out in the United States",
		"phrase\topt_in\t-\tx\tcount me in":           "a phrase may not grant",
		"phrase\topt_out\tpurpose\tx\t<nosuch> thing": `line 1: class "nosuch" is not defined`,
		"phrase\topt_out\tpurpose\tx\t.. thing":       "starts with a gap",
		"phrase\topt_out\tpurpose\tx\tthing ..9":      "want .. or ..1 to ..6",
		"phrase\topt_out\tpurpose\tx\t?thing":         "names no word that must occur",
		"phrase\topt_out\tpurpose\tx\tab* thing":      "three letters or more",
		"contains\topt_out\tpurpose\tx\t停":            "too short",
		"keyword\topt_out\tpurpose\t*\t ":             "column 5 is empty",
		"\n\nguard\tx":                                "line 3: guard row: 2 columns, want 3",
	} {
		_, err := ParseSet(strings.NewReader(rows))
		var parse *ParseError
		if !errors.As(err, &parse) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", rows, err, want)
		}
	}
}

func TestReactionsAndQuotesAreNotTheWritersWords(t *testing.T) {
	for text, want := range map[string]Label{
		"Liked “Reply STOP to opt out”":                            None,
		"Emphasized “stop":                                         None,
		"Gefällt „Antworten Sie mit STOP“":                         None,
		"A aimé « Répondez STOP pour vous désabonner »":            None,
		"👍 to “Reply STOP to end”":                                 None,
		"“STOP”":                                                   OptOut,
		"> Reply STOP to end\nsee you at 5":                        None,
		"see you at 5\n\nOn Friday Acme wrote:\nReply STOP to end": None,
		"Your text said \"Reply STOP to opt out\" so is it on?":    None,
		"I replied \"STOP\" and you still text me. \"STOP\"":       OptOut,
		"see example.com/stop":                                     None,
		"stop@example.com":                                         None,
	} {
		if got := Classify(Input{Text: text}); got.Label != want {
			t.Errorf("%q: got %s (%s), want %s", text, got.Label, got.Rule, want)
		}
	}
}
