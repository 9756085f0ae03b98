// Package check answers the one question that every sender asks first: may this brand contact this number, on this
// channel, for this purpose, now?
//
// It holds all records, scopes and suppression lists in memory and answers from there, without a lock and without
// allocating. It stores nothing: one follower of the ledger fills it at start and keeps it up to date. Others may rely
// on this: no answer is an allow unless a yes (or a rule that exempts) stands in what was applied and the node could
// still prove, after it had read, that this was the latest; whoever sees a revision sees all effects up to it; and
// every answer lists all the gates that failed.
package check

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// DefaultUseWithin is for how long an allow may be used where nothing ends it earlier.
const DefaultUseWithin = time.Second

// Config is what an index is made with. The zero value is an embedded ledger's, without rules.
type Config struct {
	Clock     func() time.Time // nil: time.Now
	Lease     *Lease           // nil: AlwaysFresh
	Rules     Rules            // nil: a grant allows and everything else denies
	UseWithin time.Duration    // the most an allow may be used for; zero: DefaultUseWithin

	// Erased reports whether a number belongs to somebody who was erased and stays suppressed, by its keyed hash. It is
	// asked only about numbers that have no record in the scope. Nil: nobody was erased. It must not block.
	Erased func(phone.Number) bool

	Seed    uint64 // random, so that nobody can choose numbers that crowd together
	Records int    // how many records to make room for at once
}

// Index is the state of the ledger that checks are answered from. Its methods may be called from any goroutine.
type Index struct {
	clock     func() time.Time
	lease     *Lease
	rules     Rules
	useWithin time.Duration
	erased    func(phone.Number) bool

	table  *Table
	scopes *Scopes
	lists  *Lists

	mu      sync.Mutex // orders batches
	applied atomic.Uint64

	waiting sync.Mutex    // apart from mu, since a batch may take long and a waiter's patience may not
	waiters chan struct{} // closed when applied advances; nil when nobody waits
}

// New returns an empty index: until something is applied, it denies everything.
func New(c Config) *Index {
	x := &Index{
		clock: c.Clock, lease: c.Lease, rules: c.Rules, useWithin: c.UseWithin, erased: c.Erased,
		table: NewTable(c.Seed, c.Records), scopes: NewScopes(), lists: NewLists(c.Seed),
	}
	if asking, ok := c.Rules.(Asking); ok {
		x.lists.asks = asking.Asks
	}
	if x.clock == nil {
		x.clock = time.Now
	}
	if x.lease == nil {
		x.lease = AlwaysFresh()
	}
	if x.useWithin <= 0 {
		x.useWithin = DefaultUseWithin
	}
	return x
}

// Check answers a question: well-formed, fresh, suppression, record, rules, in this order. It does not allocate.
func (x *Index) Check(q Question) (v Verdict) {
	v.CheckedAt = x.clock()
	if q.At.IsZero() {
		q.At = v.CheckedAt
	}
	v.At = q.At
	var facts facts
	facts.term = x.lease.Term()
	v.Revision = x.applied.Load() // before what it vouches for is read
	if q.Number.WithoutExtension() == 0 {
		v.fail(Reason{Code: InvalidNumber})
		return v
	}
	x.read(&q, &v, &facts)
	x.conclude(&q, &v, &facts)
	return v
}

// conclude passes what was read through the gates. Everything that the answer rests on has been read. Only now may the
// clock say whether it was fresh: a node that was paused anywhere above finds its lease run out.
func (x *Index) conclude(q *Question, v *Verdict, f *facts) {
	remaining := f.term.Remaining(x.lease.Now())
	if remaining <= 0 {
		v.fail(Reason{Code: Stale})
	}
	v.words(q, &f.found)
	v.suppressed(q, f)
	v.consented(q, f)
	v.judged(f)
	v.decide(f, min(remaining, x.useWithin))
}

// facts are what a question found in the index, and what the rules made of it.
type facts struct {
	term      Term // under which all of this was read
	found     Found
	lists     suppressions
	code      Code // what the record alone comes to
	judgement Judgement
	expires   time.Time // the first moment at which a list that applies grows stale
}

