package policy

import (
	"bufio"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/consentline/consentline/internal/phone"
)

//go:embed zones.txt
var zoneData string

// metadataZones reads the embedded table of the phone metadata: prefix to the zones of its numbers.
func metadataZones() (map[string][]string, error) {
	zones := make(map[string][]string, 4096)
	lines := bufio.NewScanner(strings.NewReader(zoneData))
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		prefix, names, ok := strings.Cut(lines.Text(), " ")
		if !ok {
			return nil, fmt.Errorf("zones.txt: %q has no zones", lines.Text())
		}
		zones[prefix] = strings.Fields(names)
	}
	return zones, lines.Err()
}

// trie finds the longest known prefix of a number, one array step a digit.
type trie struct {
	next  [][10]int32
	place []int32 // per node, -1: that of the nearest node above
}

func newTrie() *trie {
	return &trie{next: make([][10]int32, 1, 8192), place: append(make([]int32, 0, 8192), -1)}
}

func (t *trie) put(prefix string, place int32) {
	at := int32(0)
	for i := range len(prefix) {
		d := prefix[i] - '0'
		if t.next[at][d] == 0 {
			t.next = append(t.next, [10]int32{})
			t.place = append(t.place, -1)
			t.next[at][d] = int32(len(t.next) - 1)
		}
		at = t.next[at][d]
	}
	t.place[at] = place
}

const digitBits = 1<<50 - 1

// find returns the place of the longest prefix that holds the number, -1 if none does.
func (t *trie) find(n phone.Number) int32 {
	var digits [16]uint8
	i := len(digits)
	for v := uint64(n) & digitBits; v > 0 && i > 0; v /= 10 {
		i--
		digits[i] = uint8(v % 10)
	}
	found, at := int32(-1), int32(0)
	for ; i < len(digits); i++ {
		at = t.next[at][digits[i]]
		if at == 0 {
			break
		}
		if p := t.place[at]; p >= 0 {
			found = p
		}
	}
	return found
}

// longest returns the value of the longest key that begins the prefix.
func longest[V any](m map[string]V, prefix string) (v V, ok bool) {
	for i := len(prefix); i > 0; i-- {
		if v, ok = m[prefix[:i]]; ok {
			return v, true
		}
	}
	return v, false
}

// atlas is where numbers are, worked out from the packs and the phone metadata before it is packed into a trie.
type atlas struct {
	regions map[string][]string // prefix to regions; empty: no region of any pack
	zones   map[string][]string // prefix to zones
	vague   map[string]bool     // prefixes whose numbers say nothing of where the person is
}

func newAtlas(packs []*Pack) (*atlas, error) {
	zones, err := metadataZones()
	if err != nil {
		return nil, err
	}
	a := &atlas{regions: map[string][]string{}, zones: zones, vague: map[string]bool{}}
	for _, p := range packs {
		a.enter(p)
	}
	for _, p := range packs {
		for _, territory := range p.Complexes {
			a.join(territory)
		}
	}
	for _, p := range packs {
		for _, prefixes := range p.Areas {
			a.fill(prefixes)
		}
	}
	for _, p := range packs {
		for prefix, extra := range p.ExtraZones {
			a.extend(prefix, extra)
		}
	}
	return a, nil
}

func (a *atlas) enter(p *Pack) {
	for _, prefix := range p.Prefixes {
		a.regions[prefix] = []string{p.Region}
	}
	for region, prefixes := range p.Areas {
		for _, prefix := range prefixes {
			a.regions[prefix] = append(a.regions[prefix], region)
		}
	}
	for _, prefix := range p.Elsewhere {
		a.regions[prefix] = nil
	}
	for _, prefix := range p.NoGeography {
		a.vague[prefix] = true
		for region := range p.Areas {
			a.regions[prefix] = append(a.regions[prefix], region)
		}
		slices.Sort(a.regions[prefix])
	}
}

// join gives every prefix of a territory the zones of all: numbers of an overlay are handed out in the whole territory,
// and the metadata knows the zone of the exchange only where the overlay is old.
func (a *atlas) join(territory []string) {
	var union []string
	for _, prefix := range territory {
		if a.zones[prefix] != nil {
			union = append(union, a.zonesUnder(prefix)...)
		}
	}
	if len(union) == 0 {
		return
	}
	slices.Sort(union)
	union = slices.Compact(union)
	for _, prefix := range territory {
		a.replace(prefix, union)
	}
}

// fill gives a prefix that is younger than the metadata the zones of its area's other prefixes.
func (a *atlas) fill(prefixes []string) {
	var union []string
	for _, p := range prefixes {
		if a.zones[p] != nil {
			union = append(union, a.zonesUnder(p)...)
		}
	}
	slices.Sort(union)
	for _, p := range prefixes {
		if a.zones[p] == nil && len(union) > 0 {
			a.zones[p] = slices.Compact(slices.Clone(union))
		}
	}
}

// zonesUnder returns every zone that numbers with the prefix may have.
func (a *atlas) zonesUnder(prefix string) []string {
	all, _ := longest(a.zones, prefix)
	all = slices.Clone(all)
	for p, zones := range a.zones {
		if strings.HasPrefix(p, prefix) {
			all = append(all, zones...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (a *atlas) replace(prefix string, zones []string) {
	for p := range a.zones {
		if strings.HasPrefix(p, prefix) {
			delete(a.zones, p)
		}
	}
	a.zones[prefix] = zones
}

// extend adds zones to all numbers of a prefix, at whatever depth the metadata tells them apart.
func (a *atlas) extend(prefix string, extra []string) {
	base, _ := longest(a.zones, prefix)
	a.zones[prefix] = base
	for p, zones := range a.zones {
		if strings.HasPrefix(p, prefix) {
			both := append(slices.Clone(zones), extra...)
			slices.Sort(both)
			a.zones[p] = slices.Compact(both)
		}
	}
}

// prefixes returns every prefix at which region or zones change, in order.
func (a *atlas) prefixes() []string {
	all := make([]string, 0, len(a.zones)+len(a.regions))
	for p := range a.zones {
		all = append(all, p)
	}
	for p := range a.regions {
		all = append(all, p)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
