package optin_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/messaging/outbox"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/testkit/dbtest"
	"github.com/consentline/consentline/internal/vault"
)

var ctx = context.Background()

const alice phone.Number = 12025550123

var offers = consent.Scope{Brand: "acme", Purpose: "offers", Channel: consent.SMS}

// fixture is a ledger with requests on it, a clock that the test steps, and a provider that keeps what it is given.
type fixture struct {
	*optin.Requests
	programmes *optin.Programmes
	now        time.Time
	sent       []messaging.Message
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

func open(t *testing.T, change func(*optin.Config)) *fixture {
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
	must[catalog.Brand](t)(cat.CreateBrand(ctx, "test", catalog.Brand{ID: "acme", Name: "Acme", Country: "US"}))
	must[catalog.Purpose](t)(cat.CreatePurpose(ctx, "test", catalog.Purpose{ID: "offers", Name: "offers", Class: consent.Marketing}))
	must[catalog.Sender](t)(cat.CreateSender(ctx, "test", catalog.Sender{ID: "code", Brand: "acme", Kind: "short_code", Address: "21610", Channel: consent.SMS, Purpose: "offers"}))
	box := &outbox.Outbox{DB: db, Vault: v, Now: clock, Lanes: 1, Messenger: func(string) messaging.Messenger { return f }}
	c := optin.Config{Ledger: l, Catalog: cat, DB: db, Vault: v, Outbox: box, Now: clock, LinkBase: "https://acme.example/c/"}
	if change != nil {
		change(&c)
	}
	f.Requests = optin.New(c)
	f.programmes = optin.NewProgrammes(l, cat)
	return f
}

func request() optin.Request {
	return optin.Request{
		Number: "+12025550123", Brand: "acme", Purpose: "offers", Channel: consent.SMS, Level: consent.ExpressWritten,
		Text: "Offers by SMS, four a month.", Language: "en-US", Method: "checkbox", Address: "192.0.2.7",
	}
}

func (f *fixture) ask(t *testing.T, q optin.Request) optin.Asked {
	t.Helper()
	return must[optin.Asked](t)(f.Ask(ctx, access.Local, q))
}

// send lets the outbox send what is due, and returns the latest message.
func (f *fixture) send(t *testing.T, want int) messaging.Message {
	t.Helper()
	f.sent = nil
	must[int](t)(f.Outbox.RunOnce(ctx))
	if len(f.sent) != want {
		t.Fatalf("sent %d messages, want %d", len(f.sent), want)
	}
	if want == 0 {
		return messaging.Message{}
	}
	return f.sent[want-1]
}

func (f *fixture) record(t *testing.T) consent.Record {
	t.Helper()
	s, err := f.Ledger.ByNumber(ctx, alice)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range s.Records {
		if h.Scope == offers {
			return h.Record
		}
	}
	return consent.Record{}
}

func (f *fixture) refused(t *testing.T, q optin.Request, code string) *optin.RefusedError {
	t.Helper()
	_, err := f.Ask(ctx, access.Local, q)
	var e *optin.RefusedError
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v, want refused with %s", err, code)
	}
	return e
}
