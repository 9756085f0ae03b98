package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// Result is what one rule comes to for one question.
type Result uint8

// The results. Informs is a rule about what comes after a contact, such as how long a record is kept.
const (
	Passed Result = iota
	Failed
	Obliges
	Exempts
	Lifted
	Informs
)

var resultWords = words[Result]{"passed", "failed", "obliges", "exempts", "lifted", "informs"}

// String returns the word that the API uses.
func (r Result) String() string { return resultWords.name(r) }

// Ruling is what one rule comes to, and what it was held against.
type Ruling struct {
	Rule     RuleIndex // NoRuleIndex where no rule speaks
	Result   Result
	Code     Code   // of a failure
	Evidence string // in words; empty where the rule's own text says it all
}

// Explain tells every rule that speaks about the question, in the order in which Judge judges them, with what it comes
// to. It allocates.
func (r *Rules) Explain(q *Question) (list []Ruling) {
	s := scene{q: q}
	r.locate(q, &s)
	s.begin(r, q.At.Unix())
	if s.groupCount == 0 || int(q.Channel) >= channels || int(q.Class) >= classes || int(q.Contact) >= contacts {
		return []Ruling{{Rule: NoRuleIndex, Result: Failed, Code: NoRule}}
	}
	var judged ruleSet
	for g := range s.groupCount {
		for _, e := range r.groups[s.groups[g]].table[q.Contact][q.Channel][q.Class] {
			if s.now >= e.from && s.now < e.until && judged.add(e.rule) {
				list = r.find(&s, e.rule, list)
			}
		}
	}
	for _, i := range r.takenAway(&s) {
		if judged.add(i) {
			list = append(list, Ruling{Rule: i, Result: Lifted, Evidence: "taken away by the operator"})
		}
	}
	for _, i := range r.speaking(&s) {
		if r.compiled[i].kind > KindDuty && judged.add(i) {
			list = append(list, Ruling{Rule: i, Result: Informs})
		}
	}
	return list
}

// takenAway lists the overrides by which rules of the candidate jurisdictions do not hold at the scene's moment.
func (r *Rules) takenAway(s *scene) (list []RuleIndex) {
	for _, region := range s.members(r) {
		for _, p := range r.jurisdictions[region].chain {
			for _, rule := range p.Rules {
				if !rule.appliesTo(s.q.Channel, s.q.Class, s.q.Contact) {
					continue
				}
				for _, form := range r.copies[r.byID[rule.ID]] {
					if r.disabled(form, interval{s.now, s.now + 1}) && s.concerns(r, &r.compiled[form]) {
						list = append(list, form)
					}
				}
			}
		}
	}
	return list
}

// find adds what one rule comes to. A rule of consent that finds none may blame the rule that ended it.
func (r *Rules) find(s *scene, i RuleIndex, list []Ruling) []Ruling {
	g := &r.compiled[i]
	if g.kind == NoKind {
		return append(list, Ruling{Rule: NoRuleIndex, Result: Failed, Code: NoRule})
	}
	if !s.concerns(r, g) {
		return list
	}
	f := Ruling{Rule: i, Evidence: r.evidence(s, i, g)}
	if g.kind != KindConsent && s.lifted(r, g) {
		f.Result = Lifted
		return append(list, f)
	}
	var one Judgement
	r.judge(s, i, &one)
	f.Result = result(s, r, g, &one)
	for _, failure := range one.Failed() {
		if failure.Rule == i {
			f.Result, f.Code = Failed, failure.Code
			continue
		}
		for k := range list {
			if list[k].Rule == failure.Rule {
				list[k].Result, list[k].Code = Failed, failure.Code
			}
		}
	}
	return append(list, f)
}

func result(s *scene, r *Rules, g *gate, one *Judgement) Result {
	switch {
	case one.duties > 0:
		return Obliges
	case g.kind == KindConsent && !s.q.Status.Restricted() && (g.need <= NeedNoObjection || s.lifted(r, g)):
		return Exempts
	}
	return Passed
}

// evidence says what a rule was held against.
func (r *Rules) evidence(s *scene, i RuleIndex, g *gate) string {
	q := s.q
	switch g.kind {
	case KindConsent:
		return standingText(q)
	case KindConfirmed:
		return choose(q.Confirmed, "confirmed", "not confirmed")
	case KindExpiry:
		return sinceText("counted from", s.start(g.start))
	case KindHours:
		return r.clockText(s, &r.hours[g.arg])
	case KindCap:
		return r.capText(s, g, r.rules[i])
	case KindCoolDown:
		return r.coolDownText(s, g)
	case KindRegistry:
		listed, at := r.answer(q, RegistryID(g.arg))
		switch {
		case at == 0:
			return "never asked about this number"
		case listed:
			return sinceText("listed as of", at)
		}
		return sinceText("clear as of", at)
	}
	return ""
}

func standingText(q *Question) string {
	if standing(q) == NeedNothing {
		return choose(q.Status == consent.None, "no consent", "consent "+q.Status.String())
	}
	return q.Level.String() + choose(q.Confirmed, ", confirmed", "")
}

// sinceText writes a moment; second 0 and the zero time stand for none.
func sinceText(what string, second int64) string {
	if second <= 0 {
		return "none on record"
	}
	return what + " " + time.Unix(second, 0).UTC().Format(time.RFC3339)
}

// toldClocks is how many clocks the evidence of an hours rule names.
const toldClocks = 8

func (r *Rules) clockText(s *scene, h *hoursTable) string {
	if z := s.clock(r, h); z != nil {
		return z.read(s.now)
	}
	var clocks []string
	for k := range s.zoneCount() {
		clocks = append(clocks, r.zones[s.zone(k)].read(s.now))
	}
	slices.Sort(clocks)
	clocks = slices.Compact(clocks)
	if more := len(clocks) - toldClocks; more > 0 {
		clocks = append(clocks[:toldClocks], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(clocks, ", ")
}

func (z *zone) read(t int64) string {
	l := z.local(t)
	return fmt.Sprintf("%s %02d:%02d %s", weekdayWords[weekday(l.day)], l.minute/60, l.minute%60, z.name)
}

// maxTold bounds how far back contacts are counted for people to read.
const maxTold = 1000

func (r *Rules) capText(s *scene, g *gate, rule *Rule) string {
	if s.q.Attempts == nil {
		return "no contact on record"
	}
	c := &r.caps[g.arg]
	key, n, latest := c.key(s.q), 0, int64(0)
	for ; n < maxTold; n++ {
		at, found := s.q.Attempts.NthLatest(key, n+1)
		if !found || s.capLasts(r, c, at) <= s.now {
			break
		}
		latest = max(latest, at)
	}
	if n == 0 {
		return fmt.Sprintf("0 of %d", rule.Cap.Max)
	}
	return fmt.Sprintf("%d of %d, %s", n, rule.Cap.Max, sinceText("the latest", latest))
}

func (r *Rules) coolDownText(s *scene, g *gate) string {
	if end := s.coolDownEnds(r, g); end > 0 && end < never {
		return sinceText("until", end)
	}
	return "nothing started it"
}
