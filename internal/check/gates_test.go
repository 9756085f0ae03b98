package check

import (
	"slices"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

type rulesFunc func(Case) Judgement

func (f rulesFunc) Judge(c Case) Judgement { return f(c) }

var theScope = consent.Scope{Brand: "default", Purpose: "offers", Channel: consent.SMS}

func theQuestion() Question {
	return Question{Number: sample(1), Brand: []byte("default"), Purpose: []byte("offers"), Channel: consent.SMS}
}

// indexWith returns an index whose clock stands at start, with the words of theScope and the given changes.
func indexWith(t *testing.T, c Config, b Batch) *Index {
	t.Helper()
	if c.Clock == nil {
		c.Clock = func() time.Time { return start }
	}
	x := New(c)
	b.Seq = max(b.Seq, 9)
	b.Brands = append(b.Brands, BrandChange{Brand: theScope.Brand})
	b.Purposes = append(b.Purposes, PurposeChange{theScope.Purpose, consent.Marketing})
	if err := x.Apply(b); err != nil {
		t.Fatal(err)
	}
	return x
}

func recordOf(s State) Batch {
	return Batch{Records: []RecordChange{{Number: sample(1), Scope: theScope, State: s}}}
}

func grantedIndex(t *testing.T, c Config) *Index {
	t.Helper()
	return indexWith(t, c, recordOf(State{Status: consent.StatusGranted, GrantedAt: SecondsOf(start), Seq: 7}))
}

func codesOf(v *Verdict) (codes []Code) {
	for _, r := range v.Reasons() {
		codes = append(codes, r.Code)
	}
	return codes
}

func TestZeroVerdictDenies(t *testing.T) {
	var v Verdict
	if v.Outcome != Deny || Outcome(0).String() != "deny" || Outcome(9).String() != "deny" {
		t.Error("silence is not no")
	}
	if v := New(Config{}).Check(theQuestion()); v.Outcome != Deny || !slices.Equal(codesOf(&v), []Code{UnknownBrand, UnknownPurpose, NoRecord}) {
		t.Errorf("an empty index: %v %v", v.Outcome, codesOf(&v))
	}
}

func TestConsentEndsAtItsLastMoment(t *testing.T) {
	end := start.Add(10 * time.Second)
	x := indexWith(t, Config{}, recordOf(State{Status: consent.StatusGranted, GrantedAt: SecondsOf(start), ValidUntil: SecondsOf(end.Add(999 * time.Millisecond))}))
	for _, c := range []struct {
		at   time.Time
		want Code
	}{
		{start.Add(-1), NotYetGranted}, {start, Granted}, {end.Add(-1), Granted}, {end, Expired}, {end.Add(1), Expired},
	} {
		q := theQuestion()
		q.At = c.at
		v := x.Check(q)
		if v.Code() != c.want || (v.Outcome == Allow) != (c.want == Granted) || !v.At.Equal(c.at) || !v.CheckedAt.Equal(start) {
			t.Errorf("at %v: %v, %v; want %v", c.at, v.Outcome, v.Code(), c.want)
		}
		wantChange := map[Code]time.Time{Granted: end, NotYetGranted: start}[c.want]
		if !v.ChangesAt.Equal(wantChange) {
			t.Errorf("at %v: changes at %v, want %v", c.at, v.ChangesAt, wantChange)
		}
	}
}

func TestSecondsRoundDownAndStayInRange(t *testing.T) {
	for _, c := range []struct {
		t    time.Time
		want Seconds
	}{
		{time.Time{}, 0}, {time.Unix(0, 0), 1}, {time.Unix(-5, 0), 1}, {time.Unix(1, 999_999_999), 1}, {time.Unix(2, 0), 2},
		{time.Unix(1<<32-1, 0), 1<<32 - 1}, {time.Unix(1<<32, 0), 1<<32 - 1}, {time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), 1<<32 - 1},
	} {
		if got := SecondsOf(c.t); got != c.want {
			t.Errorf("SecondsOf(%v) = %d, want %d", c.t, got, c.want)
		}
	}
	if !Seconds(0).Time().IsZero() || !Seconds(5).Time().Equal(time.Unix(5, 0)) {
		t.Error("Time does not undo SecondsOf")
	}
}

