package rulebook

import (
	"cmp"
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

// stage is one change of the rules, as one entry recorded it, with the time for which it says that it holds.
type stage struct {
	Change
	seq      uint64
	recorded time.Time
	span     span
}

func stagesOf(changed []ledger.Entry) ([]stage, error) {
	var out []stage
	for _, e := range changed {
		d, err := ledger.Defined(e)
		if err != nil {
			return nil, err
		}
		c, mine, err := read(d)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", e.Seq, err)
		}
		if !mine {
			continue
		}
		s := stage{Change: c, seq: e.Seq, recorded: e.RecordedAt, span: c.begins()}
		if s.span.from.IsZero() || s.removed() {
			s.span.from = s.recorded
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b stage) int { return cmp.Compare(a.seq, b.seq) })
	return out, nil
}

// displaces returns the time that a later change takes from an earlier one: all from when it was made, where it took the
// earlier one's place; where another override speaks about the same rule, the time for which it does.
func (s *stage) displaces(earlier *stage) (span, bool) {
	if key(s.kind(), s.name()) == key(earlier.kind(), earlier.name()) {
		from := s.span.from
		if s.recorded.Before(from) {
			from = s.recorded
		}
		return span{from: from}, true
	}
	mine, yes := s.Change.(Override)
	theirs, too := earlier.Change.(Override)
	return s.span, yes && too && mine.Rule == theirs.Rule && !mine.Removed
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

// inForce returns what of each change was ever in force, and when. Of those of one name only the latest form bears it,
// since a name stands for one; the others bear the entry that recorded them too.
func inForce(stages []stage) (p policy.Changes, err error) {
	named := map[string]bool{}
	for i, s := range slices.Backward(stages) {
		left := []span{s.span}
		for _, later := range stages[i+1:] {
			if taken, yes := later.displaces(&s); yes {
				left = minus(left, taken)
			}
		}
		if over := !s.span.until.IsZero() && !s.span.until.After(s.span.from); over || s.removed() {
			left = nil // it was over before it was recorded, or it only ended another
		}
		for k, one := range left {
			name := s.name()
			if k > 0 || named[key(s.kind(), name)] {
				name += "@" + strconv.FormatUint(s.seq, 10)
			}
			if err := s.addTo(&p, name, one); err != nil {
				return p, err
			}
		}
		named[key(s.kind(), s.name())] = true
	}
	return p, nil
}

func minus(all []span, taken span) (left []span) {
	for _, one := range all {
		left = append(left, one.minus(taken)...)
	}
	return left
}
