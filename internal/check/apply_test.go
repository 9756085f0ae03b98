package check

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

func TestBatchesMustNotGoBack(t *testing.T) {
	x := New(Config{})
	for _, c := range []struct {
		seq, revision uint64
		want          error
	}{{5, 5, nil}, {5, 5, nil}, {4, 5, ErrOutOfOrder}, {6, 6, nil}} {
		if err := x.Apply(Batch{Seq: c.seq}); !errors.Is(err, c.want) || x.Revision() != c.revision {
			t.Errorf("batch %d: %v at revision %d, want %v at %d", c.seq, err, x.Revision(), c.want, c.revision)
		}
	}
}

func TestBatchWithFlawLeavesRevision(t *testing.T) {
	granted := State{Status: consent.StatusGranted}
	wild := consent.Scope{Brand: "default", Purpose: consent.Any, Channel: consent.SMS}
	for name, b := range map[string]Batch{
		"brand":         {Brands: []BrandChange{{Brand: "*"}}},
		"purpose":       {Purposes: []PurposeChange{{Purpose: "", Class: consent.Marketing}}},
		"list":          {Lists: []ListChange{{ID: "nobody's"}}},
		"list's id":     {Lists: []ListChange{{Define: &List{}}}},
		"scope":         {Records: []RecordChange{{Number: sample(1), State: granted}}},
		"number":        {Records: []RecordChange{{Scope: theScope, State: granted}}},
		"wildcard yes":  {Records: []RecordChange{{Number: sample(1), Scope: wild, State: granted}}},
		"wildcard none": {Records: []RecordChange{{Number: sample(1), Scope: wild}}},
		"wildcard seq":  {Records: []RecordChange{{Number: sample(1), Scope: wild, State: State{Status: consent.StatusWithdrawn, Seq: MaxSeq + 1}}}},
	} {
		x := New(Config{})
		b.Seq = 3
		if err := x.Apply(b); err == nil || x.Revision() != 0 || x.Stats().Records != 0 {
			t.Errorf("%s: %v, at revision %d with %d records", name, err, x.Revision(), x.Stats().Records)
		}
	}
}

func TestBatchCanBeAppliedTwice(t *testing.T) {
	b := recordOf(State{Status: consent.StatusGranted})
	b.Seq = 4
	b.Lists = []ListChange{
		{Define: &List{ID: "own"}, Members: samples(5, 3), Add: []phone.Number{sample(9)}, Delete: []phone.Number{sample(5)}},
		{ID: "gone", Remove: true},
	}
	b.Records = append(b.Records,
		RecordChange{Number: sample(2), Scope: consent.Everything, State: State{Status: consent.StatusWithdrawn}},
		RecordChange{Number: sample(3), Scope: theScope, Delete: true})
	x := New(Config{})
	for range 2 {
		if err := x.Apply(b); err != nil {
			t.Fatal(err)
		}
		if got := x.Stats(); got.Records != 3 || got.Members != 3 || got.TableBytes == 0 || got.ListBytes == 0 {
			t.Errorf("%+v", got)
		}
	}
}

func TestMarkerGoesWithTheLastWildcard(t *testing.T) {
	x := New(Config{})
	change := func(scope consent.Scope, remove bool) {
		t.Helper()
		c := RecordChange{Number: sample(1), Scope: scope, State: State{Status: consent.StatusWithdrawn}, Delete: remove}
		if err := x.Apply(Batch{Seq: x.Revision() + 1, Records: []RecordChange{c}}); err != nil {
			t.Fatal(err)
		}
	}
	wantRecords := func(want int) {
		t.Helper()
		if got := x.Stats().Records; got != want {
			t.Errorf("%d records, want %d", got, want)
		}
	}
	wild := consent.Scope{Brand: "default", Purpose: consent.Any, Channel: consent.SMS}
	change(theScope, false)
	wantRecords(1)
	change(wild, false)
	change(consent.Everything, false)
	wantRecords(4)
	change(wild, true)
	wantRecords(3)
	change(consent.Everything, true)
	wantRecords(1)
}

func TestRetiredWordsDeny(t *testing.T) {
	x := grantedIndex(t, Config{})
	if v := x.Check(theQuestion()); v.Outcome != Allow {
		t.Fatalf("%v, %v", v.Outcome, v.Code())
	}
	err := x.Apply(Batch{Seq: 10, Brands: []BrandChange{{"default", true}}, Purposes: []PurposeChange{{"offers", consent.NoClass}}})
	if v := x.Check(theQuestion()); err != nil || v.Outcome != Deny || v.count != 2 || v.Code() != UnknownBrand {
		t.Errorf("%v: %v, %v", err, v.Outcome, codesOf(&v))
	}
}

func TestWaitForReturnsWhenApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := New(Config{})
		results := make(chan uint64, 4)
		for _, seq := range []uint64{0, 1, 2, 3} {
			go func() {
				if err := x.WaitFor(t.Context(), seq); err != nil {
					t.Error(err)
				}
				results <- seq
			}()
		}
		for applied := range uint64(4) {
			if applied > 0 {
				if err := x.Apply(Batch{Seq: applied}); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			if got := <-results; got != applied || len(results) != 0 {
				t.Errorf("at %d: the waiter for %d returned, and %d more", applied, got, len(results))
			}
		}
	})
}

func TestWaitForEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := New(Config{}).WaitFor(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// TestRevisionVouchesForItsEffects lets one follower withdraw and grant in turn while readers check: an odd revision
// has withdrawn, an even one has granted, and what is read is never older than the revision that it comes with.
func TestRevisionVouchesForItsEffects(t *testing.T) {
	x := indexWith(t, Config{}, Batch{Seq: 10})
	const last = 4000
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				v := x.Check(theQuestion())
				if v.Revision > 10 && v.Record.Seq < v.Revision {
					t.Errorf("revision %d came with entry %d", v.Revision, v.Record.Seq)
					return
				}
				if v.Record.Seq > 10 && (v.Outcome == Allow) != (v.Record.Seq%2 == 0) {
					t.Errorf("entry %d: %v", v.Record.Seq, v.Outcome)
					return
				}
				if v.Revision == last {
					return
				}
			}
		})
	}
	for seq := uint64(11); seq <= last; seq++ {
		status := []consent.Status{consent.StatusGranted, consent.StatusWithdrawn}[seq%2]
		b := recordOf(State{Status: status, Seq: seq})
		b.Seq = seq
		if err := x.Apply(b); err != nil {
			t.Fatal(err)
		}
	}
	readers.Wait()
}

func TestStateOfKeepsWhatACheckNeeds(t *testing.T) {
	r := consent.Record{
		Status: consent.Pending, Level: consent.Express, Confirmed: true, GrantedAt: start.Add(time.Millisecond),
		ValidUntil: start.Add(time.Hour + time.Millisecond), Entry: 12, Under: consent.StatusWithdrawn,
	}
	want := State{
		Status: consent.Pending, Level: consent.Express, Confirmed: true, Flags: FlagRestricted,
		GrantedAt: SecondsOf(start), ValidUntil: SecondsOf(start.Add(time.Hour)), Seq: 12,
	}
	if got := StateOf(r); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	r.Under = consent.None
	if got := StateOf(r); got.Flags != 0 {
		t.Errorf("flags %b with no no beneath", got.Flags)
	}
}