func TestUseWithinIsTheShortestOfAllLimits(t *testing.T) {
	second := time.Second
	granted := State{Status: consent.StatusGranted, GrantedAt: SecondsOf(start.Add(-time.Hour))}
	ends := func(in time.Duration) State {
		s := granted
		s.ValidUntil = SecondsOf(start.Add(in))
		return s
	}
	lease := func(left time.Duration) *Lease {
		l := NewLease(func() Instant { return 0 })
		l.Extend(0, left)
		return l
	}
	for name, c := range map[string]struct {
		config Config
		state  State
		list   *List
		at     time.Time
		want   time.Duration
	}{
		"default":         {Config{}, granted, nil, time.Time{}, DefaultUseWithin},
		"configured":      {Config{UseWithin: 3 * second}, granted, nil, time.Time{}, 3 * second},
		"lease":           {Config{Lease: lease(400)}, granted, nil, time.Time{}, 400},
		"lease is longer": {Config{Lease: lease(2 * second)}, granted, nil, time.Time{}, second},
		"end of consent":  {Config{UseWithin: 9 * second}, ends(2 * second), nil, time.Time{}, 2 * second},
		"list ages":       {Config{UseWithin: 9 * second}, ends(7 * second), &List{ID: "l", AsOf: start, MaxAge: 4 * second}, time.Time{}, 4 * second},
		"other's list":    {Config{UseWithin: 9 * second}, granted, &List{ID: "l", Brand: "other", AsOf: start, MaxAge: 4 * second}, time.Time{}, 9 * second},
		"rules change": {Config{UseWithin: 9 * second, Rules: rulesFunc(func(Case) Judgement {
			return Judgement{ChangesAt: start.Add(5 * second)}
		})}, granted, nil, time.Time{}, 5 * second},
		"changed long ago": {Config{Rules: rulesFunc(func(Case) Judgement {
			return Judgement{ChangesAt: time.Date(1400, 1, 1, 0, 0, 0, 0, time.UTC)}
		})}, granted, nil, start.Add(time.Second), 0},
		"just before":    {Config{}, granted, nil, start.Add(-second / 4), second * 3 / 4},
		"just after":     {Config{}, granted, nil, start.Add(second / 4), second * 3 / 4},
		"another moment": {Config{}, granted, nil, start.Add(time.Minute), 0},
		"history":        {Config{}, ends(-second), nil, start.Add(-2 * second), 0},
		"long ago":       {Config{}, State{Status: consent.StatusGranted}, nil, time.Unix(-1<<40, 0), 0},
	} {
		b := recordOf(c.state)
		if c.list != nil {
			b.Lists = []ListChange{{Define: c.list}}
		}
		q := theQuestion()
		q.At = c.at
		v := indexWith(t, c.config, b).Check(q)
		if v.Outcome != Allow || v.UseWithin != c.want {
			t.Errorf("%s: %v (%v) within %v, want %v", name, v.Outcome, v.Code(), v.UseWithin, c.want)
		}
	}
}

