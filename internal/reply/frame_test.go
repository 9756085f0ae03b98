package reply

import (
	"strings"
	"testing"
)

const frameRows = "frame\topt_out\ttexts\tframed\t<zverb>|<zother> <zthing> !<zoff>\n" +
	"language\txx\nclass\tzverb\tflurble\nclass\tzthing\tgrommets\nclass\tzoff\tzarquon\n" +
	"language\tyy\nclass\tzother\tblat\nclass\tzthing\tspronks\nclass\tzoff\tzarquon\n" +
	"language\tzz\nclass\tzverb\tmurp\nclass\tzthing\tdrobbles\n"

func TestFrameIsReadInTheWordsOfEachLanguage(t *testing.T) {
	set, err := ParseSet(strings.NewReader(frameRows))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]Result{
		"flurble all of them grommets":  {Label: OptOut, Scope: Texts, Language: "xx", Rule: "xx/framed"},
		"those spronks ought to blat":   {Label: OptOut, Scope: Texts, Language: "yy", Rule: "yy/framed"},
		"flurble those spronks":         {Label: None}, // words of two languages
		"zarquon, flurble the grommets": {Label: None}, // barred
		"murp those drobbles":           {Label: None}, // its language does not say what bars
	} {
		got := Classify(Input{Text: text, Keywords: set})
		want.Version = set.Version()
		if got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

func TestFrameRowsAreChecked(t *testing.T) {
	for row, want := range map[string]string{
		"frame\topt_out\ttexts\tword\tflurble <messages>":      "want classes of one language",
		"frame\topt_out\ttexts\tall\t<*messages> <stopv>":      "want classes of one language",
		"frame\topt_out\ttexts\tno\t<nosuchclass> <stopv>":     "no language has all its classes",
		"frame\topt_out\ttexts\tbar\t<stopv> <list> !<nosuch>": "no language has all its classes",
		"frame\topt_in\t-\tgrant\t<stopv> <messages>":          "may not grant",
	} {
		_, err := ParseSet(strings.NewReader(row))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: got %v, want an error on line 1 about %q", row, err, want)
		}
	}
}

func TestRunsOfLettersAreFoundWhereverTheyStand(t *testing.T) {
	set, err := ParseSet(strings.NewReader("language\tqq\ncontains\tambiguous\t-\tdoubt\t甲乙丙\n" +
		"contains\topt_out\tcalls\tout\t{丁|戊}己庚\nexclude\t辛丁己庚; {壬|癸}戊己庚\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]Label{
		"子甲乙丙": Ambiguous, "甲乙丙子丁己庚": OptOut, "戊己庚": OptOut, "辛丁己庚": None, "癸戊己庚": None,
		"癸戊己庚。丁己庚": OptOut, "甲乙": None, "丁": None,
	} {
		if got := Classify(Input{Text: text, Keywords: set}); got.Label != want {
			t.Errorf("%q: got %s (%s), want %s", text, got.Label, got.Rule, want)
		}
	}
}

func TestWordThatOpensAClauseDoesSoInItsLanguageOnly(t *testing.T) {
	set, err := ParseSet(strings.NewReader("language\txx\nclass\tafter\tdrobble\nphrase\topt_out\ttexts\tend\tflurble|grommet spronk $\n" +
		"language\tyy\nphrase\topt_out\ttexts\tend\tblat murp $\nphrase\thelp\t-\tother\tvorp drobble zib\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]Label{
		"flurble spronk drobble zork": OptOut, "blat murp": OptOut, "blat murp drobble zork": None,
	} {
		if got := Classify(Input{Text: text, Keywords: set}); got.Label != want {
			t.Errorf("%q: got %s (%s), want %s", text, got.Label, got.Rule, want)
		}
	}
}

func TestLanguagesOfAFamilyCountAsOne(t *testing.T) {
	rows := "family\tww\txx yy\nlanguage\txx\nkeyword\tnone\t-\t*\tunheard\nphrase\topt_out\ttexts\tshout\tflurble spronk\n" +
		"language\tyy\nphrase\thelp\t-\tmuch\tdrobble zork murp\n"
	set, err := ParseSet(strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	got := Classify(Input{Text: "drobble zork murp zork drobble. flurble spronk", Keywords: set})
	if got.Label != OptOut || got.Language != "xx" {
		t.Errorf("got %+v, want opt_out in xx", got)
	}
	_, err = ParseSet(strings.NewReader("language\txx\nlanguage\tyy\nfamily\tww\txx yy\n"))
	if err == nil || !strings.Contains(err.Error(), "before its words") {
		t.Errorf("got %v, want an error about the order of rows", err)
	}
}
