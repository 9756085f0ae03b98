package reply

import "testing"

// TestSetsThatNothingIsFittedToAreReadAsWellAsAtFirst holds the scores that were measured when these sets were first read.
// No row is ever written for a message in them, so that they tell how strangers are read.
func TestSetsThatNothingIsFittedToAreReadAsWellAsAtFirst(t *testing.T) {
	for _, set := range []struct {
		name          string
		found, alarms int
	}{
		{"unseen/natural.tsv", 102, 0},
		{"unseen/hard.tsv", 33, 2},
	} {
		t.Run(set.name, func(t *testing.T) {
			var sc score
			for _, l := range readLabelled(t, set.name) {
				got := Classify(Input{Text: l.text})
				sc.add(l.want, got.Label)
				if got.Label != l.want {
					t.Logf("%s %s %q: got %s (%s), want %s", l.where, l.language, l.text, got.Label, got.Rule, l.want)
				}
			}
			t.Log(sc)
			if sc.outsFound < set.found || sc.alarms > set.alarms || sc.falseGrants > 0 {
				t.Errorf("got %v, want at least %d withdrawals found and at most %d alarms", sc, set.found, set.alarms)
			}
		})
	}
}
