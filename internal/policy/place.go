package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Address is what is known of where a subject lives, beside the number: any part may be empty.
type Address struct {
	Country  string // ISO 3166-1 alpha-2, such as US
	Region   string // ISO 3166-2 subdivision without the country, such as TX
	Postal   string
	Zone     string // IANA zone that the person declared or that is otherwise known
	Verified bool   // the caller vouches for it, so that it may narrow where it otherwise only widens
}

// Place is an address resolved to what a judgement reads. The zero value knows nothing beyond the number. A place
// that rules of other packs resolved is denied as no_rule: nobody could say what it adds.
type Place struct {
	of        uint64 // fingerprint of the rules that resolved it
	region    uint16 // index of the jurisdiction, from 1
	group     uint16 // the group of that jurisdiction alone
	zones     uint16 // index of the zone set, from 1
	verified  bool
	postalLen uint8
	postal    [10]byte
}

// Locate resolves an address. A region without a pack is an error, since nothing would be known of its rules.
//
// An unverified address adds its jurisdiction and time zones to those of the number. A verified one adds its
// jurisdiction, since states count residents and holders of their area codes alike, and replaces the time zones.
func (r *Rules) Locate(a Address) (Place, error) {
	if a == (Address{}) {
		return Place{}, nil
	}
	if a.Country == "" && (a.Region != "" || a.Postal != "") {
		return Place{}, errors.New("say in which country the region or postal code lies")
	}
	p := Place{of: r.fingerprint, verified: a.Verified}
	postal := strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(a.Postal))
	p.postalLen = uint8(copy(p.postal[:], postal))
	zone := a.Zone
	if a.Country != "" {
		region, err := r.resolve(strings.ToUpper(a.Country), strings.ToUpper(a.Region), postal)
		if err != nil {
			return Place{}, err
		}
		id := r.byRegion[region]
		p.region, p.zones = id+1, r.regionZones[id]+1
		p.group = r.groupID[fmt.Sprint([]uint16{id})]
		if zone == "" {
			zone, _ = longestPostal(r.postalZones, strings.ToUpper(a.Country), postal)
		}
	}
	if zone == "" {
		return p, nil
	}
	id, known := r.findZone(zone)
	if !known {
		return Place{}, fmt.Errorf("no time zone %q is known", zone)
	}
	p.zones = r.zoneSetID[fmt.Sprint([]uint16{id})] + 1
	return p, nil
}

// findZone finds the zone that has kept the same time as the one named, which may be another name of it.
func (r *Rules) findZone(name string) (uint16, bool) {
	if id, known := r.zoneID[name]; known {
		return id, true
	}
	if _, err := knownZone(name); err != nil {
		return 0, false
	}
	z, err := newZone(name)
	if err != nil {
		return 0, false
	}
	i := slices.IndexFunc(r.zones, z.same)
	return uint16(max(i, 0)), i >= 0
}

// resolve finds the narrowest region that the address names: by subdivision, by postal code, or the country. Where packs
// know every subdivision of a country, one that they do not know is a mistake, which must not pass for a laxer place.
func (r *Rules) resolve(country, region, postal string) (string, error) {
	if region != "" {
		if _, known := r.byRegion[country+"-"+region]; known {
			return country + "-" + region, nil
		}
		if len(region) > 3 || r.divided[country] {
			return "", fmt.Errorf("no region %q of %s is known: want its ISO 3166-2 code without the country", region, country)
		}
	}
	if byCode, ok := longestPostal(r.postal, country, postal); ok {
		return byCode, nil
	}
	if _, known := r.byRegion[country]; !known {
		return "", fmt.Errorf("no pack covers the country %q", country)
	}
	return country, nil
}

func longestPostal(m map[string]string, country, postal string) (string, bool) {
	for i := len(postal); i > 0; i-- {
		if v, ok := m[country+" "+postal[:i]]; ok {
			return v, true
		}
	}
	return "", false
}

// Evidence is what a judgement took for where the person is.
type Evidence uint16

// The pieces of evidence. A vague number, such as a toll-free one, may be anywhere in its numbering plan.
const (
	ByNumber       Evidence = 1 << iota // jurisdictions and zones of the number's prefix
	ByVagueNumber                       // the prefix says nothing within its plan, so all of the plan counts
	ByAddress                           // the jurisdiction of an address was added
	ByAddressZones                      // zones of an address, or a zone that was declared, were added
	ZonesNarrowed                       // a verified address or zone replaced the zones of the number
	ByDispatcher                        // a rule went by the dispatcher's clock
	ManyRegions                         // several jurisdictions were combined
	ManyZones                           // several time zones were combined
)

var evidenceWords = []string{
	"number_prefix", "vague_number", "address_region", "address_zones", "zones_narrowed", "dispatcher_clock", "several_regions", "several_zones",
}

// Words lists the evidence in words that the API uses.
func (e Evidence) Words() []string {
	var list []string
	for i, w := range evidenceWords {
		if e&(1<<i) != 0 {
			list = append(list, w)
		}
	}
	return list
}

// Whereabouts are the regions and zones that a judgement of the question combines, for people to read.
type Whereabouts struct {
	Regions []string
	Zones   []string
}

// Whereabouts tells where the person of the question may be, by the same evidence that Judge uses.
func (r *Rules) Whereabouts(q *Question) Whereabouts {
	s := scene{q: q}
	r.locate(q, &s)
	var regions regionSet
	for g := range s.groupCount {
		for _, m := range r.groups[s.groups[g]].members {
			regions.add(m)
		}
	}
	var w Whereabouts
	for i := range r.jurisdictions {
		if regions.has(uint16(i)) {
			w.Regions = append(w.Regions, r.jurisdictions[i].region)
		}
	}
	for i := range s.zoneCount() {
		w.Zones = append(w.Zones, r.zones[s.zone(i)].name)
	}
	slices.Sort(w.Zones)
	w.Zones = slices.Compact(w.Zones)
	return w
}
