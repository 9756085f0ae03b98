package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"github.com/consentline/consentline/internal/phone"
)

// zones.txt is generated; it must be what the library answers, for its own prefixes and for any number.
func TestZoneDataIsTheLibrarys(t *testing.T) {
	zones, err := metadataZones()
	if err != nil {
		t.Fatal(err)
	}
	same := func(prefix string, ours []string) {
		theirs, err := phonenumbers.GetTimezonesForPrefix(prefix)
		if err != nil {
			t.Fatal(err)
		}
		if len(ours) == 0 {
			ours = []string{phonenumbers.UNKNOWN_TIMEZONE}
		}
		if !slices.Equal(ours, theirs) {
			t.Errorf("prefix %s: zones.txt says %v, the library %v", prefix, ours, theirs)
		}
	}
	for prefix, ours := range zones {
		same(prefix, ours)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		prefix := strconv.FormatUint(100_000_000+random.Uint64N(9_900_000_000), 10)
		ours, _ := longest(zones, prefix)
		same(prefix, ours)
	}
}

func regionsOf(n phone.Number) []string {
	return builtIn.Whereabouts(&Question{Number: n}).Regions
}

var stateNames = map[string]string{
	"AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado", "CT": "Connecticut", "DE": "Delaware",
	"DC": "Washington D.C.", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas",
	"KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi",
	"MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York",
	"NC": "North Carolina", "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island",
	"SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington",
	"WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
	"AB": "Alberta", "BC": "British Columbia", "MB": "Manitoba", "NB": "New Brunswick", "NL": "Newfoundland and Labrador", "NS": "Nova Scotia",
	"ON": "Ontario", "PE": "Prince Edward Island", "QC": "Quebec", "SK": "Saskatchewan",
}

// Every area code that the library's geocoding names a state or province for must lie in that state or province here.
func TestAreaCodesAgreeWithGeocoding(t *testing.T) {
	agreed := 0
	for code := 200; code < 1000; code++ {
		n := uint64(1_000_000_0000 + code*1_000_0000 + 555_0123)
		regions := regionsOf(phone.Number(n))
		number, err := phonenumbers.Parse("+"+strconv.FormatUint(n, 10), "")
		if err != nil {
			t.Fatal(err)
		}
		text, err := phonenumbers.GetGeocodingForNumber(number, "en")
		if err != nil { // the library knows no region, and so no language, for codes that are not geographic
			continue
		}
		for abbreviation, name := range stateNames {
			if text != name && !strings.HasSuffix(text, ", "+abbreviation) {
				continue
			}
			agreed++
			if !slices.ContainsFunc(regions, func(r string) bool { return strings.HasSuffix(r, "-"+abbreviation) }) {
				t.Errorf("area code %d: geocoding says %s, the packs say %v", code, text, regions)
			}
		}
	}
	if agreed < 350 {
		t.Errorf("only %d area codes could be compared", agreed)
	}
}

// The country of every prefix is the one that the library gives to valid numbers with it.
func TestCountriesAgreeWithTheLibrary(t *testing.T) {
	for _, region := range []string{
		"DE", "AT", "FR", "ES", "IT", "NL", "FI", "IS", "IE", "BE", "DK", "NO", "SE", "PL", "PT", "GB", "CH", "AU", "NZ", "IN", "SG", "ZA", "BR", "JP",
		"AE", "MX", "IL", "KR", "BG", "HR", "CY", "CZ", "EE", "GR", "HU", "LV", "LI", "LT", "LU", "MT", "RO", "SK", "SI", "RE", "GP", "MQ", "GF", "CA", "US",
		"PR", "GG", "JE", "IM", "VA", "KE", "JM", "BS", "KZ", "RU", "FO", "GL",
	} {
		for kind := phonenumbers.PhoneNumberType(0); kind < 10; kind++ {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil || example.GetCountryCode() == 0 {
				continue
			}
			n, err := strconv.ParseUint(fmt.Sprintf("%d%s", example.GetCountryCode(), phonenumbers.GetNationalSignificantNumber(example)), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if shared := example.GetCountryCode() == 1 && (kind == phonenumbers.TOLL_FREE || kind >= phonenumbers.PREMIUM_RATE); shared {
				continue
			}
			regions := regionsOf(phone.Number(n))
			_, known := builtIn.byRegion[region]
			if _, territory := builtIn.byRegion["US-"+region]; region == "PR" && territory {
				known = true
			}
			inside := slices.ContainsFunc(regions, func(r string) bool { return r == region || strings.HasPrefix(r, region+"-") || r == "US-"+region })
			if known != inside {
				t.Errorf("%s, number type %d: pack known %v, but the number lies in %v", region, kind, known, regions)
			}
		}
	}
}

func TestCrownDependenciesAgreeWithTheLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 40_000 {
		n := 44_7000_000000 + random.Uint64N(1000_000_000)
		number, err := phonenumbers.Parse("+"+strconv.FormatUint(n, 10), "")
		if err != nil || !phonenumbers.IsValidNumber(number) {
			continue
		}
		want := phonenumbers.GetRegionCodeForNumber(number) == "GB"
		if got := slices.Contains(regionsOf(phone.Number(n)), "GB"); got != want {
			t.Errorf("prefix %d: British here %v, in the library %v", n/100_000, got, want)
		}
	}
}

