package main

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/consentline/consentline/internal/phone/dfa"
)

// plan is the numbering plan of one calling code: what makes a national number valid, and what Parse would rewrite.
type plan struct {
	code    int
	nfa     nfa
	regions []regionRule

	// What the library strips or rewrites after the calling code, by the rules of the main region.
	viable         int
	rewritten      int
	strippedViable int
	strippedLength int
}

// regionRule says when a number belongs to a region and of which kind it then is.
type regionRule struct {
	id            string
	leading       int
	general       descRule
	kinds         []kindRule
	fixed, mobile descRule
	sameMobile    bool
}

type kindRule struct {
	kind dfa.LineType
	desc descRule
}

// descRule is one description in the metadata: a pattern and the lengths it is restricted to.
type descRule struct {
	pattern int
	lengths []int32
}

// none marks a rule that the metadata does not have.
const none = -1

// longest is the number of digits that E.164 allows, calling code included.
const longest = 15

func newPlan(code int, regions []*phonenumbers.PhoneMetadata) (*plan, error) {
	p := &plan{code: code, viable: none, rewritten: none, strippedViable: none, strippedLength: none}
	for _, meta := range regions {
		rule, err := p.region(meta)
		if err != nil {
			return nil, fmt.Errorf("region %s of +%d: %w", meta.GetId(), code, err)
		}
		p.regions = append(p.regions, rule)
	}
	if err := p.stripping(regions[0]); err != nil {
		return nil, fmt.Errorf("national prefix of +%d: %w", code, err)
	}
	return p, nil
}

func (p *plan) region(meta *phonenumbers.PhoneMetadata) (regionRule, error) {
	rule := regionRule{id: meta.GetId(), leading: none, sameMobile: meta.GetSameMobileAndFixedLinePattern()}
	var err error
	if digits := meta.GetLeadingDigits(); digits != "" {
		if rule.leading, err = p.nfa.add("(?:" + digits + `)\d*`); err != nil {
			return rule, err
		}
	}
	// The order is the order of precedence in the library.
	kinds := []struct {
		kind dfa.LineType
		desc *phonenumbers.PhoneNumberDesc
	}{
		{dfa.Premium, meta.GetPremiumRate()},
		{dfa.TollFree, meta.GetTollFree()},
		{dfa.SharedCost, meta.GetSharedCost()},
		{dfa.VoIP, meta.GetVoip()},
		{dfa.Personal, meta.GetPersonalNumber()},
		{dfa.Pager, meta.GetPager()},
		{dfa.UAN, meta.GetUan()},
		{dfa.Voicemail, meta.GetVoicemail()},
	}
	for _, k := range kinds {
		desc, err := p.desc(k.desc)
		if err != nil {
			return rule, err
		}
		if desc.pattern != none {
			rule.kinds = append(rule.kinds, kindRule{k.kind, desc})
		}
	}
	if rule.general, err = p.desc(meta.GetGeneralDesc()); err != nil {
		return rule, err
	}
	if rule.fixed, err = p.desc(meta.GetFixedLine()); err != nil {
		return rule, err
	}
	rule.mobile, err = p.desc(meta.GetMobile())
	return rule, err
}

// desc takes over a description; one without pattern, or with the length -1, matches no number that exists.
func (p *plan) desc(from *phonenumbers.PhoneNumberDesc) (descRule, error) {
	if from.GetNationalNumberPattern() == "" || slices.Equal(from.GetPossibleLength(), []int32{-1}) {
		return descRule{pattern: none}, nil
	}
	id, err := p.nfa.add(from.GetNationalNumberPattern())
	return descRule{id, from.GetPossibleLength()}, err
}

// stripping prepares to recognise numbers that the library would not take literally. Where it cannot be told
// which way its regexp engine splits the number, both ways count: such numbers are left to the library.
func (p *plan) stripping(main *phonenumbers.PhoneMetadata) error {
	if main.GetNationalPrefixForParsing() == "" {
		return nil
	}
	prefix, err := syntax.Parse(main.GetNationalPrefixForParsing(), syntax.Perl)
	if err != nil {
		return err
	}
	if main.GetNationalPrefixTransformRule() != "" {
		group := prefix.MaxCap()
		if captured := withGroup(prefix, group); captured != nil {
			if p.rewritten, err = p.nfa.add("(?:" + captured.String() + `)\d*`); err != nil {
				return err
			}
		}
		prefix = withoutGroup(prefix, group)
	}
	if prefix = nonEmpty(prefix); prefix == nil {
		return nil
	}
	general := main.GetGeneralDesc()
	if p.viable, err = p.nfa.add(general.GetNationalNumberPattern()); err != nil {
		return err
	}
	stripped := "(?:" + prefix.String() + ")(?:"
	if p.strippedViable, err = p.nfa.add(stripped + general.GetNationalNumberPattern() + ")"); err != nil {
		return err
	}
	p.strippedLength, err = p.nfa.add(stripped + possibleLengths(general) + ")")
	return err
}

// possibleLengths is the pattern of the digits that may remain after stripping: of a possible length or too long.
func possibleLengths(general *phonenumbers.PhoneNumberDesc) string {
	possible := general.GetPossibleLength()
	var lengths []string
	for n := int32(1); n <= longest+2; n++ {
		if slices.Contains(general.GetPossibleLengthLocalOnly(), n) {
			continue
		}
		if slices.Contains(possible, n) || n > possible[len(possible)-1] {
			lengths = append(lengths, `\d{`+strconv.Itoa(int(n))+"}")
		}
	}
	return strings.Join(lengths, "|")
}

// label decides about a national number of the given length whose digits ended at a position: the region and
// kind if it is valid and the library takes it literally; else nothing.
func (p *plan) label(at positions, length int) (dfa.Label, bool) {
	found := p.nfa.matched(at)
	if p.strips(found) {
		return dfa.Label{}, false
	}
	for i := range p.regions {
		region := &p.regions[i]
		kind := region.kind(found, int32(length))
		switch {
		case len(p.regions) == 1:
		case region.leading != none && !found[region.leading]:
			continue
		case region.leading == none && kind == dfa.Unknown:
			continue
		}
		return dfa.Label{Region: region.id, Type: kind}, kind != dfa.Unknown
	}
	return dfa.Label{}, false
}

func (p *plan) strips(found map[int]bool) bool {
	if p.rewritten != none && found[p.rewritten] {
		return true
	}
	if p.strippedLength == none || !found[p.strippedLength] {
		return false
	}
	return !found[p.viable] || found[p.strippedViable]
}

func (r *regionRule) kind(found map[int]bool, length int32) dfa.LineType {
	if !r.general.match(found, length) {
		return dfa.Unknown
	}
	for _, k := range r.kinds {
		if k.desc.match(found, length) {
			return k.kind
		}
	}
	fixed, mobile := r.fixed.match(found, length), r.mobile.match(found, length)
	switch {
	case fixed && (r.sameMobile || mobile):
		return dfa.FixedOrMobile
	case fixed:
		return dfa.FixedLine
	case mobile && !r.sameMobile:
		return dfa.Mobile
	}
	return dfa.Unknown
}

func (d descRule) match(found map[int]bool, length int32) bool {
	if d.pattern == none || !found[d.pattern] {
		return false
	}
	return len(d.lengths) == 0 || slices.Contains(d.lengths, length)
}
