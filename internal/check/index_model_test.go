package check

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// start is where the tests' clocks begin.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// model is the index as plainly as it can be written, to hold the real one against.
type model struct {
	now      time.Time
	boot     Instant
	until    Instant
	seq      uint64
	brands   map[consent.BrandID]bool
	purposes map[consent.PurposeID]consent.Class
	records  map[phone.Number]map[consent.Scope]State
	lists    map[string]*modelList
	erased   map[phone.Number]bool
}

type modelList struct {
	List
	members map[phone.Number]bool
}

// record returns what stands for a scope, and whether it is a record.
func (m *model) record(n phone.Number, scope consent.Scope) (State, bool) {
	if s, ok := m.records[n][scope]; ok && scope.Concrete() {
		return s, true
	}
	var latest State
	found, suppressed := false, false
	for wild, s := range m.records[n] {
		if wild.Concrete() || !wild.Covers(scope) {
			continue
		}
		suppressed = suppressed || s.Flags&FlagSuppressed != 0
		if !found || s.Seq > latest.Seq {
			latest, found = s, true
		}
	}
	if suppressed || (!found && m.erased[n]) {
		latest.Flags |= FlagSuppressed
	}
	return latest, found
}

// stands is record, with what was said since at the number that an extension is behind.
func (m *model) stands(n phone.Number, scope consent.Scope) (State, bool) {
	s, recorded := m.record(n, scope)
	line := n.WithoutExtension()
	if line == n {
		return s, recorded
	}
	of, ok := m.record(line, scope)
	suppressed := (s.Flags | of.Flags) & FlagSuppressed
	if ok && of.Status.Restricted() && (!recorded || of.Seq > s.Seq) {
		s, recorded = of, true
	}
	s.Flags |= suppressed
	return s, recorded
}

// codes returns the codes of all gates that fail, in order.
func (m *model) codes(n phone.Number, scope consent.Scope, at time.Time) (codes []Code) {
	if n == 0 {
		return []Code{InvalidNumber}
	}
	fail := func(failed bool, c Code) {
		if failed {
			codes = append(codes, c)
		}
	}
	fail(m.boot >= m.until, Stale)
	fail(!m.brands[scope.Brand], UnknownBrand)
	fail(m.purposes[scope.Purpose] == consent.NoClass, UnknownPurpose)
	fail(scope.Channel == consent.AnyChannel, UnknownChannel)
	for _, l := range m.lists {
		mine := l.Brand == "" || l.Brand == consent.Any || l.Brand == scope.Brand
		fail(mine && (l.members[n] || l.members[n.WithoutExtension()]), Suppressed)
		fail(mine && l.MaxAge > 0 && at.Sub(l.AsOf) > l.MaxAge, ListStale)
	}
	s, recorded := m.stands(n, scope)
	fail(s.Flags&FlagSuppressed != 0, Suppressed)
	status := s.Status
	if status == consent.StatusGranted && s.ValidUntil != 0 && !s.ValidUntil.Time().After(at) {
		status = consent.StatusExpired
	}
	fail(!recorded || status == consent.None, NoRecord)
	fail(status == consent.Pending, Pending)
	fail(status == consent.StatusGranted && s.GrantedAt.Time().After(at), NotYetGranted)
	fail(status == consent.StatusRefused, Refused)
	fail(status == consent.StatusWithdrawn, Withdrawn)
	fail(status == consent.StatusRevoked, Revoked)
	fail(status == consent.StatusExpired, Expired)
	slices.SortStableFunc(codes, func(a, b Code) int { return int(a) - int(b) })
	return codes
}

// machine drives the index and the model through the same changes.
type machine struct {
	model
	index *Index
}

func newMachine() *machine {
	m := &machine{model: model{
		now: start, boot: 1000, brands: map[consent.BrandID]bool{}, purposes: map[consent.PurposeID]consent.Class{},
		records: map[phone.Number]map[consent.Scope]State{}, lists: map[string]*modelList{}, erased: map[phone.Number]bool{},
	}}
	m.index = New(Config{
		Clock:  func() time.Time { return m.now },
		Lease:  NewLease(func() Instant { return m.boot }),
		Erased: func(n phone.Number) bool { return m.erased[n] },
		Seed:   5,
	})
	return m
}

func (m *machine) apply(t *rapid.T, b Batch) {
	m.seq++
	b.Seq = m.seq
	if err := m.index.Apply(b); err != nil {
		t.Fatal(err)
	}
}