func TestExemptionExcusesSilenceNeverANo(t *testing.T) {
	rules := rulesFunc(func(Case) Judgement { return Judgement{Exempt: 5} })
	past := SecondsOf(start.Add(-time.Second))
	for name, c := range map[string]struct {
		state  *State
		erased bool
		want   Code
	}{
		"no record":         {nil, false, Exempt},
		"erased":            {nil, true, Suppressed},
		"none":              {&State{}, false, Exempt},
		"pending":           {&State{Status: consent.Pending}, false, Exempt},
		"pending after no":  {&State{Status: consent.Pending, Flags: FlagRestricted}, false, Pending},
		"granted":           {&State{Status: consent.StatusGranted}, false, Granted},
		"ran out":           {&State{Status: consent.StatusGranted, ValidUntil: past}, false, Exempt},
		"later":             {&State{Status: consent.StatusGranted, GrantedAt: past + 2}, false, Exempt},
		"expired":           {&State{Status: consent.StatusExpired}, false, Exempt},
		"expired after no":  {&State{Status: consent.StatusExpired, Flags: FlagRestricted}, false, Expired},
		"refused":           {&State{Status: consent.StatusRefused}, false, Refused},
		"withdrawn":         {&State{Status: consent.StatusWithdrawn}, false, Withdrawn},
		"revoked":           {&State{Status: consent.StatusRevoked}, false, Revoked},
		"suppressed record": {&State{Status: consent.StatusGranted, Flags: FlagSuppressed}, false, Suppressed},
	} {
		var b Batch
		if c.state != nil {
			b = recordOf(*c.state)
		}
		x := indexWith(t, Config{Rules: rules, Erased: func(phone.Number) bool { return c.erased }}, b)
		v := x.Check(theQuestion())
		allowed := c.want == Exempt || c.want == Granted
		if v.Code() != c.want || (v.Outcome == Allow) != allowed || v.count != 1 {
			t.Errorf("%s: %v %v, want %v", name, v.Outcome, codesOf(&v), c.want)
		}
		if c.want == Exempt && (v.Reasons()[0].Rule != 5 || !v.ChangesAt.IsZero()) {
			t.Errorf("%s: rests on rule %d, changes at %v", name, v.Reasons()[0].Rule, v.ChangesAt)
		}
	}
}

func TestRulesDenyDeferAndOblige(t *testing.T) {
	next := start.Add(time.Hour)
	window := Failure{OutsideWindow, 3, true}
	for name, c := range map[string]struct {
		failures []Failure
		next     time.Time
		ends     time.Time
		want     Outcome
		codes    []Code
	}{
		"no objection":           {nil, time.Time{}, time.Time{}, Allow, []Code{Granted}},
		"waits":                  {[]Failure{window}, next, time.Time{}, Defer, []Code{OutsideWindow}},
		"waits for two":          {[]Failure{window, {CapReached, 4, true}}, next, time.Time{}, Defer, []Code{OutsideWindow, CapReached}},
		"waits without end":      {[]Failure{window}, time.Time{}, time.Time{}, Deny, []Code{OutsideWindow}},
		"one does not wait":      {[]Failure{window, {Banned, 4, false}}, next, time.Time{}, Deny, []Code{OutsideWindow, Banned}},
		"consent ends first":     {[]Failure{window}, next, next, Deny, []Code{OutsideWindow}},
		"consent ends later":     {[]Failure{window}, next, next.Add(time.Second), Defer, []Code{OutsideWindow}},
		"never waits":            {[]Failure{{Banned, 4, false}}, time.Time{}, time.Time{}, Deny, []Code{Banned}},
		"more than there's room": {slices.Concat(slices.Repeat([]Failure{window}, maxJudged), []Failure{{Banned, 4, false}, window}), next, time.Time{}, Deny, append(slices.Repeat([]Code{OutsideWindow}, maxJudged-1), Banned)},
	} {
		var judged Case
		rules := rulesFunc(func(q Case) Judgement {
			judged = q
			j := Judgement{NextAllowedAt: c.next}
			for _, f := range c.failures {
				j.Fail(f)
			}
			j.Oblige(8)
			return j
		})
		x := indexWith(t, Config{Rules: rules}, recordOf(State{Status: consent.StatusGranted, ValidUntil: SecondsOf(c.ends)}))
		v := x.Check(theQuestion())
		if v.Outcome != c.want || !slices.Equal(codesOf(&v), c.codes) || !slices.Equal(v.Obligations(), []RuleIndex{8}) {
			t.Errorf("%s: %v %v obliged by %v, want %v %v", name, v.Outcome, codesOf(&v), v.Obligations(), c.want, c.codes)
		}
		if deferred := v.NextAllowedAt.Equal(next) && v.ChangesAt.Equal(next); deferred != (c.want == Defer) {
			t.Errorf("%s: next allowed at %v, changes at %v", name, v.NextAllowedAt, v.ChangesAt)
		}
		if len(c.failures) > 0 && v.Reasons()[0].Rule != 3 && name != "never waits" {
			t.Errorf("%s: rests on rule %d", name, v.Reasons()[0].Rule)
		}
		if !judged.At.Equal(start) || judged.Class != consent.Marketing || judged.Status != consent.StatusGranted || !judged.Recorded || judged.Number != sample(1) {
			t.Errorf("%s: judged %+v", name, judged)
		}
	}
}

