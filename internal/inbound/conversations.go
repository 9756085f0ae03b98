package inbound

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/messaging/outbox"
	"github.com/consentline/consentline/internal/messaging/providers"
	"github.com/consentline/consentline/internal/messaging/smpp"
	"github.com/consentline/consentline/internal/messaging/texts"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/reply"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// Parts are what conversations stand on. Only the first six are needed.
type Parts struct {
	Ledger    *ledger.Ledger
	Catalog   *catalog.Catalog
	DB        store.DB
	Vault     *vault.Vault
	Providers *providers.Set
	Now       func() time.Time

	Texts    *texts.Set
	Keywords *reply.Set
	OptIn    optin.Settings
	LinkBase string // what links of confirmation begin with; empty: there are none
	Listed   func(phone.Number, consent.BrandID) bool
	EndsAll  func(phone.Number, time.Time) (rule string, ends bool)
}

// Conversations is everything that talks with people, put together.
type Conversations struct {
	*Inbox
	Providers *providers.Set
	SMPP      *smpp.Inbox // takes in what an SMSC delivers
}

// Open puts the parts together and reads the programmes that are defined.
func Open(ctx context.Context, p Parts) (*Conversations, error) {
	if err := p.OptIn.Validate(); err != nil {
		return nil, err
	}
	box := &outbox.Outbox{DB: p.DB, Vault: p.Vault, Now: p.Now, Messenger: p.Providers.Messenger}
	programmes := optin.NewProgrammes(p.Ledger, p.Catalog)
	err := p.Ledger.Definitions(ctx, func(d ledger.Definition, _ uint64) error { return programmes.Apply(d) })
	if err != nil {
		return nil, err
	}
	requests := optin.New(optin.Config{
		Ledger: p.Ledger, Catalog: p.Catalog, DB: p.DB, Vault: p.Vault, Outbox: box, Now: p.Now, Texts: p.Texts, LinkBase: p.LinkBase,
		Lifetime: time.Duration(p.OptIn.ExpiresAfter), Limits: p.OptIn.Limits(), Challenge: p.OptIn.Challenger(p.Now),
		ProviderOf: p.Providers.ProviderOf, Listed: p.Listed,
	})
	c := &Conversations{Providers: p.Providers, Inbox: New(Config{
		Ledger: p.Ledger, Catalog: p.Catalog, DB: p.DB, Vault: p.Vault, Outbox: box, OptIns: requests, Programmes: programmes,
		Now: p.Now, Texts: p.Texts, Keywords: p.Keywords, EndsAll: p.EndsAll,
	})}
	box.Settled = c.refused
	c.SMPP = &smpp.Inbox{DB: p.DB, Vault: p.Vault, Now: p.Now, Take: func(ctx context.Context, events []messaging.Event) error {
		_, err := c.Take(ctx, smpp.Name, events)
		return err
	}}
	if client := p.Providers.SMPP(); client != nil {
		client.Deliver = c.SMPP.Deliver
	}
	return c, nil
}

// refused records what a provider says of a person when it does not take our message: that they opted out there.
func (c *Conversations) refused(ctx context.Context, m outbox.Message, err error) error {
	var e *messaging.SendError
	if !errors.As(err, &e) || e.Reason != messaging.OptedOut {
		return nil
	}
	_, err = c.Take(ctx, m.Provider, []messaging.Event{{
		Kind: messaging.OptedOutThere, ID: hex.EncodeToString(m.ID[:]), Number: m.To.String(), Sender: m.From, Channel: m.Channel, Code: e.Code,
	}})
	return err
}

// Apply puts a committed definition in force; those of other kinds are ignored.
func (c *Conversations) Apply(d ledger.Definition) error { return c.Programmes.Apply(d) }

// Prepare makes ready what the first message would wait for: the words by which people are understood, which take a
// good part of a second to read.
func (c *Conversations) Prepare() { reply.Classify(reply.Input{Text: "STOP", Keywords: c.Keywords}) }

// Send sends what is due. Run it every second, and again while it returns more than zero.
func (c *Conversations) Send(ctx context.Context) (int, error) { return c.Outbox.RunOnce(ctx) }

// Tidy records that requests have expired, takes in long messages of which parts were lost, and deletes what need not be
// kept. Run it every minute.
func (c *Conversations) Tidy(ctx context.Context) (int, error) {
	expired, err := c.OptIns.RunOnce(ctx)
	purged, purgeErr := c.Outbox.Purge(ctx)
	return expired + purged, errors.Join(err, purgeErr, c.SMPP.Tidy(ctx))
}

// ForgetNumber deletes what is kept of a number outside the ledger, as when its subject is erased.
func (c *Conversations) ForgetNumber(ctx context.Context, n phone.Number) error {
	return errors.Join(c.Forget(ctx, n), c.OptIns.Forget(ctx, n), c.Outbox.Forget(ctx, n), c.SMPP.Forget(ctx, n))
}
