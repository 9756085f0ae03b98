package rulebook_test

import (
	"testing"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// registry is a copy of the National Do Not Call Registry, taken a week ago.
func registry(change func(*check.List)) *check.List {
	l := &check.List{ID: "dnc", Name: "NDNC", Kind: "national_registry", Registry: "us.ndnc", Loaded: true, AsOf: noon.AddDate(0, 0, -7)}
	if change != nil {
		change(l)
	}
	return l
}

func TestACopyOfARegistryAnswersTheRuleThatAsks(t *testing.T) {
	b := book(t, packs)
	written := granted(washington, consent.Marketing, consent.ExpressWritten)
	call, text := live(washington, consent.Marketing), question(washington, consent.Marketing, noon)
	old := func(days int) func(*check.List) {
		return func(l *check.List) { l.AsOf = noon.AddDate(0, 0, -days) }
	}
	for name, c := range map[string]struct {
		list     *check.List
		members  []phone.Number
		question check.Question
		want     string
	}{
		"not listed":                           {registry(nil), []phone.Number{london}, call, "exempt us.consent_live_marketing"},
		"listed":                               {registry(nil), []phone.Number{washington}, call, "registry_listed us.registry_calls"},
		"listed long ago":                      {registry(old(400)), []phone.Number{washington}, call, "registry_listed us.registry_calls"},
		"listed, and consented in writing":     {registry(nil), []phone.Number{washington}, text, "granted "},
		"listed, and no rule asks about it":    {registry(nil), []phone.Number{washington}, live(washington, consent.ServiceAlert), "exempt us.consent_live_other"},
		"the copy is as old as it may be":      {registry(old(31)), []phone.Number{london}, call, "exempt us.consent_live_marketing"},
		"the copy is too old":                  {registry(old(32)), []phone.Number{london}, call, "registry_stale us.registry_calls"},
		"the operator wants it younger":        {registry(func(l *check.List) { l.MaxAge = time.Hour }), []phone.Number{london}, call, "registry_stale us.registry_calls"},
		"the copy is from after the moment":    {registry(old(-1)), []phone.Number{london}, call, "registry_stale us.registry_calls"},
		"nothing was ever loaded":              {registry(func(l *check.List) { l.Loaded = false }), nil, call, "registry_stale us.registry_calls"},
		"the area was asked about":             {registry(func(l *check.List) { l.Covers = []string{"1212", "1202"} }), []phone.Number{london}, call, "exempt us.consent_live_marketing"},
		"the area was not asked about":         {registry(func(l *check.List) { l.Covers = []string{"1212", "1305"} }), []phone.Number{london}, call, "registry_stale us.registry_calls"},
		"it is another brand's":                {registry(func(l *check.List) { l.Brand = "other" }), []phone.Number{london}, call, "registry_stale us.registry_calls"},
		"it is the copy of a state's registry": {registry(func(l *check.List) { l.Registry = "us-fl.dnc" }), []phone.Number{london}, call, "registry_stale us.registry_calls"},
		"a registry that no rule asks":         {registry(func(l *check.List) { l.Registry = "atlantis" }), []phone.Number{washington}, text, "suppressed "},
		"no registry at all":                   {registry(func(l *check.List) { l.Registry = "" }), []phone.Number{washington}, text, "suppressed "},
	} {
		x := index(t, b, written)
		if err := x.Apply(check.Batch{Seq: 2, Lists: []check.ListChange{{Define: c.list, Add: c.members}}}); err != nil {
			t.Fatal(err)
		}
		v := x.Check(c.question)
		if got := rules(b, &v)[0]; got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
		if got := testing.AllocsPerRun(20, func() { x.Check(c.question) }); got != 0 {
			t.Errorf("%s: a check allocates %v times", name, got)
		}
	}
}

func TestOfTwoCopiesTheOlderOneCounts(t *testing.T) {
	b := book(t, packs)
	x := index(t, b)
	second := registry(func(l *check.List) { l.ID, l.AsOf = "dnc-2", noon.AddDate(0, 0, -40) })
	lists := []check.ListChange{{Define: registry(nil), Add: []phone.Number{london}}, {Define: second, Add: []phone.Number{london}}}
	if err := x.Apply(check.Batch{Seq: 2, Lists: lists}); err != nil {
		t.Fatal(err)
	}
	v := x.Check(live(washington, consent.Marketing))
	if got := rules(b, &v)[0]; got != "registry_stale us.registry_calls" {
		t.Errorf("got %s", got)
	}
}

func TestWithoutRulesACopyOfARegistrySuppresses(t *testing.T) {
	x := check.New(check.Config{Clock: func() time.Time { return noon }})
	batch := check.Batch{
		Seq: 1, Brands: []check.BrandChange{{Brand: "acme"}}, Purposes: []check.PurposeChange{{Purpose: "marketing", Class: consent.Marketing}},
		Lists:   []check.ListChange{{Define: registry(nil), Add: []phone.Number{washington}}},
		Records: []check.RecordChange{granted(washington, consent.Marketing, consent.ExpressWritten)},
	}
	if err := x.Apply(batch); err != nil {
		t.Fatal(err)
	}
	if v := x.Check(question(washington, consent.Marketing, noon)); v.Code() != check.Suppressed {
		t.Errorf("got %s", v.Code())
	}
}
