package policy

import (
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// scene is what gates read about one question at one moment. It lives on the stack of the judgement.
type scene struct {
	q   *Question
	now int64

	groups     [2]uint16
	groupCount int
	zones      []uint16  // of the number
	moreZones  []uint16  // of the address, or declared
	zoneSets   [2]uint16 // the same two, each by its index from 1
	dispatch   *zone
	evidence   Evidence

	level           Need      // of the consent that stands, NeedNothing where none does
	expired         RuleIndex // the rule that let the consent expire
	needs           Need      // the most that any rule has asked so far
	exempting       RuleIndex // the first rule that asks for no consent
	confirming      RuleIndex // the first rule that admits a confirmation of an opt-out
	changesAt       int64
	switches        Switches // that are relaxed at this moment
	facts           Fact     // that are told of the contact, or declared at this moment
	registriesLater bool
	locals          [keptLocals]local
}

// keptLocals is for how many zones the local time is worked out once; more are rare, and worked out at each rule.
const keptLocals = 4

func (s *scene) begin(r *Rules, now int64) {
	s.now, s.changesAt = now, never
	s.level, s.needs = standing(s.q), NeedNothing
	s.relax(r)
	s.expired, s.exempting, s.confirming = NoRuleIndex, NoRuleIndex, NoRuleIndex
	for i := range min(s.zoneCount(), keptLocals) {
		s.locals[i] = r.zones[s.zone(i)].local(now)
	}
}

func (s *scene) zoneCount() int { return len(s.zones) + len(s.moreZones) }

func (s *scene) zone(i int) uint16 {
	if i < len(s.zones) {
		return s.zones[i]
	}
	return s.moreZones[i-len(s.zones)]
}

func (s *scene) local(r *Rules, i int) local {
	if i < keptLocals {
		return s.locals[i]
	}
	return r.zones[s.zone(i)].local(s.now)
}

// until notes a moment at which something may change.
func (s *scene) until(t int64) {
	if t > s.now && t < s.changesAt {
		s.changesAt = t
	}
}

// concerns reports whether the rule speaks about this sender, sector and case.
func (s *scene) concerns(r *Rules, g *gate) bool {
	if g.senders != 0 && g.senders>>s.q.Sender&1 == 0 {
		return false
	}
	if g.sectors != 0 && g.sectors>>s.q.Sector&1 == 0 {
		return false
	}
	return g.when == 0 || s.holds(r, &r.when[g.when])
}

func (s *scene) lifted(r *Rules, g *gate) bool {
	for i := g.unless[0]; i < g.unless[1]; i++ {
		if s.holds(r, &r.when[i]) {
			return true
		}
	}
	return false
}

// holds reports whether every part of the condition is known to be true.
func (s *scene) holds(r *Rules, c *condition) bool {
	q := s.q
	if s.level < c.Consent || s.facts&c.Facts != c.Facts || s.switches&c.relaxed != c.relaxed {
		return false
	}
	if c.Confirmed && (!q.Confirmed || s.level < NeedImplied) {
		return false
	}
	if c.Pending && q.Status != consent.Pending {
		return false
	}
	if c.NewGrant && !(q.Status == consent.StatusGranted && q.GrantedAt.After(q.RestrictedAt)) {
		return false
	}
	if c.Line != UnknownLine && q.Line != c.Line {
		return false
	}
	if !s.recent(c.PurchaseWithin, q.PurchasedAt) || !s.recent(c.InquiryWithin, q.InquiredAt) || !s.recent(c.InboundWithin, q.InboundAt) {
		return false
	}
	for g := 0; !c.anywhere && g < s.groupCount; g++ {
		if !r.groups[s.groups[g]].set.within(&c.regions) {
			return false
		}
	}
	return true
}

func (s *scene) recent(within *Period, at time.Time) bool {
	if within == nil {
		return true
	}
	if at.IsZero() {
		return false
	}
	if s.later(at) {
		s.until(at.Unix())
		return false
	}
	end := within.after(at.Unix())
	s.until(end)
	return s.now < end
}

// later reports whether something is yet to happen at the moment that is judged, so that it tells nothing of it.
func (s *scene) later(at time.Time) bool { return at.Unix() > s.now }

// consent judges one rule of consent. An objection stands against every rule, whatever would lift it otherwise.
func (s *scene) consent(r *Rules, i RuleIndex, g *gate, out *Judgement) {
	if s.q.Status.Restricted() {
		out.fail(i, Objected)
		return
	}
	if g.need <= NeedNoObjection || s.lifted(r, g) {
		if s.exempting == NoRuleIndex {
			s.exempting = i
		}
		return
	}
	s.needs = max(s.needs, g.need)
	if s.level >= g.need {
		if g.soft && s.level <= NeedSoftOptIn {
			out.oblige(i)
		}
		return
	}
	if s.expired != NoRuleIndex {
		out.fail(s.expired, ExpiredByRule)
		s.expired = NoRuleIndex
	}
	out.fail(i, LevelTooLow)
}

// expiry ends the consent if its time by this rule is over; a consent that ended counts as none from here on.
func (s *scene) expiry(i RuleIndex, g *gate, out *Judgement) {
	if s.level == NeedNothing || g.levels>>s.level&1 == 0 {
		return
	}
	end := g.period.after(s.start(g.start))
	switch {
	case s.now < end:
		s.until(end)
	case g.soft:
		out.oblige(i)
	default:
		s.level, s.expired = NeedNothing, i
	}
}

func (s *scene) start(from Start) int64 {
	q := s.q
	switch {
	case from == FromPurchase && !q.PurchasedAt.IsZero() && !s.later(q.PurchasedAt):
		return q.PurchasedAt.Unix()
	case from == FromInquiry && !q.InquiredAt.IsZero() && !s.later(q.InquiredAt):
		return q.InquiredAt.Unix()
	case from == FromInbound && q.InboundAt.After(q.GrantedAt) && !s.later(q.InboundAt):
		return q.InboundAt.Unix()
	}
	return q.GrantedAt.Unix()
}

func (s *scene) confirmed(i RuleIndex, g *gate, out *Judgement) {
	if s.q.Confirmed || s.needs < NeedImplied || s.q.Status.Restricted() {
		return
	}
	if g.soft {
		out.oblige(i)
		return
	}
	out.fail(i, NotConfirmed)
}

// hours judges the windows on every clock that the rule goes by; the first that is closed fails the rule.
func (s *scene) hours(r *Rules, i RuleIndex, g *gate, out *Judgement) {
	h := &r.hours[g.arg]
	if z := s.clock(r, h); z != nil {
		l := z.local(s.now)
		s.window(h, &l, i, out)
		return
	}
	for k := range s.zoneCount() {
		l := s.local(r, k)
		if !s.window(h, &l, i, out) {
			return
		}
	}
}

// clock returns the one zone that the rule goes by, nil if it goes by all where the person may be.
func (s *scene) clock(r *Rules, h *hoursTable) *zone {
	switch {
	case h.clock == FixedZone:
		return r.zones[h.zone]
	case h.clock == Dispatcher && s.dispatch != nil:
		s.evidence |= ByDispatcher
		return s.dispatch
	}
	return nil
}

func (s *scene) window(h *hoursTable, l *local, i RuleIndex, out *Judgement) bool {
	windows, holiday := h.on(l.day)
	end, open := windows.open(l.minute)
	if open {
		s.until(min(l.day*daySeconds+int64(end)*60-l.offset, l.until))
		return true
	}
	if holiday {
		out.fail(i, Holiday)
	} else {
		out.fail(i, OutsideWindow)
	}
	return false
}

// coolDownEnds returns when the waiting time is over, zero if nothing started it.
func (s *scene) coolDownEnds(r *Rules, g *gate) int64 {
	q := s.q
	from := q.RestrictedAt
	switch g.after {
	case AfterConversation:
		from = s.conversed(r, g)
	case AfterRefusal:
		if q.RestrictedBy != consent.None && q.RestrictedBy != consent.StatusRefused {
			return 0
		}
	case AfterWithdrawal:
		if q.RestrictedBy == consent.StatusRefused {
			return 0
		}
	}
	if from.IsZero() {
		return 0
	}
	return g.period.after(from.Unix())
}

// conversed returns when the matter was last talked about: as the question tells it or as it was reported, the later.
func (s *scene) conversed(r *Rules, g *gate) time.Time {
	told := s.q.ConversationAt
	if s.q.Attempts == nil {
		return told
	}
	at, found := s.q.Attempts.NthLatest(r.caps[g.arg].key(s.q), 1)
	if !found || !told.IsZero() && told.Unix() >= at {
		return told
	}
	return time.Unix(at, 0)
}

func (s *scene) registry(r *Rules, i RuleIndex, g *gate, out *Judgement) {
	if s.registriesLater {
		return
	}
	listed, at := r.answer(s.q, RegistryID(g.arg))
	if at != 0 && listed {
		out.fail(i, RegistryListed)
		return
	}
	if at != 0 && at <= s.now && s.now <= g.period.after(at) { // what was learned later tells nothing of this moment
		s.until(g.period.after(at) + 1)
		return
	}
	if g.soft {
		out.oblige(i)
		return
	}
	out.fail(i, RegistryStale)
}

// confirmation judges the message that confirms an opt-out: only after one, soon after it, and so many.
func (s *scene) confirmation(i RuleIndex, g *gate, out *Judgement) {
	q := s.q
	if !q.Status.Restricted() || q.RestrictedAt.IsZero() {
		out.fail(i, OutsideWindow)
		return
	}
	since := q.RestrictedAt.Unix()
	if end := g.period.after(since); s.now > end {
		out.fail(i, OutsideWindow)
	} else {
		s.until(end + 1)
	}
	if s.confirming == NoRuleIndex {
		s.confirming = i
	}
	if q.Attempts == nil {
		return
	}
	key := CapKey{Number: q.Number, By: BySubjectBrand, Counts: Confirmations, Channels: 1 << q.Channel, Classes: allClasses, Brand: q.Brand, Until: q.At.Unix()}
	if at, found := q.Attempts.NthLatest(key, int(g.max)); found && at >= since {
		out.fail(i, CapReached)
	}
}

const allClasses = 1<<consent.Marketing | 1<<consent.Transactional | 1<<consent.ServiceAlert | 1<<consent.DebtCollection
