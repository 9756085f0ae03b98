package inbound_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/inbound"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/messaging/outbox"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/testkit/dbtest"
	"github.com/consentline/consentline/internal/vault"
)

var ctx = context.Background()

const alice, bob phone.Number = 12025550123, 447700900123

var (
	offers  = consent.Scope{Brand: "acme", Purpose: "offers", Channel: consent.SMS}
	orders  = consent.Scope{Brand: "acme", Purpose: "orders", Channel: consent.SMS}
	offline = consent.Scope{Brand: "acme", Purpose: "offers", Channel: consent.VoiceLive}
)

// fixture is a ledger with an inbox on it, a clock that the test steps, and a provider that keeps what it is given.
type fixture struct {
	*inbound.Inbox
	recorder *act.Recorder
	now      time.Time
	id       int
	sent     []messaging.Message
}

func (f *fixture) Send(_ context.Context, m messaging.Message) (messaging.Receipt, error) {
	f.sent = append(f.sent, m)
	return messaging.Receipt{ID: "r"}, nil
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func open(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return f.now }
	db := dbtest.Open(t)
	v := must[*vault.Vault](t)(vault.Open([]byte("0123456789abcdef0123456789abcdef")))
	var cat *catalog.Catalog
	l := must[*ledger.Ledger](t)(ledger.Open(ctx, ledger.Config{DB: db, Vault: v, Now: clock, OnCommit: func(c ledger.Commit) {
		for _, n := range c.Notices {
			if d, ok := n.Detail.(ledger.Definition); ok {
				if err := cat.Apply(d); err != nil {
					t.Error(err)
				}
			}
		}
	}}))
	t.Cleanup(l.Close)
	cat = catalog.New(l)
	define(t, cat)
	box := &outbox.Outbox{DB: db, Vault: v, Now: clock, Lanes: 1, Messenger: func(string) messaging.Messenger { return f }}
	f.recorder = act.NewRecorder(l, cat, clock)
	f.Inbox = inbound.New(inbound.Config{
		Ledger: l, Catalog: cat, DB: db, Vault: v, Outbox: box, Now: clock, Programmes: optin.NewProgrammes(l, cat),
		OptIns: optin.New(optin.Config{Ledger: l, Catalog: cat, DB: db, Vault: v, Outbox: box, Now: clock}),
	})
	return f
}

// The senders: 21610 sends offers, 21611 whatever Acme sends.
func define(t testing.TB, cat *catalog.Catalog) {
	t.Helper()
	must[catalog.Brand](t)(cat.CreateBrand(ctx, "test", catalog.Brand{ID: "default", Name: "Default brand"}))
	must[catalog.Brand](t)(cat.CreateBrand(ctx, "test", catalog.Brand{ID: "acme", Name: "Acme", Country: "US", Contact: "help@acme.example"}))
	must[catalog.Purpose](t)(cat.CreatePurpose(ctx, "test", catalog.Purpose{ID: "offers", Name: "special offers", Class: consent.Marketing}))
	must[catalog.Purpose](t)(cat.CreatePurpose(ctx, "test", catalog.Purpose{ID: "orders", Name: "order news", Class: consent.Transactional}))
	must[catalog.Sender](t)(cat.CreateSender(ctx, "test", catalog.Sender{ID: "offers", Brand: "acme", Kind: "short_code", Address: "21610", Channel: consent.SMS, Purpose: "offers"}))
	must[catalog.Sender](t)(cat.CreateSender(ctx, "test", catalog.Sender{ID: "all", Brand: "acme", Kind: "number", Address: "+12025550199", Channel: consent.SMS}))
}

func (f *fixture) grant(t testing.TB, n phone.Number, scopes ...consent.Scope) {
	t.Helper()
	for _, s := range scopes {
		r := must[[]act.Result](t)(f.recorder.Record(ctx, access.Local, []act.Report{{
			Number: n.String(), Brand: s.Brand, Purpose: s.Purpose, Channel: s.Channel, Act: consent.Granted, Level: consent.ExpressWritten,
			Source: consent.WebForm, Text: "J'accepte.", Language: "fr",
		}}))
		if r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
	}
	f.now = f.now.Add(time.Minute)
}

// text is a message from somebody to a sender, with an id of its own.
func (f *fixture) text(n phone.Number, sender, text string) messaging.Event {
	f.id++
	return messaging.Event{ID: fmt.Sprintf("m%d", f.id), Number: n.String(), Sender: sender, Channel: consent.SMS, Text: text}
}

func (f *fixture) take(t testing.TB, events ...messaging.Event) []inbound.Taken {
	t.Helper()
	taken := must[[]inbound.Taken](t)(f.Take(ctx, "twilio", events))
	f.now = f.now.Add(time.Minute)
	return taken
}

func (f *fixture) status(t testing.TB, n phone.Number, s consent.Scope) consent.Status {
	t.Helper()
	r, err := f.Ledger.RecordAt(ctx, n, s, ledger.Moment{})
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		t.Fatal(err)
	}
	return r.At(f.now)
}

func (f *fixture) want(t testing.TB, n phone.Number, want map[consent.Scope]consent.Status) {
	t.Helper()
	for s, status := range want {
		if got := f.status(t, n, s); got != status {
			t.Errorf("%s: got %s, want %s", s, got, status)
		}
	}
}

// answered sends what is due, and wants these texts.
func (f *fixture) answered(t testing.TB, want ...string) {
	t.Helper()
	f.sent = nil
	f.now = f.now.Add(-time.Minute) // as soon as the answers were queued
	must[int](t)(f.Outbox.RunOnce(ctx))
	f.now = f.now.Add(time.Minute)
	var got []string
	for _, m := range f.sent {
		got = append(got, m.Text)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("answers:\ngot  %q\nwant %q", got, want)
	}
}

func (f *fixture) head(t testing.TB) int {
	t.Helper()
	return len(must[[]ledger.Entry](t)(f.Ledger.Entries(ctx, 0, 10000)))
}
