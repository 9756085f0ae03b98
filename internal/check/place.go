package check

import (
	"slices"
	"strconv"
	"strings"

	"github.com/consentline/consentline/internal/policy"
)

// Place is where the rules took the person to be, by what evidence, and which packs they judged by. The zero value is
// that of a verdict without rules.
type Place struct {
	Judged bool // rules took part

	// Of the number and, beside it, of an address: the regions whose rules were combined, the time zones, and the packs
	// with their versions. Nil is none.
	Regions, Zones, Packs [2]*Names

	Evidence   policy.Evidence
	Facts      policy.Fact // told of the contact, or declared by the operator
	Unverified bool        // some rule took part whose text was not read in its source
}

// Names are items that many verdicts tell, as JSON; they are made once, shared, and never changed.
type Names struct {
	items  []string
	joined string
	packs  []*policy.Pack
}

// NewNames returns names to be told as JSON strings.
func NewNames(names []string) *Names {
	n := &Names{}
	for _, name := range names {
		n.items = append(n.items, string(appendString(nil, name)))
	}
	n.joined = strings.Join(n.items, ",")
	return n
}

// NewPacks returns the packs to be told with their versions.
func NewPacks(packs []*policy.Pack) *Names {
	n := &Names{packs: packs}
	for _, p := range packs {
		item := appendString([]byte(`{"pack":`), p.Name)
		item = appendString(append(item, `,"version":`...), p.Version())
		n.items = append(n.items, string(append(item, '}')))
	}
	n.joined = strings.Join(n.items, ",")
	return n
}

// PackVersions lists the packs that were judged by, each once.
func (p *Place) PackVersions() []*policy.Pack {
	var all []*policy.Pack
	for _, set := range p.Packs {
		if set == nil {
			continue
		}
		for _, one := range set.packs {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	return all
}

// Union lists the names of two sets, each once.
func Union(sets [2]*Names) (all []string) {
	for _, set := range sets {
		if set == nil {
			continue
		}
		for _, item := range set.items {
			name, err := strconv.Unquote(item)
			if err == nil && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// appendNames appends the union of two sets of names as a JSON array.
func appendNames(dst []byte, sets *[2]*Names) []byte {
	dst = append(dst, '[')
	first := sets[0]
	if first == nil {
		first = sets[1]
	}
	if first != nil {
		dst = append(dst, first.joined...)
	}
	if sets[0] != nil && sets[1] != nil {
		for _, item := range sets[1].items {
			if !slices.Contains(sets[0].items, item) {
				dst = append(append(dst, ','), item...)
			}
		}
	}
	return append(dst, ']')
}

// appendPlace appends the members place, packs and verified of a verdict by rules.
func appendPlace(dst []byte, p *Place) []byte {
	if !p.Judged {
		return dst
	}
	dst = appendNames(append(dst, `,"place":{"regions":`...), &p.Regions)
	dst = appendNames(append(dst, `,"time_zones":`...), &p.Zones)
	dst = append(dst, `,"evidence":[`...)
	dst = p.Evidence.AppendJSON(dst)
	if p.Facts != 0 {
		dst = append(dst, `],"facts":[`...)
		dst = p.Facts.AppendJSON(dst)
	}
	dst = appendNames(append(dst, `]},"packs":`...), &p.Packs)
	return strconv.AppendBool(append(dst, `,"verified":`...), !p.Unverified)
}
