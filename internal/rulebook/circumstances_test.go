package rulebook_test

import (
	"errors"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/rulebook"
)

// live is a question about a live call that needs no consent: what else the rules ask decides.
func live(n phone.Number, class consent.Class) check.Question {
	q := question(n, class, noon)
	q.Channel = consent.VoiceLive
	return q
}

func TestWhatACallerTellsReachesTheRules(t *testing.T) {
	b := book(t, packs)
	x := index(t, b, granted(washington, consent.Marketing, consent.ExpressWritten))
	clear := func(registry string) []rulebook.RegistryAnswer {
		return []rulebook.RegistryAnswer{{Registry: registry, AskedAt: ledger.Time(noon.Add(-time.Hour))}}
	}
	for name, c := range map[string]struct {
		question check.Question
		tells    rulebook.Circumstances
		want     string
	}{
		"a call, and nothing is known":          {live(washington, consent.Marketing), rulebook.Circumstances{}, "registry_stale us.registry_calls"},
		"a registry that was asked about it":    {live(washington, consent.Marketing), rulebook.Circumstances{Registries: clear("us.ndnc")}, "exempt us.consent_live_marketing"},
		"a registry that was asked long ago":    {live(washington, consent.Marketing), rulebook.Circumstances{Registries: []rulebook.RegistryAnswer{{Registry: "us.ndnc", AskedAt: ledger.Time(noon.AddDate(0, 0, -32))}}}, "registry_stale us.registry_calls"},
		"a registry that lists it":              {live(washington, consent.Marketing), rulebook.Circumstances{Registries: []rulebook.RegistryAnswer{{Registry: "us.ndnc", Listed: true, AskedAt: ledger.Time(noon.AddDate(0, 0, -32))}}}, "registry_listed us.registry_calls"},
		"another registry was asked":            {live(washington, consent.Marketing), rulebook.Circumstances{Registries: clear("gb.tps")}, "registry_stale us.registry_calls"},
		"a purchase":                            {live(washington, consent.Marketing), rulebook.Circumstances{PurchasedAt: at(noon.AddDate(0, -17, 0))}, "exempt us.consent_live_marketing"},
		"a purchase too long ago":               {live(washington, consent.Marketing), rulebook.Circumstances{PurchasedAt: at(noon.AddDate(0, -19, 0))}, "registry_stale us.registry_calls"},
		"a toll-free sender adds its terms":     {question(washington, consent.Marketing, noon), rulebook.Circumstances{Sender: "toll_free"}, "granted "},
		"a zone where it is still night":        {question(washington, consent.Marketing, noon), rulebook.Circumstances{Zone: "Pacific/Honolulu"}, "outside_window us.hours_marketing"},
		"an address where it is still night":    {question(washington, consent.Marketing, noon), rulebook.Circumstances{Country: "US", Region: "HI"}, "outside_window us.hours_marketing"},
		"a postal code where it is still night": {question(washington, consent.Marketing, noon), rulebook.Circumstances{Country: "US", Postal: "96813"}, "outside_window us.hours_marketing"},
	} {
		about, err := b.Circumstances(&c.tells)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c.question.About = about
		v := x.Check(c.question)
		if got := rules(b, &v)[0]; got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
		if got := testing.AllocsPerRun(20, func() { x.Check(c.question) }); got != 0 {
			t.Errorf("%s: a check allocates %v times", name, got)
		}
	}
}

func TestWhatNobodyKnowsTheMeaningOfIsRefused(t *testing.T) {
	b := book(t, packs)
	for field, c := range map[string]rulebook.Circumstances{
		"contact": {Contact: "chat"}, "sender_kind": {Sender: "pigeon"}, "sector": {Sector: "alchemy"}, "line": {Line: "party"},
		"facts": {Facts: []string{"customer", "friend"}}, "country": {Country: "ZZ"}, "dispatch_zone": {DispatchZone: "Moon/Tycho"},
		"registries": {Registries: []rulebook.RegistryAnswer{{Registry: "us.nowhere", AskedAt: ledger.Time(noon)}}},
	} {
		var invalid *rulebook.InvalidError
		if _, err := b.Circumstances(&c); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
	undated := rulebook.Circumstances{Registries: []rulebook.RegistryAnswer{{Registry: "us.ndnc"}}}
	if _, err := b.Circumstances(&undated); err == nil {
		t.Error("an answer without a date was taken")
	}
}
