package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestCases(t *testing.T) {
	cases, err := ReadCases(BuiltInCases())
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 400 {
		t.Errorf("%d cases: the packs are held to at least 400", len(cases))
	}
	for _, wrong := range builtIn.RunCases(cases) {
		t.Errorf("cases/%s:%d: %s\n\tgot %s", wrong.Case.File, wrong.Case.Line, wrong.Case.Text, wrong.Got)
	}
}

// Every rule that decides must decide in at least one case, or nothing would notice if it were wrong.
func TestEveryDecidingRuleHasACase(t *testing.T) {
	cases, err := ReadCases(BuiltInCases())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[RuleIndex]bool{}
	for _, c := range cases {
		j, err := builtIn.judgeCase(&c)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range j.Failed() {
			seen[f.Rule] = true
		}
		for _, i := range j.Obligations() {
			seen[i] = true
		}
		seen[j.Rule] = true
	}
	for i, rule := range builtIn.All() {
		if rule.Kind >= KindExpiry && rule.Kind <= KindConfirmation && !seen[RuleIndex(i)] {
			t.Errorf("no case is decided by %s", rule.ID)
		}
	}
}

func TestReadCasesNamesFileAndLine(t *testing.T) {
	good := "+12025550123\tmarketing\tsms\texpress_written\t2026-11-18T12:00 America/New_York\tallow\t"
	for bad, want := range map[string]string{
		"a\tb": "2 columns", strings.Replace(good, "+1202", "+12O2", 1): "want a plus sign and digits", strings.Replace(good, "sms", "fax", 1): `unknown channel "fax"`,
		strings.Replace(good, "marketing", "spam", 1): `unknown purpose class "spam"`, strings.Replace(good, "express_written", "maybe", 1): `unknown level "maybe"`,
		strings.Replace(good, "America/New_York", "", 1): "want a local time and its zone", strings.Replace(good, "T12:00", "T12", 1): "is no local time",
		strings.Replace(good, "allow", "perhaps", 1): `unknown word "perhaps"`, strings.Replace(good, "allow", "defer", 1): "names the next allowed time",
		good + "colour=red": "colour=red: unknown fact", good + "fact=tall": `unknown fact "tall"`, good + "granted=yesterday": "is no local time", good + "age=x:1": "is no period",
	} {
		_, err := ReadCases(fstest.MapFS{"x.tsv": {Data: []byte("# comment\n" + good + "\n" + bad + "\n")}})
		if err == nil || !matches(err.Error(), "^x.tsv:3: .*"+regexp.QuoteMeta(want)) {
			t.Errorf("%q: got %v, want %s", bad, err, want)
		}
	}
}

func TestRunCasesTellsWhatCameOut(t *testing.T) {
	cases, err := ReadCases(fstest.MapFS{"x.tsv": {Data: []byte(
		"+12025550123\tmarketing\tsms\tnone\t2026-11-18T12:00 America/New_York\tallow\t\n" +
			"+12025550123\tmarketing\tsms\texpress_written\t2026-11-18T22:00 America/New_York\tdefer 2026-11-19T09:00\t\n" +
			"+12025550123\tmarketing\tsms\tnone\t2026-11-18T12:00 America/New_York\tdeny; banned\t\n" +
			"+12025550123\tmarketing\tsms\texpress_written\t2026-11-18T12:00 America/New_York\tallow\tswitch=none.such\n" +
			"+12025550123\tmarketing\tsms\texpress_written\t2026-11-18T12:00 America/New_York\tallow\t\n")}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range builtIn.RunCases(cases) {
		got = append(got, fmt.Sprintf("%d: %s", w.Case.Line, w.Got))
	}
	want := []string{
		"1: deny; level_too_low ctia.consent_promotional; level_too_low us.consent_text_marketing", "2: defer 2026-11-19T08:00:00; outside_window us.hours_marketing",
		"3: deny; level_too_low ctia.consent_promotional; level_too_low us.consent_text_marketing", "4: no pack defines the switch none.such",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzReadCases(f *testing.F) {
	f.Add("+12025550123\tmarketing\tsms\texpress_written\t2026-11-18T12:00 America/New_York\tallow\tfact=customer listed=us.ndnc attempt=2026-11-01T01:30b country=US region=TX verified")
	f.Fuzz(func(t *testing.T, text string) {
		cases, err := ReadCases(fstest.MapFS{"x.tsv": {Data: []byte(text)}})
		if err != nil {
			if _, ok := AsFaults(err); !ok {
				t.Fatal(err)
			}
			return
		}
		builtIn.RunCases(cases)
	})
}
