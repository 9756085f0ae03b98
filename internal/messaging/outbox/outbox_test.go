package outbox_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/messaging/outbox"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/testkit/dbtest"
	"github.com/consentline/consentline/internal/vault"
)

var ctx = context.Background()

const alice, bob phone.Number = 12025550123, 447700900123

// fixture is an outbox with a clock that the test steps, and a provider that answers what the test says.
type fixture struct {
	*outbox.Outbox
	now     time.Time
	answers []error // of the next calls; then nil
	sent    []messaging.Message
	settled []error
}

func (f *fixture) Send(_ context.Context, m messaging.Message) (messaging.Receipt, error) {
	var err error
	if len(f.answers) > 0 {
		err, f.answers = f.answers[0], f.answers[1:]
	}
	f.sent = append(f.sent, m)
	return messaging.Receipt{ID: "r"}, err
}

func open(t *testing.T) *fixture {
	t.Helper()
	db := dbtest.Open(t)
	v, err := vault.Open([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	f.Outbox = &outbox.Outbox{
		DB: db, Vault: v, Now: func() time.Time { return f.now }, Lanes: 1,
		Messenger: func(string) messaging.Messenger { return f },
		Settled: func(_ context.Context, m outbox.Message, err error) error {
			if m.To != alice && m.To != bob {
				t.Errorf("settled: got %+v", m)
			}
			f.settled = append(f.settled, err)
			return nil
		},
	}
	return f
}

func (f *fixture) message(id byte, to phone.Number) outbox.Message {
	return outbox.Message{
		ID: [16]byte{id}, Kind: "stopped_texts", Provider: "twilio", To: to, From: "21610", Channel: consent.SMS, Text: "You are unsubscribed.",
		DueAt: f.now, ExpiresAt: f.now.Add(5 * time.Minute), Apart: time.Minute,
	}
}

func (f *fixture) queue(t *testing.T, m outbox.Message, want bool) {
	t.Helper()
	if got, err := f.Queue(ctx, m); err != nil || got != want {
		t.Fatalf("queue: got %t, %v, want %t", got, err, want)
	}
}

func (f *fixture) run(t *testing.T, want int) {
	t.Helper()
	if got, err := f.RunOnce(ctx); err != nil || got != want {
		t.Fatalf("run: got %d, %v, want %d", got, err, want)
	}
}

func TestAMessageIsQueuedOnceAndSentOnce(t *testing.T) {
	f := open(t)
	f.queue(t, f.message(1, alice), true)
	f.queue(t, f.message(1, alice), false) // the same
	f.queue(t, f.message(2, alice), false) // another, too soon
	f.queue(t, f.message(3, bob), true)    // to somebody else
	f.run(t, 2)
	f.run(t, 0)
	if len(f.sent) != 2 || f.sent[0].Text != "You are unsubscribed." || f.sent[0].Key == f.sent[1].Key {
		t.Errorf("sent: got %+v", f.sent)
	}
	f.now = f.now.Add(2 * time.Minute)
	f.queue(t, f.message(4, alice), true)
}

func TestAnErrorDecidesWhetherItIsSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		attempts int
	}{
		"rate limited":  {&messaging.SendError{Reason: messaging.RateLimited, RetryAfter: 30 * time.Second}, 2},
		"temporary":     {&messaging.SendError{Reason: messaging.Temporary}, 2},
		"opted out":     {&messaging.SendError{Reason: messaging.OptedOut}, 1},
		"unclear":       {&messaging.SendError{Reason: messaging.Unclear}, 1},
		"of no kind":    {errors.New("surprise"), 1},
		"refused":       {&messaging.SendError{Reason: messaging.Refused}, 1},
		"no such phone": {&messaging.SendError{Reason: messaging.InvalidNumber}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			f.answers = []error{c.err}
			f.queue(t, f.message(1, alice), true)
			f.run(t, 1)
			f.run(t, 0) // nothing is due at once
			f.now = f.now.Add(time.Minute)
			f.run(t, c.attempts-1)
			if len(f.sent) != c.attempts || len(f.settled) != 1 {
				t.Errorf("sent %d times and settled %d, want %d and 1", len(f.sent), len(f.settled), c.attempts)
			}
		})
	}
}

