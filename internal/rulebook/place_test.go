package rulebook_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/rulebook"
)

// told is what a verdict tells of its place and its rules.
type told struct {
	Place struct {
		Regions  []string `json:"regions"`
		Zones    []string `json:"time_zones"`
		Evidence []string `json:"evidence"`
		Facts    []string `json:"facts"`
	} `json:"place"`
	Packs    []struct{ Pack, Version string } `json:"packs"`
	Verified *bool                            `json:"verified"`
}

func tell(t *testing.T, b *rulebook.Book, v *check.Verdict) (out told) {
	t.Helper()
	text := check.AppendJSON(nil, v, b)
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

func TestAVerdictTellsWhereThePersonWasTakenToBe(t *testing.T) {
	b := book(t, packs)
	x := index(t, b, granted(washington, consent.Marketing, consent.ExpressWritten))
	q := question(washington, consent.Marketing, noon)
	v := x.Check(q)
	got := tell(t, b, &v)
	if !slices.Equal(got.Place.Regions, []string{"US-DC"}) || !slices.Equal(got.Place.Zones, []string{"America/New_York"}) ||
		!slices.Equal(got.Place.Evidence, []string{"number_prefix"}) || got.Place.Facts != nil {
		t.Errorf("by the number: %+v", got.Place)
	}
	var names []string
	for _, p := range got.Packs {
		names = append(names, p.Pack)
		if p.Version == "" {
			t.Errorf("pack %s has no version", p.Pack)
		}
	}
	if !slices.Contains(names, "us") || !slices.Contains(names, "ctia") || slices.Contains(names, "us-fl") || got.Verified == nil || *got.Verified {
		t.Errorf("packs %q, verified %v", names, got.Verified)
	}

	about, err := b.Circumstances(&rulebook.Circumstances{Country: "US", Region: "FL", Facts: []string{"customer"}})
	if err != nil {
		t.Fatal(err)
	}
	q.About = about
	v = x.Check(q)
	got = tell(t, b, &v)
	if !slices.Equal(got.Place.Regions, []string{"US-DC", "US-FL"}) || !slices.Contains(got.Place.Zones, "America/Chicago") ||
		!slices.Contains(got.Place.Evidence, "address_region") || !slices.Equal(got.Place.Facts, []string{"customer"}) {
		t.Errorf("with an address: %+v", got.Place)
	}
	seen := map[string]bool{}
	for _, p := range got.Packs {
		if seen[p.Pack] {
			t.Errorf("pack %s is told twice", p.Pack)
		}
		seen[p.Pack] = true
	}
	if !seen["us-fl"] || !seen["base"] {
		t.Errorf("packs %+v", got.Packs)
	}
}

func TestANumberOfNoJurisdictionHasNoPlace(t *testing.T) {
	b := book(t, packs)
	v := index(t, b).Check(question(59899123456, consent.Marketing, noon))
	if got := tell(t, b, &v); got.Place.Regions == nil || len(got.Place.Regions)+len(got.Packs) > 0 {
		t.Errorf("got %+v", got)
	}
}