func TestDeferOutlastsAConsentThatRanOutUnderAnExemption(t *testing.T) {
	next := start.Add(time.Hour)
	rules := rulesFunc(func(Case) Judgement {
		j := Judgement{Exempt: 5, NextAllowedAt: next}
		j.Fail(Failure{OutsideWindow, 3, true})
		return j
	})
	x := indexWith(t, Config{Rules: rules}, recordOf(State{Status: consent.StatusGranted, ValidUntil: SecondsOf(start)}))
	if v := x.Check(theQuestion()); v.Outcome != Defer || !v.NextAllowedAt.Equal(next) {
		t.Errorf("%v until %v, %v", v.Outcome, v.NextAllowedAt, codesOf(&v))
	}
}

func TestTimeAloneDoesNotLiftTwoGates(t *testing.T) {
	b := recordOf(State{Status: consent.StatusGranted, GrantedAt: SecondsOf(start.Add(time.Hour))})
	if v := indexWith(t, Config{}, b).Check(theQuestion()); v.Code() != NotYetGranted || v.ChangesAt.IsZero() {
		t.Errorf("%v, changes at %v", codesOf(&v), v.ChangesAt)
	}
	b.Lists = []ListChange{{Define: &List{ID: "own"}, Add: []phone.Number{sample(1)}}}
	if v := indexWith(t, Config{}, b).Check(theQuestion()); v.Code() != Suppressed || !v.ChangesAt.IsZero() {
		t.Errorf("%v, changes at %v", codesOf(&v), v.ChangesAt)
	}
}

func TestQuestionsThatNameNothingAreDenied(t *testing.T) {
	x := grantedIndex(t, Config{})
	for _, n := range []phone.Number{0, 7 << 50} {
		q := theQuestion()
		q.Number = n
		if v := x.Check(q); v.Outcome != Deny || !slices.Equal(codesOf(&v), []Code{InvalidNumber}) || !v.CheckedAt.Equal(start) {
			t.Errorf("number %d: %v %v", n, v.Outcome, codesOf(&v))
		}
	}
	for c := range 256 {
		q := theQuestion()
		q.Channel = consent.Channel(c)
		v := x.Check(q)
		known := slices.Contains(consent.Channels, q.Channel)
		if slices.Contains(codesOf(&v), UnknownChannel) == known || (v.Outcome == Allow) != (q.Channel == consent.SMS) {
			t.Errorf("channel %d: %v %v", c, v.Outcome, codesOf(&v))
		}
	}
}

// TestWildcardsOnlyRestrict puts into a wildcard scope, past Apply, every status, and asks about a scope it covers.
func TestWildcardsOnlyRestrict(t *testing.T) {
	for status, want := range []Code{NoRecord, NoRecord, NoRecord, Refused, Withdrawn, Revoked, Expired} {
		for _, flags := range []Flags{0, FlagSuppressed} {
			x := indexWith(t, Config{}, Batch{})
			id, err := x.scopes.Intern(consent.Everything)
			if err != nil {
				t.Fatal(err)
			}
			s := State{Status: consent.Status(status), Flags: flags, Seq: 3}
			for _, id := range []ScopeID{id, markerScope} {
				if err := x.table.Put(sample(1), id, s); err != nil {
					t.Fatal(err)
				}
			}
			v := x.Check(theQuestion())
			if suppressed := v.Code() == Suppressed; v.Outcome != Deny || suppressed != (flags == FlagSuppressed) {
				t.Errorf("%v with flags %b: %v %v", s.Status, flags, v.Outcome, codesOf(&v))
			}
			if last := codesOf(&v)[v.count-1]; flags == 0 && last != want {
				t.Errorf("%v: %v, want %v", s.Status, last, want)
			}
		}
	}
}

