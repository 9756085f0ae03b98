package console

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// timelinePage is how many entries a page of the timeline shows.
const timelinePage = 50

// event is one entry about a person, as the timeline shows it.
type event struct {
	Seq         uint64
	Kind        string
	Act         *consent.Act
	Happened    time.Time
	RecordedAt  time.Time
	By          string
	Actor       string
	Disclosure  string
	Wording     string
	Language    string
	Shown       string // the hash of the page on which the person agreed
	Standing    bool   // a record rests on it
	Conflicting bool
}

// timeline returns the latest entries before one (zero: the latest of all) and where the older ones begin.
func (s *console) timeline(v *visit, p who, before uint64) ([]event, uint64, error) {
	if before == 0 {
		before = 1 << 62
	}
	places, err := s.Reports.Places(v.ctx(), p.ID, before, timelinePage+1)
	if err != nil || len(places) == 0 {
		return nil, 0, err
	}
	older := uint64(0)
	if len(places) > timelinePage {
		places = places[:timelinePage]
		older = places[timelinePage-1]
	}
	entries, err := s.Ledger.History(v.ctx(), p.ID, places[len(places)-1]-1, len(places))
	if err != nil {
		return nil, 0, err
	}
	standing, conflicting := map[uint64]bool{}, map[uint64]bool{}
	for _, h := range p.Records {
		standing[h.Record.Entry], conflicting[h.Record.Conflict] = true, true
	}
	events := make([]event, 0, len(entries))
	for i := len(entries) - 1; i >= 0; i-- {
		e := &entries[i]
		if len(v.caller.Brands) > 0 && !sees(v.caller, e.Body.Brand) {
			continue
		}
		ev := s.event(e)
		ev.Standing, ev.Conflicting = standing[e.Seq], conflicting[e.Seq]
		events = append(events, ev)
	}
	return events, older, nil
}

func (s *console) event(e *ledger.Entry) event {
	ev := event{Seq: e.Seq, Kind: e.Kind.String(), Happened: e.RecordedAt, RecordedAt: e.RecordedAt, By: s.nameOf(e.Body.By), Actor: e.Body.Actor}
	a, ok := e.Act()
	if !ok {
		return ev
	}
	ev.Act, ev.Happened, ev.Disclosure = &a, a.EffectiveAt, e.Body.Disclosure
	ev.Shown = shownIn(a.Evidence)
	if w, err := s.Catalog.Wording(a.Disclosure); err == nil {
		ev.Wording, ev.Language = w.Text, w.Language
	}
	return ev
}

// nameOf says who was authenticated, by their name or that of their key where it is known.
func (s *console) nameOf(by string) string {
	if id, ok := access.PersonID(by); ok {
		if p, err := s.Gate.Person(id); err == nil {
			return p.Name + " (" + p.Login + ")"
		}
		return by
	}
	id, ok := strings.CutPrefix(by, "key:")
	if !ok {
		return by
	}
	if k, err := s.Gate.Key(id); err == nil {
		return k.Name + " (" + by + ")"
	}
	return by
}

// shownIn returns the hash of the page that evidence of one of our forms names.
func shownIn(evidence string) string {
	var captured struct{ Page string }
	if json.Unmarshal([]byte(evidence), &captured) != nil {
		return ""
	}
	return captured.Page
}