var (
	// Two made-up numbers, one of them with an extension as well, and none.
	modelNumbers  = []phone.Number{sample(1), sample(1) | 7<<50, sample(2), 0}
	modelBrands   = []consent.BrandID{"default", "other", consent.Any}
	modelPurposes = []consent.PurposeID{"offers", "orders", consent.Any}
	modelChannels = []consent.Channel{consent.AnyChannel, consent.SMS, consent.VoiceAuto}
	modelLists    = []string{"own", "registry", "litigants"}
)

func drawScope(t *rapid.T) consent.Scope {
	return consent.Scope{
		Brand:   rapid.SampledFrom(modelBrands).Draw(t, "brand"),
		Purpose: rapid.SampledFrom(modelPurposes).Draw(t, "purpose"),
		Channel: rapid.SampledFrom(modelChannels).Draw(t, "channel"),
	}
}

func (m *machine) words(t *rapid.T) {
	b, p := rapid.SampledFrom(modelBrands[:2]).Draw(t, "brand"), rapid.SampledFrom(modelPurposes[:2]).Draw(t, "purpose")
	retire := rapid.IntRange(0, 3).Draw(t, "retire") == 0
	class := consent.Marketing
	if retire {
		class = consent.NoClass
	}
	m.apply(t, Batch{Brands: []BrandChange{{b, retire}}, Purposes: []PurposeChange{{p, class}}})
	m.brands[b], m.purposes[p] = !retire, class
}

func (m *machine) put(t *rapid.T) {
	n, scope := rapid.SampledFrom(modelNumbers[:3]).Draw(t, "number"), drawScope(t)
	s := State{Status: consent.Status(rapid.IntRange(0, 6).Draw(t, "status")), Seq: m.seq + 1}
	if rapid.Bool().Draw(t, "granted") {
		s.Status = consent.StatusGranted
	}
	if !scope.Concrete() {
		s.Status = rapid.SampledFrom([]consent.Status{consent.StatusWithdrawn, consent.StatusRevoked, consent.StatusRefused, consent.StatusExpired}).Draw(t, "restriction")
	}
	if rapid.IntRange(0, 5).Draw(t, "suppressed") == 0 {
		s.Flags = FlagSuppressed
	}
	moment := rapid.IntRange(-5, 5)
	s.GrantedAt = SecondsOf(start.Add(time.Duration(moment.Draw(t, "granted at")) * time.Second))
	if rapid.Bool().Draw(t, "ends") {
		s.ValidUntil = SecondsOf(start.Add(time.Duration(moment.Draw(t, "valid until")) * time.Second))
	}
	m.apply(t, Batch{Records: []RecordChange{{Number: n, Scope: scope, State: s}}})
	if m.records[n] == nil {
		m.records[n] = map[consent.Scope]State{}
	}
	m.records[n][scope] = s
}

func (m *machine) remove(t *rapid.T) {
	n, scope := rapid.SampledFrom(modelNumbers[:3]).Draw(t, "number"), drawScope(t)
	m.apply(t, Batch{Records: []RecordChange{{Number: n, Scope: scope, Delete: true}}})
	delete(m.records[n], scope)
}

func (m *machine) list(t *rapid.T) {
	l := List{ID: rapid.SampledFrom(modelLists).Draw(t, "list"), Brand: rapid.SampledFrom([]consent.BrandID{"", "*", "other"}).Draw(t, "of")}
	if rapid.Bool().Draw(t, "ages") {
		l.MaxAge, l.AsOf = 2*time.Second, start
	}
	c := ListChange{Define: &l}
	old := m.lists[l.ID]
	next := &modelList{l, map[phone.Number]bool{}}
	if rapid.Bool().Draw(t, "replace") {
		members := rapid.SliceOf(rapid.SampledFrom(modelNumbers)).Draw(t, "members")
		c.Members = slices.Values(members)
		for _, n := range members {
			next.members[n] = true
		}
	} else if old != nil {
		next.members = old.members
	}
	m.apply(t, Batch{Lists: []ListChange{c}})
	m.lists[l.ID] = next
}

func (m *machine) members(t *rapid.T) {
	id, n := rapid.SampledFrom(modelLists).Draw(t, "list"), rapid.SampledFrom(modelNumbers[:3]).Draw(t, "number")
	what := rapid.IntRange(0, 4).Draw(t, "what")
	if m.lists[id] == nil {
		return
	}
	switch what {
	case 0:
		m.apply(t, Batch{Lists: []ListChange{{ID: id, Remove: true}}})
		delete(m.lists, id)
	case 1, 2:
		m.apply(t, Batch{Lists: []ListChange{{ID: id, Delete: []phone.Number{n}}}})
		delete(m.lists[id].members, n)
	default:
		m.apply(t, Batch{Lists: []ListChange{{ID: id, Add: []phone.Number{n}}}})
		m.lists[id].members[n] = true
	}
}