func TestObligationsHaveRoomForEight(t *testing.T) {
	var j Judgement
	for i := range RuleIndex(maxObliged) {
		if !j.Oblige(i + 1) {
			t.Fatalf("no room for obligation %d", i+1)
		}
	}
	if j.Oblige(99) || j.obliged[maxObliged-1] != maxObliged {
		t.Error("a ninth obligation took somebody's room, or was said to have found its own")
	}
}

func TestReasonsWithoutRoomAreCounted(t *testing.T) {
	b := recordOf(State{Status: consent.StatusGranted})
	for i := range 20 {
		id := string(rune('a' + i))
		b.Lists = append(b.Lists, ListChange{Define: &List{ID: id, MaxAge: time.Hour}})
		if i < maxSuppressions+2 {
			b.Lists[i].Add = []phone.Number{sample(1)}
		}
	}
	v := indexWith(t, Config{}, b).Check(theQuestion())
	if v.Outcome != Deny || len(v.Reasons()) != MaxReasons || v.Omitted != maxSuppressions+2+20-MaxReasons {
		t.Errorf("%v with %d reasons and %d omitted", v.Outcome, len(v.Reasons()), v.Omitted)
	}
}

func TestListIsTooOldOnlyBeyondItsMaxAge(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		want Outcome
	}{{time.Hour - 1, Allow}, {time.Hour, Allow}, {time.Hour + 1, Deny}} {
		b := recordOf(State{Status: consent.StatusGranted})
		b.Lists = []ListChange{{Define: &List{ID: "registry", AsOf: start.Add(-c.age), MaxAge: time.Hour}}}
		v := indexWith(t, Config{}, b).Check(theQuestion())
		if v.Outcome != c.want || (v.Outcome == Deny && (v.Code() != ListStale || v.Reasons()[0].List.ID != "registry")) {
			t.Errorf("aged %v: %v, %v", c.age, v.Outcome, v.Code())
		}
	}
}

func TestCheckDoesNotAllocate(t *testing.T) {
	b := recordOf(State{Status: consent.StatusGranted})
	b.Records = append(b.Records, RecordChange{Number: sample(2), Scope: consent.Everything, State: State{Status: consent.StatusWithdrawn}})
	b.Lists = []ListChange{{Define: &List{ID: "own"}, Add: []phone.Number{sample(3)}}}
	x := indexWith(t, Config{Clock: time.Now, Lease: NewLease(BootClock), Rules: rulesFunc(func(c Case) Judgement {
		j := Judgement{Exempt: 1}
		j.Fail(Failure{Code: CapReached, Rule: 1})
		return j
	})}, b)
	q := theQuestion()
	for n := range 5 {
		q.Number = sample(n)
		if got := testing.AllocsPerRun(100, func() { x.Check(q) }); got != 0 {
			t.Errorf("%v allocations for number %d", got, n)
		}
	}
}

func TestCodesAreNamedOnceAndExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Codes() {
		if c.String() == "" || seen[c.String()] || c.Text() == "" || (c.Remedy() == "") != (c == Granted || c == Exempt) {
			t.Errorf("code %d: name %q, text %q, remedy %q", c, c, c.Text(), c.Remedy())
		}
		seen[c.String()] = true
	}
	if len(seen) != 27 || codeCount.String() != "" || NoCode.Text() != "" {
		t.Errorf("%d codes", len(seen))
	}
}
