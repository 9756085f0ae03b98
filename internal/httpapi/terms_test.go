package httpapi_test

import "testing"

func TestTheTermsOfANumberNameTheRuleThatAsksEach(t *testing.T) {
	f := startWith(t, "")
	type term struct{ Value, Rule string }
	var said struct {
		Terms struct {
			Requires    term
			DoubleOptIn *term `json:"double_opt_in"`
			OptOut      struct {
				Deadline, Honour, Everything *term
				Keywords                     []string
			} `json:"opt_out"`
		}
		Retention []struct{ Of, For, Rule string }
	}
	ask := func(number, at string) {
		t.Helper()
		f.post("/v1/rules/applicable", map[string]any{"number": number, "purpose": "marketing", "channel": "sms", "at": at}).status(200).into(&said)
	}
	ask("+18045550123", "2027-02-01T17:00:00Z") // Virginia
	us := said.Terms
	if us.Requires.Value != "express_written" || us.Requires.Rule == "" || us.DoubleOptIn != nil {
		t.Errorf("Virginia asks %+v, double opt-in %v", us.Requires, us.DoubleOptIn)
	}
	if us.OptOut.Deadline == nil || us.OptOut.Deadline.Value != "10 business_days" || us.OptOut.Honour == nil || us.OptOut.Honour.Rule[:5] != "us-va" ||
		us.OptOut.Everything == nil || len(us.OptOut.Keywords) < 7 {
		t.Errorf("an opt-out in Virginia: %+v", us.OptOut)
	}
	ask("+4930231250", "2026-11-23T11:00:00Z")
	if de := said.Terms; de.DoubleOptIn == nil || de.DoubleOptIn.Rule != "de.double_opt_in" || len(said.Retention) == 0 || said.Retention[0].For == "" {
		t.Errorf("Germany: %+v", de)
	}
}
