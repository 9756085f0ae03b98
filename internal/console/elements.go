package console

import (
	"slices"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/policy"
)

// elements are what the rules of a brand's country want a wording to say, and whether it does.
type elements struct {
	Country string
	Items   []element
	Missing int
}

type element struct {
	Item, Rule, Citation string
	State                policy.ElementState
}

// elements holds a wording against the rules; nil where there are none, or none of a country can be chosen.
func (s *console) elements(d catalog.Disclosure, w catalog.Wording) *elements {
	brand, err := s.Catalog.Brand(string(d.Brand))
	if s.Rules == nil || err != nil || brand.Country == "" {
		return nil
	}
	class, purpose := consent.Marketing, ""
	if p, err := s.Catalog.Purpose(string(d.Purpose)); err == nil {
		class, purpose = p.Class, p.Name
	}
	rules := s.Rules.Rules()
	var asking []policy.RuleIndex
	for _, channel := range consent.Channels {
		asking = append(asking, rules.AtRequest(brand.Country, channel, class, s.Now())...)
	}
	slices.Sort(asking)
	out := &elements{Country: brand.Country}
	words := policy.Wording{
		Text: w.Text, Language: w.Language, Brand: brand.Name, Purpose: purpose,
		Contact: brand.Contact != "", Terms: brand.Terms != "", Privacy: brand.Privacy != "",
	}
	for _, e := range rules.Elements(words, slices.Compact(asking)) {
		rule := rules.Rule(e.Rule)
		out.Items = append(out.Items, element{e.Item, rule.ID, rule.Citation, e.State})
		if e.State == policy.Missing {
			out.Missing++
		}
	}
	return out
}