// Numbers of one area code share its territory's zones, so that none hangs on an exchange that was ported away.
func TestZonesOfAreaCodes(t *testing.T) {
	for _, c := range []struct {
		number phone.Number
		zones  string
	}{
		{18505550123, "America/Chicago America/New_York"}, {14485550123, "America/Chicago America/New_York"},
		{12705550123, "America/Chicago America/New_York"}, {13645550123, "America/Chicago America/New_York"},
		{19305550123, "America/Chicago America/New_York"}, {17295550123, "America/Chicago America/New_York"},
		{14585550123, "America/Denver America/Los_Angeles"}, {19155550123, "America/Denver"},
		{14165550123, "America/Toronto"}, {16055550123, "America/Chicago America/Denver"}, {12025550123, "America/New_York"},
		{4930231250, "Europe/Berlin"}, {447700900123, "Europe/London"}, {3546, "Atlantic/Reykjavik"}, {35387, "Europe/Dublin"}, {34600, "Atlantic/Canary Europe/Madrid"},
	} {
		var got []string
		for _, name := range builtIn.Whereabouts(&Question{Number: c.number}).Zones {
			got = append(got, name)
		}
		want := strings.Fields(c.zones)
		if !slices.Equal(got, want) {
			t.Errorf("%s lies in %v, want %v", c.number.Masked(), got, want)
		}
	}
	for _, p := range builtIn.Packs() {
		for region, prefixes := range p.Areas {
			for _, prefix := range prefixes {
				n, err := strconv.ParseUint(prefix+"5550123", 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				if w := builtIn.Whereabouts(&Question{Number: phone.Number(n)}); len(w.Zones) == 0 || len(w.Zones) > 6 {
					t.Errorf("%s, prefix %s: %d candidate zones", region, prefix, len(w.Zones))
				}
			}
		}
	}
}

func TestLocate(t *testing.T) {
	for _, c := range []struct {
		address Address
		region  string
		zones   int
	}{
		{Address{Country: "US", Region: "TX"}, "US-TX", 2}, {Address{Country: "us", Region: "fl"}, "US-FL", 2}, {Address{Country: "US", Postal: "90210"}, "US-CA", 1},
		{Address{Country: "US", Postal: "06390"}, "US-NY", 1}, {Address{Country: "US", Postal: "06103"}, "US-CT", 1}, {Address{Country: "CA", Postal: "v6b 1a1"}, "CA-BC", 2},
		{Address{Country: "CA", Postal: "X0A 0H0"}, "CA-NU", 5}, {Address{Country: "BR", Postal: "20040-020"}, "BR-RJ", 1}, {Address{Country: "ES", Postal: "38001"}, "ES", 1},
		{Address{Country: "AU", Postal: "6000"}, "AU", 1}, {Address{Country: "DE"}, "DE", 1}, {Address{Country: "DE", Region: "BY"}, "DE", 1},
		{Address{Country: "CA", Region: "YT", Zone: "America/Whitehorse"}, "CA-YT", 1}, {Address{Country: "MX", Region: "CHH", Zone: "America/Chihuahua"}, "MX", 1},
	} {
		p, err := builtIn.Locate(c.address)
		if err != nil {
			t.Errorf("%+v: %v", c.address, err)
			continue
		}
		if got := builtIn.jurisdictions[p.region-1].region; got != c.region {
			t.Errorf("%+v lies in %s, want %s", c.address, got, c.region)
		}
		if got := len(builtIn.zoneSets[p.zones-1]); got != c.zones {
			t.Errorf("%+v: %d zones, want %d", c.address, got, c.zones)
		}
	}
	for _, bad := range []Address{{Country: "KE"}, {Country: "ZZ", Region: "TX"}, {Zone: "Mars/Olympus"}, {Region: "FL"}, {Postal: "33101"},
		{Country: "US", Region: "ZZ"}, {Country: "US", Region: "US-FL"}, {Country: "US", Region: "Florida"}, {Country: "DE", Region: "Bayern"}} {
		if p, err := builtIn.Locate(bad); err == nil {
			t.Errorf("%+v resolves to %+v, want an error", bad, p)
		}
	}
	if p, err := builtIn.Locate(Address{}); err != nil || p != (Place{}) {
		t.Errorf("the empty address is %+v, %v; want nothing known", p, err)
	}
}

// Compiling the same packs numbers everything alike, so that places outlive an operator's changes; other packs do not.
func TestPlacesBelongToTheirPacks(t *testing.T) {
	changed, err := builtIn.With(Changes{Bans: []Ban{{ID: "x", Region: "US-NY", Actor: "a", Reason: "r"}}})
	if err != nil {
		t.Fatal(err)
	}
	if changed.fingerprint != builtIn.fingerprint {
		t.Error("a ban changes how places are numbered")
	}
	other := synthetic(t, "")
	q := &Question{Number: 4930231250, Channel: 1, Class: 1, At: at(t, "UTC", "2026-11-18T12:00")}
	if q.Place, err = builtIn.Locate(Address{Country: "US", Region: "TX"}); err != nil {
		t.Fatal(err)
	}
	if got := verdict(t, other, q); got != "deny; no_rule" {
		t.Errorf("a place of other packs: %s, want deny; no_rule", got)
	}
}

func TestJudgeIsSafeForConcurrentUse(t *testing.T) {
	for range 4 {
		t.Run("reader", func(t *testing.T) {
			t.Parallel()
			q, out := plainAllow(t, 18505550123), Judgement{}
			for range 2000 {
				if builtIn.Judge(q, &out); out.Outcome != Allow {
					t.Fatalf("got %s", out.Outcome)
				}
			}
		})
	}
}
