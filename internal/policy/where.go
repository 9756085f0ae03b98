package policy

import "slices"

// Where names the jurisdictions and time zones that a judgement combined: up to two sets of each, by their indexes from
// 1, of the number and of an address. Zero is none.
type Where struct {
	Groups   [2]uint16
	ZoneSets [2]uint16
}

func (s *scene) where() (w Where) {
	for g := range s.groupCount {
		w.Groups[g] = s.groups[g] + 1
	}
	w.ZoneSets = s.zoneSets
	return w
}

// Groups returns how many sets of jurisdictions there are, ZoneSets how many of time zones.
func (r *Rules) Groups() int { return len(r.groups) }

// ZoneSets returns how many sets of time zones there are.
func (r *Rules) ZoneSets() int { return len(r.zoneSets) }

// Regions lists the regions of one set of jurisdictions, by its index from 1, in the order of their codes.
func (r *Rules) Regions(group int) []string {
	names := make([]string, 0, len(r.groups[group-1].members))
	for _, m := range r.groups[group-1].members {
		names = append(names, r.jurisdictions[m].region)
	}
	return names
}

// Zones lists the time zones of one set, by its index from 1, by name.
func (r *Rules) Zones(set int) []string {
	names := make([]string, 0, len(r.zoneSets[set-1]))
	for _, z := range r.zoneSets[set-1] {
		names = append(names, r.zones[z].name)
	}
	slices.Sort(names)
	return names
}

// PacksOf lists the packs whose rules hold in a set of jurisdictions, by its index from 1, by name.
func (r *Rules) PacksOf(group int) []*Pack {
	var held []*Pack
	for _, m := range r.groups[group-1].members {
		for _, p := range r.jurisdictions[m].chain {
			if !slices.Contains(held, p) {
				held = append(held, p)
			}
		}
	}
	slices.SortFunc(held, func(a, b *Pack) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return held
}

// AppendJSON appends the facts in the words that callers use, as JSON strings with commas between them.
func (f Fact) AppendJSON(dst []byte) []byte { return appendWords(dst, uint16(f), factWords) }

// AppendJSON appends the evidence in the words of Words, as JSON strings with commas between them.
func (e Evidence) AppendJSON(dst []byte) []byte { return appendWords(dst, uint16(e), evidenceWords) }

func appendWords(dst []byte, set uint16, words []string) []byte {
	sep := ""
	for i, w := range words {
		if set&(1<<i) != 0 {
			dst = append(append(append(append(dst, sep...), '"'), w...), '"')
			sep = ","
		}
	}
	return dst
}