func TestWhatIsTooLateIsNotSent(t *testing.T) {
	f := open(t)
	f.queue(t, f.message(1, alice), true)
	f.now = f.now.Add(5 * time.Minute)
	f.run(t, 1)
	if len(f.sent) != 0 {
		t.Errorf("sent after it expired: %+v", f.sent)
	}
}

func TestWhatACrashLeftHalfSentIsNotSentAgain(t *testing.T) {
	f := open(t)
	f.queue(t, f.message(1, alice), true)
	// The crash is a messenger whose goroutine ends: the claim is committed, and nothing is settled.
	f.Messenger = func(string) messaging.Messenger {
		runtime.Goexit()
		return nil
	}
	f.run(t, 0)
	f.Messenger = func(string) messaging.Messenger { return f }
	for range 3 {
		f.now = f.now.Add(90 * time.Second)
		f.run(t, 0)
	}
	if len(f.sent) != 0 {
		t.Errorf("sent again: %+v", f.sent)
	}
}

func TestNothingOfASettledOrForgottenMessageStays(t *testing.T) {
	f := open(t)
	f.queue(t, f.message(1, alice), true)
	f.run(t, 1)
	f.queue(t, f.message(2, bob), true)
	if err := f.Forget(ctx, bob); err != nil {
		t.Fatal(err)
	}
	rows := 0
	err := f.DB.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, "SELECT sealed FROM outbox"), func(r store.Row) error {
			if rows++; !r.IsNull(0) {
				t.Error("a settled message is still there")
			}
			return nil
		})
	})
	if err != nil || rows != 1 {
		t.Errorf("%d rows, %v, want that of the settled message", rows, err)
	}
	f.now = f.now.Add(31 * 24 * time.Hour)
	if done, err := f.Purge(ctx); err != nil || done != 1 {
		t.Errorf("purge: got %d, %v, want 1", done, err)
	}
}

// meeting is a provider that answers once as many messages have come as were to come, and keeps their texts in order.
type meeting struct {
	mu    sync.Mutex
	want  int
	texts map[phone.Number][]string
	all   chan struct{}
}

func (m *meeting) Send(ctx context.Context, msg messaging.Message) (messaging.Receipt, error) {
	m.mu.Lock()
	m.texts[msg.To] = append(m.texts[msg.To], msg.Text)
	if len(m.texts) == m.want {
		select {
		case <-m.all:
		default:
			close(m.all)
		}
	}
	m.mu.Unlock()
	select {
	case <-m.all:
		return messaging.Receipt{}, nil
	case <-ctx.Done():
		return messaging.Receipt{}, ctx.Err()
	}
}

func TestASlowProviderIsGivenMessagesToSeveralPeopleAtOnceAndToEachInOrder(t *testing.T) {
	f := open(t)
	m := &meeting{want: 3, texts: map[phone.Number][]string{}, all: make(chan struct{})}
	f.Lanes, f.Settled, f.Messenger = 0, nil, func(string) messaging.Messenger { return m }
	people := []phone.Number{12025550100, 12025550101, 12025550102}
	for i, to := range people {
		for j, text := range []string{"first", "second"} {
			msg := f.message(byte(10*i+j), to)
			msg.Text, msg.Apart, msg.DueAt = text, 0, f.now.Add(time.Duration(j-10)*time.Second)
			f.queue(t, msg, true)
		}
	}
	waited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if done, err := f.RunOnce(waited); err != nil || done != 6 {
		t.Fatalf("settled %d, %v, want 6", done, err)
	}
	for _, to := range people {
		if got := m.texts[to]; len(got) != 2 || got[0] != "first" {
			t.Errorf("got %q, want the first before the second", got)
		}
	}
}
