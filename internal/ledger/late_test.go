package ledger_test

import (
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// TestALateActThatTheRecordRestsOnIsNotSuperseded tells of a yes after the question that came after it.
func TestALateActThatTheRecordRestsOnIsNotSuperseded(t *testing.T) {
	f := open(t)
	f.append(t, item(consent.Requested, newsletter))
	yes := item(consent.Granted, newsletter)
	yes.Act.EffectiveAt = f.now.Add(-time.Hour)
	if r := f.append(t, yes); r.Outcome != ledger.Recorded || r.Record.Status != consent.StatusGranted || r.Record.Entry != r.Seq {
		t.Errorf("got %+v, want recorded and granted", r)
	}
}

// TestWhatIsKnownAtAMomentIncludesThatMoment asks at the very moment of recording, and just before it.
func TestWhatIsKnownAtAMomentIncludesThatMoment(t *testing.T) {
	f := open(t)
	yes := item(consent.Granted, newsletter)
	yes.Act.EffectiveAt = f.now.Add(-time.Hour)
	r := f.append(t, yes)
	for at, want := range map[time.Time]consent.Status{
		r.RecordedAt: consent.StatusGranted, r.RecordedAt.Add(-time.Microsecond): consent.None,
	} {
		got, err := f.RecordAt(ctx, alice, newsletter, ledger.Moment{KnownAt: at})
		if err != nil || got.Status != want {
			t.Errorf("known at %v: got %s, %v; want %s", at, got.Status, err, want)
		}
	}
}
