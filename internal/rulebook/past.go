package rulebook

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/policy"
)

// Past is the rules by which a question about the past is judged: the packs, with the changes of the operator that were
// in force at the moment asked about as far as they were known, and the contacts that were made until then.
type Past struct {
	edition  *edition
	attempts Attempts
}

// Judge implements check.Rules.
func (p *Past) Judge(c check.Case) check.Judgement { return p.edition.judge(&c, p.attempts) }

// keptEditions is how many editions of the past are kept; each is some megabytes, and takes a tenth of a second to make.
const keptEditions = 8

// AsOf returns the rules as they were known at a moment, the zero time for now, given every entry that ever changed
// them. A change counts from when it was recorded, or from when it says it begins, until another took its place.
func (b *Book) AsOf(changed []ledger.Entry, knownAt time.Time, contacts Attempts) (*Past, error) {
	if !knownAt.IsZero() {
		changed = slices.DeleteFunc(slices.Clone(changed), func(e ledger.Entry) bool { return e.RecordedAt.After(knownAt) })
	}
	last := uint64(0)
	for _, e := range changed {
		last = max(last, e.Seq)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.past[last]
	if e == nil {
		var err error
		if e, err = b.editOf(changed); err != nil {
			return nil, fmt.Errorf("the rules as of entry %d: %w", last, err)
		}
		if len(b.past) == keptEditions {
			clear(b.past)
		}
		b.past[last] = e
	}
	return &Past{e, contacts}, nil
}

func (b *Book) editOf(changed []ledger.Entry) (*edition, error) {
	stages, err := stagesOf(changed)
	if err != nil {
		return nil, err
	}
	p, err := inForce(stages)
	if err != nil {
		return nil, err
	}
	rules, err := b.Rules().With(p)
	if err != nil {
		return nil, err
	}
	return b.edit(rules)
}

// stage is one change of the rules, as one entry recorded it.
type stage struct {
	kind, id string
	seq      uint64
	recorded time.Time
	override Override
	ban      Ban
	relaxed  Relaxation
	declared Declaration
	span     span
}

// span is a half-open stretch of time; a zero end is none.
type span struct{ from, until time.Time }

func stagesOf(changed []ledger.Entry) ([]stage, error) {
	var out []stage
	for _, e := range changed {
		d, err := ledger.Defined(e)
		if err != nil {
			return nil, err
		}
		s := stage{kind: d.Kind, id: d.ID, seq: e.Seq, recorded: e.RecordedAt}
		switch d.Kind {
		case kindOverride:
			err = json.Unmarshal(d.Body, &s.override)
			s.span = span{instant(s.override.From), instant(s.override.Until)}
		case kindBan:
			err = json.Unmarshal(d.Body, &s.ban)
			s.span = span{instant(s.ban.From), instant(s.ban.Until)}
		case kindRelaxation:
			err = json.Unmarshal(d.Body, &s.relaxed)
			s.span = span{instant(s.relaxed.From), instant(s.relaxed.Until)}
		case kindDeclaration:
			err = json.Unmarshal(d.Body, &s.declared)
			s.span = span{instant(s.declared.From), instant(s.declared.Until)}
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", e.Seq, err)
		}
		if s.span.from.IsZero() || s.removed() {
			s.span.from = s.recorded
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b stage) int { return cmp.Compare(a.seq, b.seq) })
	return out, nil
}

func (s *stage) removed() bool {
	return s.override.Removed || s.ban.Removed || s.relaxed.Removed || s.declared.Removed
}

// displaces returns the time that a later change takes from an earlier one: all from when it was made, where it took the
// earlier one's place; where another change speaks about the same rule, the time for which it does.
func (s *stage) displaces(earlier *stage) (span, bool) {
	switch {
	case s.kind == earlier.kind && s.id == earlier.id:
		from := s.span.from
		if s.recorded.Before(from) {
			from = s.recorded
		}
		return span{from: from}, true
	case s.kind == kindOverride && earlier.kind == kindOverride && s.override.Rule == earlier.override.Rule && !s.removed():
		return s.span, true
	}
	return span{}, false
}

// minus returns what is left of a stretch of time without another.
func (a span) minus(b span) (left []span) {
	if !b.until.IsZero() && !b.until.After(a.from) || !a.until.IsZero() && !a.until.After(b.from) {
		return []span{a}
	}
	if a.from.Before(b.from) {
		left = append(left, span{a.from, b.from})
	}
	if !b.until.IsZero() && (a.until.IsZero() || b.until.Before(a.until)) {
		left = append(left, span{b.until, a.until})
	}
	return left
}

// inForce returns what of each change was ever in force, and when. Of a ban only the latest form has its plain name.
func inForce(stages []stage) (p policy.Changes, err error) {
	named := map[string]bool{}
	for i, s := range slices.Backward(stages) {
		if s.removed() {
			named[s.kind+" "+s.id] = true
			continue
		}
		left := []span{s.span}
		for _, later := range stages[i+1:] {
			if taken, yes := later.displaces(&s); yes {
				var rest []span
				for _, one := range left {
					rest = append(rest, one.minus(taken)...)
				}
				left = rest
			}
		}
		for k, one := range left {
			if err := s.addTo(&p, one, k == 0 && !named[s.kind+" "+s.id]); err != nil {
				return p, err
			}
		}
		named[s.kind+" "+s.id] = true
	}
	return p, nil
}

func (s *stage) addTo(p *policy.Changes, in span, latest bool) error {
	if !in.until.IsZero() && !in.until.After(in.from) {
		return nil // it was over before it was recorded
	}
	switch s.kind {
	case kindOverride:
		o, err := s.override.policy()
		o.From, o.Until = in.from, in.until
		p.Overrides = append(p.Overrides, o)
		return err
	case kindRelaxation:
		r := s.relaxed.policy()
		r.From, r.Until = in.from, in.until
		p.Relaxations = append(p.Relaxations, r)
		return nil
	case kindDeclaration:
		d, err := s.declared.policy()
		d.From, d.Until = in.from, in.until
		p.Declarations = append(p.Declarations, d)
		return err
	}
	n, err := s.ban.policy()
	n.From, n.Until = in.from, in.until
	if !latest {
		n.ID += "@" + strconv.FormatUint(s.seq, 10)
	}
	p.Bans = append(p.Bans, n)
	return err
}
