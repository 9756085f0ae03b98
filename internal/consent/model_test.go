package consent_test

import (
	"slices"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// model says what a history amounts to in the words of the promises, and shares nothing with the fold but the acts:
// a yes, a no and a question may each stand, and what is last said of them makes the status.
type model struct {
	yes      *consent.Act // the grant that was last taken
	level    consent.Level
	sure     bool // confirmed, by this yes or one that it renewed
	over     bool // an act said that the yes, or the question, has ended
	no       *consent.Act
	lastNo   *consent.Act // also when a yes has followed
	question *consent.Act
	ended    uint64 // the act that ended what the status rested on
	conflict uint64
	told     int
}

// earlier orders acts by when they happened, then those that restrict last, then as they were told.
func earlier(a, b consent.Act) int {
	switch {
	case !a.EffectiveAt.Equal(b.EffectiveAt):
		return a.EffectiveAt.Compare(b.EffectiveAt)
	case isNo(a) != isNo(b) && isNo(a):
		return 1
	case isNo(a) != isNo(b):
		return -1
	case a.Seq < b.Seq:
		return -1
	}
	return 1
}

func isNo(a consent.Act) bool {
	return slices.Contains([]string{"refused", "withdrawn", "revoked", "expired", "reassigned"}, a.Kind.String())
}

// modelOf reads each act once, in the order of the acts.
func modelOf(acts []consent.Act) model {
	sorted := slices.SortedFunc(slices.Values(acts), earlier)
	var m model
	for i := range sorted {
		m.told++
		m.hear(&sorted[i])
	}
	return m
}

func (m *model) hear(a *consent.Act) {
	switch a.Kind.String() {
	case "requested":
		if !m.stands(a.EffectiveAt) {
			*m = model{question: a, no: m.no, lastNo: m.lastNo, conflict: m.conflict, told: m.told}
		}
	case "granted", "renewed":
		m.hearYes(a)
	case "expired":
		if m.question != nil || m.yes != nil && !m.over {
			m.question, m.over, m.ended = nil, m.no == nil, a.Seq
		}
	default:
		*m = model{no: a, lastNo: a, told: m.told}
	}
}

// hearYes takes the yes of a person always, unless a stronger one stands; that of others only where nothing was said
// before, or where it is stronger than the yes that stands.
func (m *model) hearYes(a *consent.Act) {
	stands, silence := m.stands(a.EffectiveAt), m.status(a.EffectiveAt) == "none"
	own := byThePerson(a)
	switch {
	case stands && (a.Level > m.level || a.Level == m.level && own):
		*m = model{yes: a, level: a.Level, sure: a.Confirmed || m.sure, lastNo: m.lastNo, told: m.told}
	case stands:
	case silence || own:
		*m = model{yes: a, level: a.Level, sure: a.Confirmed, lastNo: m.lastNo, told: m.told}
	default:
		m.conflict = a.Seq
	}
}

// byThePerson repeats the promise: dated after the no by who can know, and proven where a third party tells it.
func byThePerson(a *consent.Act) bool {
	there := slices.Contains([]string{"web_form", "sms_keyword", "sms_reply", "voice_call", "in_person", "paper", "preference_centre", "agent"}, a.Source.String())
	switch a.Via.String() {
	case "":
		return there
	case "batch":
		return there && a.Dated
	}
	return there && a.Dated && len(a.Evidence) > 0
}

func (m *model) stands(at time.Time) bool { return m.status(at) == "granted" }

func (m *model) status(at time.Time) string {
	switch {
	case m.question != nil:
		return "pending"
	case m.no != nil && m.no.Kind == consent.Reassigned:
		return "revoked"
	case m.no != nil:
		return m.no.Kind.String()
	case m.over, m.yes != nil && !m.yes.ValidUntil.IsZero() && !at.Before(m.yes.ValidUntil):
		return "expired"
	case m.yes != nil:
		return "granted"
	}
	return "none"
}

// restsOn is the number of the act that made the status what it is, expiry by date aside.
func (m *model) restsOn() uint64 {
	switch {
	case m.question != nil:
		return m.question.Seq
	case m.ended != 0:
		return m.ended
	case m.no != nil:
		return m.no.Seq
	case m.yes != nil:
		return m.yes.Seq
	}
	return 0
}
