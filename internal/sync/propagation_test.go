package sync_test

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	stdsync "sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/sync"
)

func TestPropagationTellsWhatWasAcknowledgedAndWhatWaits(t *testing.T) {
	w := open(t)
	w.Deadline = func(_ phone.Number, s consent.Scope, from time.Time) sync.Deadline {
		return sync.Deadline{At: from.Add(24 * time.Hour), Rule: "test " + s.Channel.String()}
	}
	up, picky := newSystem(1, sync.Limits{Batch: 10, InFlight: 1}), newSystem(1, sync.Limits{Batch: 10, InFlight: 1})
	picky.mood = func(*rand.Rand) mood { return someRefused }
	w.define("picky", picky)
	w.define("up", up)
	refused := w.act(number(0), texts, consent.Withdrawn)
	w.act(number(1), texts, consent.Withdrawn)
	w.act(number(2), texts, consent.Granted) // is no restriction
	w.start()
	until(t, "both have gone through", func() bool {
		st, _ := w.Status(ctx, "picky")
		return w.settled("up") && st.Cursor == st.Head && st.Parked == 1
	})
	all, err := w.Propagation(ctx, time.Now().Add(-time.Hour), "")
	if err != nil || len(all) != 2 {
		t.Fatalf("got %d destinations, %v", len(all), err)
	}
	got, other := all[0], all[1]
	if got.Acknowledged != 1 || got.Waiting != 1 || got.Overdue != 0 || got.Max <= 0 || got.P50 > got.Max || got.P99 < got.P50 || got.Oldest.IsZero() {
		t.Errorf("of the one that refuses: %+v", got)
	}
	first := got.Slowest[0]
	if first.Seq != refused || !first.AckedAt.IsZero() || first.Deadline.Rule != "test sms" || first.Scope != texts {
		t.Errorf("the slowest is %+v, want entry %d, which waits", first, refused)
	}
	if other.Acknowledged != 2 || other.Waiting != 0 || len(other.Slowest) != 2 || !other.Oldest.IsZero() {
		t.Errorf("of the other: %+v", other)
	}
	if _, err := w.Propagation(ctx, time.Time{}, "nobody"); err == nil {
		t.Error("a destination that is not defined has a report")
	}
	if late, err := w.Propagation(ctx, time.Now().Add(time.Hour), "up"); err != nil || late[0].Acknowledged != 0 {
		t.Errorf("acts before the time asked about are told of: %+v, %v", late, err)
	}
}

// alarmed is a system that also takes alerts.
type alarmed struct {
	*system
	alerts chan sync.Alert
}

func (a alarmed) Alert(_ context.Context, alert sync.Alert) error {
	a.alerts <- alert
	return nil
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu  stdsync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestARestrictionThatIsNotAcknowledgedInTimeRaisesOneAlert(t *testing.T) {
	w := open(t)
	var log lockedBuffer
	w.Log = slog.New(slog.NewTextHandler(&log, nil))
	w.LookEvery = time.Millisecond
	down := newSystem(1, sync.Limits{Batch: 1, InFlight: 1})
	down.mood = func(*rand.Rand) mood { return failing }
	watcher := alarmed{newSystem(1, sync.Limits{Batch: 1, InFlight: 1}), make(chan sync.Alert, 10)}
	w.systems["down"] = down
	if _, err := w.Destinations.Create(ctx, "test", sync.Destination{
		ID: "down", Kind: "fake", Name: "Down", Alert: 60, Settings: map[string]string{"system": "down"},
	}); err != nil {
		t.Fatal(err)
	}
	w.define("watcher", watcher)
	var clock stdsync.Mutex
	ahead := time.Duration(0)
	w.Now = func() time.Time {
		clock.Lock()
		defer clock.Unlock()
		return time.Now().Add(ahead)
	}
	w.start()
	w.act(number(0), texts, consent.Withdrawn)
	until(t, "the engine has looked and found it in time", func() bool {
		for _, s := range w.States() {
			if s.Destination.ID == "down" && !s.Oldest.IsZero() {
				return !s.Overdue
			}
		}
		return false
	})
	clock.Lock()
	ahead = 2 * time.Minute
	clock.Unlock()
	alert := <-watcher.alerts
	if alert.Destination != "down" || alert.Overdue != time.Minute {
		t.Errorf("alert %+v", alert)
	}
	down.mu.Lock()
	down.mood = func(*rand.Rand) mood { return well }
	down.mu.Unlock()
	until(t, "it is in step", func() bool {
		for _, s := range w.States() {
			if s.Destination.ID == "down" {
				return s.Oldest.IsZero() && !s.Overdue
			}
		}
		return false
	})
	if text := log.String(); strings.Count(text, "has not acknowledged a restriction") != 1 || strings.Contains(text, "202555") {
		t.Errorf("the log says\n%s", text)
	}
	if len(watcher.alerts) > 0 {
		t.Error("one act raised two alerts")
	}
}
