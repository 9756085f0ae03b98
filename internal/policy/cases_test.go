package policy

import (
	"testing"
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
