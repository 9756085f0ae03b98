package policy

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// banTable is one operator's ban, with the beginnings of numbers and postal codes that it is limited to.
type banTable struct {
	ban      *Ban
	rule     RuleIndex
	postal   []string
	prefixes []string
	span     interval
}

const operatorPack = "operator"

// ban makes a rule of each of the operator's bans.
func (r *Rules) ban() error {
	var errs []error
	for i := range r.changes.Bans {
		if err := r.banOne(&r.changes.Bans[i]); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (r *Rules) banOne(b *Ban) error {
	if reason := r.refuse(b); reason != "" {
		return &BanError{b.ID, reason}
	}
	rule := &Rule{
		ID: operatorPack + "." + b.ID, Pack: operatorPack, Kind: KindBan, Citation: b.Citation, Source: b.Source, Note: b.Reason,
		Channels: b.Channels, Classes: b.Classes, Unless: b.Unless, Ban: &BanTerm{Text: b.Reason},
	}
	g, err := r.gate(rule)
	if err != nil {
		return &BanError{b.ID, err.Error()}
	}
	t := banTable{ban: b, rule: RuleIndex(len(r.rules)), postal: b.Postal, prefixes: b.Prefixes, span: interval{unixOr(b.From, -never), unixOr(b.Until, never)}}
	r.bans = append(r.bans, t)
	g.arg, g.soft = uint16(len(r.bans)), true
	r.byID[rule.ID] = t.rule
	r.rules, r.compiled = append(r.rules, rule), append(r.compiled, g)
	r.lawful, r.spans = append(r.lawful, []interval{t.span}), append(r.spans, []interval{t.span})
	return nil
}

// refuse says why the ban cannot stand, or nothing.
func (r *Rules) refuse(b *Ban) string {
	if strings.TrimSpace(b.ID) == "" || strings.TrimSpace(b.Actor) == "" || strings.TrimSpace(b.Reason) == "" {
		return "it needs an id, a reason, and who decided it"
	}
	if _, taken := r.byID[operatorPack+"."+b.ID]; taken {
		return "another ban has this id"
	}
	if _, known := r.byRegion[b.Region]; !known {
		return strconv.Quote(b.Region) + " is no region of any pack"
	}
	if !b.Until.IsZero() && !b.Until.After(b.From) {
		return "it ends before it starts"
	}
	for _, p := range b.Prefixes {
		if _, err := parsePrefix(p); err != nil {
			return err.Error()
		}
	}
	for i := range b.Unless {
		if b.Unless[i].empty() {
			return "a condition that asks nothing would lift it always"
		}
	}
	return ""
}

// banEntries returns the bans that cover the jurisdiction, itself or as part of its country.
func (r *Rules) banEntries(j *jurisdiction, ch consent.Channel, cl consent.Class, c Contact) []entry {
	var list []entry
	for _, t := range r.bans {
		covers := j.region == t.ban.Region || slices.ContainsFunc(j.chain, func(p *Pack) bool { return p.Region == t.ban.Region })
		if covers && r.rules[t.rule].appliesTo(ch, cl, c) {
			list = append(list, entry{t.rule, t.span.from, t.span.until})
		}
	}
	return list
}

// reaches reports whether the ban, by its limits, may concern the person; what is not known is taken to be inside.
func (t *banTable) reaches(n phone.Number, p *Place) bool {
	if len(t.prefixes) > 0 && !slices.ContainsFunc(t.prefixes, func(prefix string) bool { return begins(n, prefix) }) {
		return false
	}
	if len(t.postal) == 0 || p.postalLen == 0 {
		return true
	}
	code := p.postal[:p.postalLen]
	for _, prefix := range t.postal {
		if len(prefix) <= len(code) && string(code[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}

func begins(n phone.Number, prefix string) bool {
	var buf [24]byte
	digits := strconv.AppendUint(buf[:0], uint64(n)&digitBits, 10)
	return len(digits) >= len(prefix) && string(digits[:len(prefix)]) == prefix
}
