package policy

import (
	"fmt"
	"slices"

	"github.com/consentline/consentline/internal/consent"
)

// RuleIndex names a rule within one compiled [Rules]; it means nothing in another.
type RuleIndex uint16

// NoRuleIndex stands where no rule is to be named.
const NoRuleIndex RuleIndex = 1<<16 - 1

// Rules are compiled packs. They never change, and may be asked by any number of goroutines at once.
type Rules struct {
	packs    []*Pack
	changes  Changes
	rules    []*Rule
	compiled []gate
	lawful   [][]interval // per rule, when it holds by its own dates
	spans    [][]interval // per rule, when it is judged: by its dates and the operator's changes
	byID     map[string]RuleIndex
	switches []Switch
	registry []RegistryTerm

	registryOf map[string]RegistryID

	calendars map[string]*Calendar
	hours     []hoursTable
	caps      []capTable
	when      []condition // conditions, by index from 1; index 0 is none
	bans      []banTable
	relaxed   []relaxed
	declared  []declared
	copies    map[RuleIndex][]RuleIndex // a rule to its forms under the operator's overrides

	zones     []*zone
	zoneID    map[string]uint16
	zoneSets  [][]uint16
	zoneSetID map[string]uint16
	divided   map[string]bool // countries of which every subdivision is known

	jurisdictions []jurisdiction
	byRegion      map[string]uint16
	groups        []group
	groupID       map[string]uint16
	places        []place
	tree          *trie
	regionZones   []uint16 // zone set of each jurisdiction
	fingerprint   uint64   // of how places, zones and regions are numbered
	postal        map[string]string
	postalZones   map[string]string
}

const (
	channels = int(consent.VoiceAuto) + 1
	classes  = int(consent.DebtCollection) + 1
)

// table lists the entries to judge, by contact, channel and class.
type table [contacts][channels][classes][]entry

// entry is a rule where it applies, with the time during which it does.
type entry struct {
	rule        RuleIndex
	from, until int64
}

// jurisdiction is one region with everything that holds there.
type jurisdiction struct {
	region string
	chain  []*Pack // its own pack first, then its ancestors, then overlays
	table  table
}

// group is a set of jurisdictions that may all apply to a number.
type group struct {
	members []uint16
	set     regionSet
	table   table
}

// place is what a prefix says: which jurisdictions, which zones.
type place struct {
	group uint16
	zones uint16
	vague bool
}

const maxRegions = 512

type regionSet [maxRegions / 64]uint64

func (s *regionSet) add(i uint16) { s[i/64] |= 1 << (i % 64) }

// within reports whether every region of s is one of t's.
func (s *regionSet) within(t *regionSet) bool {
	for i := range s {
		if s[i]&^t[i] != 0 {
			return false
		}
	}
	return true
}

func (s *regionSet) has(i uint16) bool { return s[i/64]>>(i%64)&1 == 1 }

// gate is a rule in the form in which it is judged.
type gate struct {
	kind    Kind
	need    Need
	soft    bool // required, voluntary, review: what softens or hardens the kind
	levels  uint8
	start   Start
	after   After
	when    uint16
	unless  [2]uint16 // half-open range of conditions
	sectors uint16
	senders uint16
	arg     uint16 // into the table of its kind
	period  Period
	max     int32

	unverified bool
}

// Compile turns packs into rules. It reports as [Faults] what a pack alone cannot show, such as a missing zone.
func Compile(packs []*Pack) (*Rules, error) { return compile(packs, Changes{}) }

