package rulebook_test

import (
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/rulebook"
)

const berlin phone.Number = 4915112345678

func TestAContactIsKeptAsLongAsTheLawOfItsPlaceWants(t *testing.T) {
	b := book(t, packs)
	for name, c := range map[string]struct {
		number  phone.Number
		channel consent.Channel
		years   int
	}{
		"the log of a text":                         {washington, consent.SMS, 4},
		"the record of a call":                      {washington, consent.VoiceLive, 5},
		"a use, from which the proof is kept anew":  {berlin, consent.VoiceLive, 5},
		"a place of which no pack knows when it is": {59899123456, consent.SMS, 0},
	} {
		want := time.Time{}
		if c.years > 0 {
			want = noon.AddDate(c.years, 0, 0)
		}
		if got := b.KeptUntil(c.number, c.channel, consent.Marketing, noon); !got.Equal(want) {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestContactsAreCountedForTheLongestCap(t *testing.T) {
	b := book(t, packs)
	usual := b.CountedFor()
	if usual < 365*24*time.Hour {
		t.Errorf("got %s", usual)
	}
	k := rulebook.Keeper{Book: b, Ledger: appender{b}}
	if err := k.Put(t.Context(), "key:1", rulebook.Override{ID: "rare", Rule: "us-fl.cap", Period: "P3Y"}); err != nil {
		t.Fatal(err)
	}
	if got := b.CountedFor(); got < 3*365*24*time.Hour {
		t.Errorf("with a cap of three years: got %s", got)
	}
	if err := k.Lift(t.Context(), "key:1", rulebook.Override{ID: "rare"}); err != nil || b.CountedFor() != usual {
		t.Errorf("taken back: got %s, %v", b.CountedFor(), err)
	}
}
