package policy

import "github.com/consentline/consentline/internal/consent"

// Judge answers the question into out, without allocating. It may be called by any number of goroutines.
func (r *Rules) Judge(q *Question, out *Judgement) {
	s := scene{q: q}
	*out = Judgement{Rule: NoRuleIndex}
	r.locate(q, &s)
	r.judgeAt(&s, q.At.Unix(), out)
	out.Evidence, out.Exempting, out.Facts, out.Where = s.evidence, s.exempts(out), s.facts, s.where()
	if out.failures == 0 {
		r.allow(&s, out)
		return
	}
	out.Code, out.Rule = out.failed[0].Code, out.failed[0].Rule
	if !out.waitable() {
		if s.expired != NoRuleIndex { // a consent that ran out may be what no longer lifts another rule
			out.fail(s.expired, ExpiredByRule)
		}
		return
	}
	if at := r.search(&s); at != never && r.clearAt(&s, at) {
		out.Outcome, out.NextAllowedAt = Defer, at
	}
}

func (r *Rules) allow(s *scene, out *Judgement) {
	out.Outcome = Allow
	if s.changesAt < never {
		out.ChangesAt = s.changesAt
	}
	if s.level < NeedImplied && s.q.Contact != OptOutConfirmation {
		out.Code, out.Rule = Exempt, s.exempting
	}
}

// exempts returns the rule that asks for no consent, unless another asks for one that does not stand. What failed and
// found no room may be such a rule.
func (s *scene) exempts(out *Judgement) RuleIndex {
	if s.q.Contact == OptOutConfirmation {
		return s.confirming
	}
	if s.level >= NeedImplied || out.More {
		return NoRuleIndex
	}
	for _, f := range out.Failed() {
		switch f.Code {
		case LevelTooLow, NotConfirmed, ExpiredByRule, NoRule, Objected:
			return NoRuleIndex
		}
	}
	return s.exempting
}

// waitable reports whether every failed gate is one that time alone may open.
func (j *Judgement) waitable() bool {
	for _, f := range j.Failed() {
		switch f.Code {
		case OutsideWindow, Holiday, CapReached, CoolDown, Banned:
		default:
			return false
		}
	}
	return true
}

// clearAt reports whether nothing at all stands in the way at a later moment. Registries are left out: their answers
// age, and are fetched anew before the contact is made.
func (r *Rules) clearAt(s *scene, at int64) bool {
	var then Judgement
	later := *s
	later.registriesLater = true
	r.judgeAt(&later, at, &then)
	return then.failures == 0
}

// judgeAt puts every gate of every jurisdiction to the question at the given moment.
func (r *Rules) judgeAt(s *scene, now int64, out *Judgement) {
	s.begin(r, now)
	if s.groupCount == 0 || int(s.q.Channel) >= channels || int(s.q.Class) >= classes || int(s.q.Contact) >= contacts {
		out.fail(NoRuleIndex, NoRule)
		return
	}
	if s.groupCount == 1 {
		r.judgeGroup(s, 0, nil, out)
	} else {
		r.judgeGroups(s, out)
	}
	if r.groups[s.groups[0]].table[s.q.Contact][s.q.Channel][s.q.Class] == nil {
		out.fail(NoRuleIndex, NoRule) // AnyChannel or NoClass: no contact is made on every channel or for no purpose
	}
}

// judgeGroups puts each rule to the question once, though two sets of jurisdictions may share it.
func (r *Rules) judgeGroups(s *scene, out *Judgement) {
	var judged ruleSet
	for g := range s.groupCount {
		r.judgeGroup(s, g, &judged, out)
	}
}

// judgeGroup judges by one set of jurisdictions; nil is no memory of what was judged.
func (r *Rules) judgeGroup(s *scene, g int, judged *ruleSet, out *Judgement) {
	now := s.now
	for _, e := range r.groups[s.groups[g]].table[s.q.Contact][s.q.Channel][s.q.Class] {
		if now < e.from || now >= e.until {
			s.until(e.from)
			continue
		}
		s.until(e.until)
		if judged == nil || judged.add(e.rule) {
			r.judge(s, e.rule, out)
		}
	}
}