func compile(packs []*Pack, changes Changes) (*Rules, error) {
	r := &Rules{
		packs: packs, changes: changes, byID: map[string]RuleIndex{}, registryOf: map[string]RegistryID{}, calendars: map[string]*Calendar{}, zoneID: map[string]uint16{}, zoneSetID: map[string]uint16{}, divided: map[string]bool{},
		byRegion: map[string]uint16{}, groupID: map[string]uint16{}, copies: map[RuleIndex][]RuleIndex{}, when: make([]condition, 1), tree: newTrie(),
		postal: map[string]string{}, postalZones: map[string]string{},
	}
	for _, step := range []func() error{r.gather, r.regions, r.gates, r.override, r.ban, r.relax, r.tables, r.place, r.declare} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// gather numbers rules, switches and calendars.
func (r *Rules) gather() error {
	// Rule 0 stands in the tables wherever and whenever no rule of consent speaks.
	r.rules = append(r.rules, &Rule{ID: "policy.silence", Pack: "policy", Citation: "Silence is no: no rule of a jurisdiction that may apply speaks about this."})
	for _, p := range r.packs {
		r.switches = append(r.switches, p.Switches...)
		for i := range p.Calendars {
			r.calendars[p.Calendars[i].ID] = p.Calendars[i].compiled()
		}
		for _, rule := range p.Rules {
			r.byID[rule.ID] = RuleIndex(len(r.rules))
			r.rules = append(r.rules, rule)
		}
	}
	if len(r.rules)+len(r.changes.Overrides)+len(r.changes.Bans) > maxRules {
		return fmt.Errorf("more than %d rules, overrides and bans", maxRules)
	}
	if len(r.switches) > 64 {
		return fmt.Errorf("%d switches: 64 are the most that a set holds", len(r.switches))
	}
	return nil
}

// regions numbers every region that a pack or its areas name, and finds the packs that hold there.
func (r *Rules) regions() error {
	owner := map[string]*Pack{}
	for _, p := range r.packs {
		for region := range p.Areas {
			if owner[region] == nil {
				owner[region] = p
			}
		}
		if p.Region != "" {
			owner[p.Region] = p
		}
	}
	names := make([]string, 0, len(owner))
	for region := range owner {
		names = append(names, region)
	}
	slices.Sort(names)
	if len(names) > maxRegions {
		return fmt.Errorf("%d regions: %d are the most that a set holds", len(names), maxRegions)
	}
	for _, region := range names {
		r.byRegion[region] = uint16(len(r.jurisdictions))
		r.jurisdictions = append(r.jurisdictions, jurisdiction{region: region, chain: r.chain(owner[region])})
	}
	return nil
}

func (r *Rules) chain(p *Pack) []*Pack {
	var chain []*Pack
	for at := p; at != nil; at = find(r.packs, at.Parent) {
		chain = append(chain, at)
	}
	lineage := len(chain)
	for _, o := range r.packs {
		if o.Overlay == nil {
			continue
		}
		for _, member := range chain[:lineage] {
			if slices.Contains(o.Overlay.Packs, member.Name) {
				chain = append(chain, o)
				break
			}
		}
	}
	return chain
}

// gates puts every rule into the form in which it is judged.
func (r *Rules) gates() error {
	for _, rule := range r.rules {
		span, err := r.span(rule)
		if err != nil {
			return err
		}
		r.lawful = append(r.lawful, span)
		r.spans = append(r.spans, span)
		g, err := r.gate(rule)
		if err != nil {
			return Faults{{rule.file, rule.line, fmt.Sprintf("rule %s: %v", rule.ID, err)}}
		}
		r.compiled = append(r.compiled, g)
	}
	return nil
}

// span turns civil dates into instants: the first moment of the day in the zone of the pack.
func (r *Rules) span(rule *Rule) ([]interval, error) {
	one := interval{-never, never}
	if rule.HasFrom || rule.HasUntil {
		id, err := r.zone(find(r.packs, rule.Pack).Zone)
		if err != nil {
			return nil, err
		}
		if rule.HasFrom {
			one.from = r.zones[id].startOfDay(rule.EffectiveFrom)
		}
		if rule.HasUntil {
			one.until = r.zones[id].startOfDay(rule.EffectiveUntil)
		}
	}
	return []interval{one}, nil
}

// group returns the index of the set of regions, merging what holds in each.
func (r *Rules) group(regions []string) uint16 {
	members := make([]uint16, 0, len(regions))
	for _, region := range regions {
		members = append(members, r.byRegion[region])
	}
	slices.Sort(members)
	members = slices.Compact(members)
	key := fmt.Sprint(members)
	if id, known := r.groupID[key]; known {
		return id
	}
	g := group{members: members}
	for _, m := range members {
		g.set.add(m)
	}
	for c := range contacts {
		for ch := range channels {
			for cl := range classes {
				g.table[c][ch][cl] = r.merge(members, c, ch, cl)
			}
		}
	}
	r.groups = append(r.groups, g)
	r.groupID[key] = uint16(len(r.groups) - 1)
	return r.groupID[key]
}

func (r *Rules) merge(members []uint16, c, ch, cl int) []entry {
	if len(members) == 1 {
		return r.jurisdictions[members[0]].table[c][ch][cl]
	}
	var all []entry
	for _, m := range members {
		for _, e := range r.jurisdictions[m].table[c][ch][cl] {
			if !slices.Contains(all, e) {
				all = append(all, e)
			}
		}
	}
	r.order(all)
	return all
}
