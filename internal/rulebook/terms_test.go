package rulebook_test

import (
	"testing"
	"time"

	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/rulebook"
)

func TestOneNoEndsAllWhereTheRuleSaysSo(t *testing.T) {
	b := book(t, packs)
	due := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	asks := func(n phone.Number, at time.Time) string {
		rule, ends := b.EndsAll(n, at)
		if ends != (rule != "") {
			t.Errorf("ends %v by %q", ends, rule)
		}
		return rule
	}
	if got := asks(washington, noon); got != "us.opt_out_everything_early" {
		t.Errorf("strictly, before it is in force: %q", got)
	}
	k := rulebook.Keeper{Book: b, Ledger: appender{b}}
	if err := k.Put(t.Context(), "key:1", rulebook.Relaxation{ID: "us.revoke_all_not_yet", Reason: "Waived", Until: at(due.AddDate(1, 0, 0))}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		number phone.Number
		at     time.Time
		want   string
	}{{washington, noon, ""}, {washington, due, "us.opt_out_everything"}, {london, due, ""}, {paris, due, ""}} {
		if got := asks(c.number, c.at); got != c.want {
			t.Errorf("at %s: got %q, want %q", c.at, got, c.want)
		}
	}
}