// read gathers everything that the answer can rest on. It compares no lease.
func (x *Index) read(q *Question, v *Verdict, f *facts) {
	f.found = x.scopes.Lookup(q.Brand, q.Purpose, q.Channel)
	x.lists.find(q.Number, q.Brand, &f.lists)
	state, recorded := x.record(q.Number, &f.found)
	if line := q.Number.WithoutExtension(); line != q.Number {
		state, recorded = x.line(line, f, state, recorded)
	}
	x.weigh(q, v, f, state, recorded, x.rules)
}

// line lets what was said at a number since hold behind its extensions too: whoever ends contact with the line, or hands
// it back, ends it for all that it leads to. A yes at the number is none for its extensions.
func (x *Index) line(n phone.Number, f *facts, s State, recorded bool) (State, bool) {
	of, ok := x.record(n, &f.found)
	suppressed := (of.Flags | s.Flags) & FlagSuppressed
	if ok && of.Status.Restricted() && (!recorded || of.Seq > s.Seq) {
		s, recorded = of, true
	}
	s.Flags |= suppressed
	return s, recorded
}

// weigh notes what a record comes to at the moment asked about, and what the rules make of it.
func (x *Index) weigh(q *Question, v *Verdict, f *facts, s State, recorded bool, rules Rules) {
	v.Record, v.Recorded = s, recorded
	v.Status = v.Record.At(q.At)
	f.code = codeOf(&v.Record, v.Recorded, q.At)
	if rules != nil {
		f.judgement = rules.Judge(Case{
			Question: *q, Class: f.found.Class, Status: v.Status, Recorded: v.Recorded, Record: v.Record, Registries: x.lists,
		})
	}
}

// markerScope holds, of a number, that it has records in wildcard scopes. Only then are those looked for.
const markerScope ScopeID = 0

// record finds what stands for a number in a scope: its record, or else the latest restriction that covers the scope.
// A restriction with wildcards is folded into every record it covers, so that a record that is found needs no more.
func (x *Index) record(n phone.Number, f *Found) (State, bool) {
	if id := f.ID(); id != 0 {
		if s, ok := x.table.Get(n, id); ok {
			return s, true
		}
	}
	if _, marked := x.table.Get(n, markerScope); marked {
		if s, ok := x.restriction(n, f); ok {
			return s, true
		}
	}
	if x.erased != nil && x.erased(n) {
		return State{Flags: FlagSuppressed}, false
	}
	return State{}, false
}

// restriction returns the latest restriction among the wildcard scopes. Only restrictions count there: no yes does.
func (x *Index) restriction(n phone.Number, f *Found) (latest State, found bool) {
	var kept Flags
	for _, id := range x.scopes.covering(f) {
		if id == 0 {
			continue
		}
		s, ok := x.table.Get(n, id)
		if !ok || !restricts(s) {
			continue
		}
		kept |= s.Flags & FlagSuppressed
		if !found || s.Seq > latest.Seq {
			latest, found = s, true
		}
	}
	latest.Flags |= kept
	return latest, found
}

func restricts(s State) bool {
	return s.Status.Restricted() || s.Status == consent.StatusExpired || s.Flags&FlagSuppressed != 0
}

// codeOf says what a record alone comes to at the moment t. Only a grant that has begun and not ended is Granted.
func codeOf(s *State, recorded bool, t time.Time) Code {
	if !recorded {
		return NoRecord
	}
	switch s.At(t) {
	case consent.Pending:
		return Pending
	case consent.StatusGranted:
		if s.GrantedAt != 0 && t.Unix() < int64(s.GrantedAt) {
			return NotYetGranted
		}
		return Granted
	case consent.StatusRefused:
		return Refused
	case consent.StatusWithdrawn:
		return Withdrawn
	case consent.StatusRevoked:
		return Revoked
	case consent.StatusExpired:
		return Expired
	}
	return NoRecord
}
