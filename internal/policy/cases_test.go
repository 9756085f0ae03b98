package policy

import "testing"

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