func (m *machine) check(t *rapid.T) {
	n, scope := rapid.SampledFrom(modelNumbers).Draw(t, "number"), drawScope(t)
	at := start.Add(time.Duration(rapid.IntRange(-6, 6).Draw(t, "at")) * time.Second)
	m.now, m.boot = at, Instant(rapid.IntRange(999, 1101).Draw(t, "boot"))
	q := Question{Number: n, Brand: []byte(scope.Brand), Purpose: []byte(scope.Purpose), Channel: scope.Channel}
	if rapid.Bool().Draw(t, "explicit") {
		q.At = at
	}
	v := m.index.Check(q)
	want := m.codes(n, scope, at)
	allowed := len(want) == 0
	if allowed {
		want = []Code{Granted}
	}
	var got []Code
	for _, r := range v.Reasons() {
		got = append(got, r.Code)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) || v.Omitted != 0 || (v.Outcome == Allow) != allowed || v.Outcome == Defer {
		t.Fatalf("Check(%v at %v) = %v %v, want %v", scope, at, v.Outcome, got, want)
	}
	if v.Revision != m.seq || !v.CheckedAt.Equal(at) || v.Code() != firstGate(want) {
		t.Fatalf("revision %d, checked at %v, decided by %v; want %d, %v, %v", v.Revision, v.CheckedAt, v.Code(), m.seq, at, firstGate(want))
	}
	if s, recorded := m.stands(n, scope); n != 0 && (v.Recorded != recorded || v.Record != s) {
		t.Fatalf("record %+v, %v; want %+v, %v", v.Record, v.Recorded, s, recorded)
	}
}

// firstGate is the lowest code: they are numbered in the order of the gates.
func firstGate(codes []Code) Code { return slices.Min(codes) }

func TestIndexEqualsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine()
		t.Repeat(map[string]func(*rapid.T){
			"words": m.words, "put": m.put, "put more": m.put, "remove": m.remove, "list": m.list, "members": m.members,
			"check": m.check, "check more": m.check, "check most": m.check,
			"erase": func(t *rapid.T) {
				n := rapid.SampledFrom(modelNumbers[:3]).Draw(t, "number")
				m.erased[n] = !m.erased[n]
			},
			"poll": func(t *rapid.T) {
				sent := Instant(rapid.IntRange(900, 1000).Draw(t, "sent"))
				m.index.Lease().Extend(sent, 100)
				m.until = max(m.until, sent+100)
			},
		})
	})
}

// TestAllowNeedsEverything asks about every combination of what an allow needs, and finds exactly one that is allowed.
func TestAllowNeedsEverything(t *testing.T) {
	for bits := range 1 << 8 {
		missing := func(i int) bool { return bits>>i&1 == 1 }
		m := newMachine()
		scope := consent.Scope{Brand: "default", Purpose: "offers", Channel: consent.SMS}
		s := State{Status: consent.StatusGranted, GrantedAt: SecondsOf(start), ValidUntil: SecondsOf(start.Add(time.Second)), Seq: 1}
		b := Batch{Seq: 2, Lists: []ListChange{{Define: &List{ID: "own", AsOf: start, MaxAge: time.Second}}}}
		q := Question{Number: sample(1), Brand: []byte(scope.Brand), Purpose: []byte(scope.Purpose), Channel: scope.Channel}
		if missing(0) {
			s.Status = consent.Status(bits % int(consent.StatusGranted))
		}
		if missing(1) {
			s.ValidUntil = SecondsOf(start)
		}
		if missing(2) {
			b.Lists[0].Add = []phone.Number{sample(1)}
		}
		if !missing(3) {
			m.index.Lease().Extend(m.boot, 1)
		}
		if !missing(4) {
			b.Brands = []BrandChange{{Brand: scope.Brand}}
		}
		if !missing(5) {
			b.Purposes = []PurposeChange{{scope.Purpose, consent.Marketing}}
		}
		if missing(6) {
			b.Lists[0].Define.AsOf = start.Add(-time.Second - 1)
		}
		if missing(7) {
			scope.Channel = consent.WhatsApp
		}
		b.Records = []RecordChange{{Number: sample(1), Scope: scope, State: s}}
		if err := m.index.Apply(b); err != nil {
			t.Fatal(err)
		}
		v := m.index.Check(q)
		if got, want := v.Outcome == Allow, bits == 0; got != want {
			t.Errorf("with %08b missing: %v, %v", bits, v.Outcome, fmt.Sprint(v.Code()))
		}
	}
}
