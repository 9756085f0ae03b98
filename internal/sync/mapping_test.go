package sync_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/sync"
)

func mapping(t *testing.T, m map[string]string) sync.Mapping {
	t.Helper()
	out, err := sync.NewMapping(&sync.Destination{Mapping: m})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAMappingThatCannotBeIsRefused(t *testing.T) {
	for _, m := range []map[string]string{
		nil,
		{"acme/marketing": "g"},
		{"acme/*/sms": "g"},
		{"acme/marketing/pigeon": "g"},
		{"acme/marketing/sms": ""},
		{"acme/marketing/sms": "g", "acme/marketing/whatsapp": "g"},
		{"/marketing/sms": "g"},
	} {
		_, err := sync.NewMapping(&sync.Destination{Mapping: m})
		var invalid *sync.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != "mapping" {
			t.Errorf("%v: got %v", m, err)
		}
	}
}

func TestAWideRestrictionLeavesWhatIsOnRecordToItsOwnChange(t *testing.T) {
	m := mapping(t, map[string]string{texts.String(): "texts", calls.String(): "calls"})
	yes := consent.Fold([]consent.Act{{Kind: consent.Granted, Level: consent.Express, Scope: texts, EffectiveAt: time.Unix(1000, 0), Seq: 9}})
	wide := sync.Change{Scope: consent.Everything, Records: []sync.Held{{Scope: texts, Record: yes}}}
	got := m.Targets(&wide, time.Unix(2000, 0))
	if len(got) != 1 || got[0].Value != "calls" || got[0].Granted {
		t.Errorf("the wide restriction means %+v", got)
	}
	own := sync.Change{Scope: texts, Record: yes}
	if got := m.Targets(&own, time.Unix(2000, 0)); len(got) != 1 || got[0].Value != "texts" || !got[0].Granted {
		t.Errorf("the grant means %+v", got)
	}
	other := sync.Change{Scope: consent.Scope{Brand: "other", Purpose: "marketing", Channel: consent.SMS}}
	if got := m.Targets(&other, time.Unix(2000, 0)); len(got) > 0 {
		t.Errorf("a scope that is not mapped means %+v", got)
	}
	places := m.ByPlace([]sync.Change{wide, own}, time.Unix(2000, 0))
	if len(places) != 2 || !slices.Equal(places[0].Denied, []int{0}) || !slices.Equal(places[1].Granted, []int{1}) || len(places[1].Denied) > 0 {
		t.Errorf("by place: %+v", places)
	}
}

func TestAnExtensionIsNotTexted(t *testing.T) {
	m := mapping(t, map[string]string{texts.String(): "texts", calls.String(): "calls"})
	extension, err := phone.Parse("+12025550100;ext=7", "")
	if err != nil {
		t.Fatal(err)
	}
	got := m.Targets(&sync.Change{Number: extension, Scope: consent.Everything}, time.Unix(2000, 0))
	if len(got) != 1 || got[0].Value != "calls" {
		t.Errorf("a no to everything means %+v", got)
	}
}

func TestAMappingMayHoldSomeChannelsOnly(t *testing.T) {
	m := mapping(t, map[string]string{texts.String(): "texts", calls.String(): "calls"})
	var invalid *sync.InvalidError
	if err := m.Only(consent.SMS, consent.WhatsApp); !errors.As(err, &invalid) || invalid.Field != "mapping" {
		t.Errorf("got %v", err)
	}
	if err := m.Only(texts.Channel, calls.Channel); err != nil {
		t.Error(err)
	}
}