// ruleSet remembers which rules were judged, where two jurisdictions may share some.
type ruleSet [maxRules / 64]uint64

const maxRules = 2048

func (s *ruleSet) add(i RuleIndex) bool {
	if s[i/64]>>(i%64)&1 == 1 {
		return false
	}
	s[i/64] |= 1 << (i % 64)
	return true
}

// judge puts one rule's gate to the question.
func (r *Rules) judge(s *scene, i RuleIndex, out *Judgement) {
	g := &r.compiled[i]
	if g.kind == NoKind {
		out.fail(NoRuleIndex, NoRule)
		return
	}
	if !s.concerns(r, g) {
		return
	}
	out.Unverified = out.Unverified || g.unverified
	switch {
	case g.kind == KindConsent:
		s.consent(r, i, g, out)
	case !s.lifted(r, g):
		r.judgeBinding(s, i, g, out)
	}
}

// judgeBinding judges a rule that speaks about the case and that nothing lifts.
func (r *Rules) judgeBinding(s *scene, i RuleIndex, g *gate, out *Judgement) {
	switch g.kind {
	case KindExpiry:
		s.expiry(i, g, out)
	case KindConfirmed:
		s.confirmed(i, g, out)
	case KindBan:
		if g.arg == 0 || r.bans[g.arg-1].reaches(s.q.Number, &s.q.Place) {
			out.fail(i, Banned)
		}
	case KindHours:
		s.hours(r, i, g, out)
	case KindCap:
		if s.capEnds(r, g) > s.now {
			out.fail(i, CapReached)
		}
	case KindCoolDown:
		if s.coolDownEnds(r, g) > s.now {
			out.fail(i, CoolDown)
		}
	case KindRegistry:
		s.registry(r, i, g, out)
	case KindConfirmation:
		s.confirmation(i, g, out)
	case KindDisclosure, KindDuty:
		out.oblige(i)
	}
}

// locate gathers the jurisdictions and zones that may apply.
func (r *Rules) locate(q *Question, s *scene) {
	hint := &q.Place
	if hint.of != 0 && hint.of != r.fingerprint {
		return
	}
	var at *place
	if i := r.tree.find(q.Number); i > 0 {
		at = &r.places[i-1]
	}
	if at != nil && !(at.vague && hint.verified && hint.region > 0) {
		s.groups[0], s.groupCount = at.group, 1
		s.evidence |= ByNumber
		if at.vague {
			s.evidence |= ByVagueNumber
		}
	}
	if hint.region > 0 && (s.groupCount == 0 || s.groups[0] != hint.group) {
		s.groups[s.groupCount] = hint.group
		s.groupCount++
		s.evidence |= ByAddress
	}
	if at != nil && s.evidence&ByNumber != 0 {
		s.zones, s.zoneSets[0] = r.zoneSets[at.zones], at.zones+1
	}
	r.clocks(q, s)
	members := 0
	for g := range s.groupCount {
		members += len(r.groups[s.groups[g]].members)
	}
	if members > 1 {
		s.evidence |= ManyRegions
	}
}

// clocks adds what the address and the dispatcher say of time zones.
func (r *Rules) clocks(q *Question, s *scene) {
	hint := &q.Place
	if hint.zones > 0 {
		s.moreZones, s.zoneSets[1] = r.zoneSets[hint.zones-1], hint.zones
		s.evidence |= ByAddressZones
		if hint.verified {
			s.zones, s.zoneSets[0] = nil, 0
			s.evidence |= ZonesNarrowed
		}
	}
	if q.DispatchZone > 0 && int(q.DispatchZone) <= len(r.zones) {
		s.dispatch = r.zones[q.DispatchZone-1]
	}
	if len(s.zones)+len(s.moreZones) > 1 {
		s.evidence |= ManyZones
	}
}

// level reads what consent stands: only a granted one, and only if it has a level.
func standing(q *Question) Need {
	if q.Status != consent.StatusGranted || q.Level == consent.NoLevel {
		return NeedNothing
	}
	return NeedNoObjection + Need(q.Level)
}
