package policy

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
)

// place packs the atlas into the tree that a judgement walks.
func (r *Rules) place() error {
	a, err := newAtlas(r.packs)
	if err != nil {
		return err
	}
	ids := map[place]int32{}
	zonesOf := map[string][]string{}
	for _, prefix := range a.prefixes() {
		regions, known := longest(a.regions, prefix)
		zones, timed := longest(a.zones, prefix)
		if !known || len(regions) == 0 || !timed {
			r.tree.put(prefix, 0)
			continue
		}
		p := place{group: r.group(regions)}
		p.vague, _ = longest(a.vague, prefix)
		if p.zones, err = r.zoneSet(zones); err != nil {
			return fmt.Errorf("prefix %s: %w", prefix, err)
		}
		if _, seen := ids[p]; !seen {
			ids[p] = int32(len(ids) + 1)
			r.places = append(r.places, p)
		}
		r.tree.put(prefix, ids[p])
		for _, region := range regions {
			if !p.vague {
				zonesOf[region] = append(zonesOf[region], zones...)
			}
		}
	}
	if err := r.addresses(zonesOf); err != nil {
		return err
	}
	if err := r.everyZone(a.zones); err != nil {
		return err
	}
	r.fingerprint = r.condense()
	return nil
}

// condense sums up what places, zones and regions are numbered by, so that an index is never read in other rules.
func (r *Rules) condense() uint64 {
	h := fnv.New64a()
	for _, j := range r.jurisdictions {
		fmt.Fprintln(h, j.region)
	}
	for _, z := range r.zones {
		fmt.Fprintln(h, z.name)
	}
	fmt.Fprintln(h, r.zoneSets, r.regionZones)
	for _, g := range r.groups {
		fmt.Fprintln(h, g.members)
	}
	return h.Sum64() | 1 // so that it is never the zero of an unknown place
}

// addresses prepares what the address facts of a subject can say.
func (r *Rules) addresses(zonesOf map[string][]string) (err error) {
	r.regionZones = make([]uint16, len(r.jurisdictions))
	for i, j := range r.jurisdictions {
		zones := zonesOf[j.region]
		for _, p := range j.chain {
			if len(zones) == 0 && p.Zone != "" {
				zones = []string{p.Zone}
			}
		}
		if r.regionZones[i], err = r.zoneSet(zones); err != nil {
			return fmt.Errorf("region %s: %w", j.region, err)
		}
		r.group([]string{j.region})
	}
	for _, p := range r.packs {
		for region := range p.Areas {
			if strings.HasPrefix(region, p.Region+"-") {
				r.divided[p.Region] = true
			}
		}
		for region, codes := range p.Postal {
			for _, code := range codes {
				country, _, _ := strings.Cut(region, "-")
				r.postal[country+" "+code] = region
			}
		}
		for code, zone := range p.PostalZones {
			r.postalZones[p.Region+" "+code] = zone
		}
		for _, zone := range slices.Sorted(maps.Values(p.PostalZones)) {
			if _, err := r.zone(zone); err != nil {
				return err
			}
		}
	}
	return nil
}

// unknownZone is how the phone metadata says that a prefix has no zone.
const unknownZone = "Etc/Unknown"

// ownTime are the zones that have kept a time of their own and that the phone metadata does not name, since it gives each
// prefix the zone of its largest place.
var ownTime = []string{
	"Africa/Casablanca", "Africa/El_Aaiun", "Africa/Juba", "America/Chihuahua", "America/Coyhaique", "America/Dawson", "America/Whitehorse",
	"Antarctica/Casey", "Antarctica/Troll", "Antarctica/Vostok", "Asia/Gaza", "Asia/Hebron", "Europe/Volgograd", "Pacific/Pitcairn",
}

// everyZone makes a set of one of each zone in which people live, so that a declared zone finds it.
func (r *Rules) everyZone(byPrefix map[string][]string) error {
	var names []string
	for _, zones := range byPrefix {
		names = append(names, zones...)
	}
	for name := range r.zoneID {
		names = append(names, name)
	}
	names = append(names, ownTime...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if name == unknownZone {
			continue
		}
		if _, err := r.zoneSet([]string{name}); err != nil {
			return err
		}
	}
	return nil
}

// zone returns the index of a zone, whose table is made when it is first named.
func (r *Rules) zone(name string) (uint16, error) {
	if id, known := r.zoneID[name]; known {
		return id, nil
	}
	z, err := newZone(name)
	if err != nil {
		return 0, err
	}
	r.zones = append(r.zones, z)
	r.zoneID[name] = uint16(len(r.zones) - 1)
	return r.zoneID[name], nil
}

// zoneSet returns the index of the set of zones. Of zones that have kept the same time one is enough: the one that
// a pack names, or else the first.
func (r *Rules) zoneSet(names []string) (uint16, error) {
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(r.foreign(a), r.foreign(b)) })
	set := make([]uint16, 0, len(names))
	for _, name := range names {
		id, err := r.zone(name)
		if err != nil {
			return 0, err
		}
		if !slices.ContainsFunc(set, func(o uint16) bool { return r.zones[o].same(r.zones[id]) }) {
			set = append(set, id)
		}
	}
	slices.Sort(set)
	key := fmt.Sprint(set)
	if id, known := r.zoneSetID[key]; known {
		return id, nil
	}
	r.zoneSets = append(r.zoneSets, set)
	r.zoneSetID[key] = uint16(len(r.zoneSets) - 1)
	return r.zoneSetID[key], nil
}

// foreign is 0 for a zone that a pack names as its own, 1 for any other.
func (r *Rules) foreign(zone string) int {
	if slices.ContainsFunc(r.packs, func(p *Pack) bool { return p.Zone == zone }) {
		return 0
	}
	return 1
}
