// Package inbound takes in what providers tell: messages from people, and what networks keep or know by themselves. It
// makes acts of consent of it, and queues the one answer that each deserves.
//
// Others may rely on this: when Take returns without an error, every act that follows from the events is committed, and
// the same events taken again change nothing. A withdrawal is recorded whoever sent it, to whichever sender; what cannot
// be placed is recorded against the default brand and waits for a person in the table reviews. The text of a message
// that made an act is kept within the entry, sealed with its subject's key; texts that mean nothing for consent are not
// kept.
package inbound

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/messaging/outbox"
	"github.com/consentline/consentline/internal/messaging/texts"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/reply"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// Config is what the inbox stands on.
type Config struct {
	Ledger     *ledger.Ledger
	Catalog    *catalog.Catalog
	DB         store.DB
	Vault      *vault.Vault
	Outbox     *outbox.Outbox
	OptIns     *optin.Requests
	Programmes *optin.Programmes
	Now        func() time.Time

	Texts    *texts.Set // nil: the built-in words
	Keywords *reply.Set // nil: the built-in words

	// EndsAll says by which rule, if by any, a STOP from a number ends all contact by the brand that needs consent, and
	// not only what the sender sends. Nil: by 47 CFR 64.1200(a)(10) in the United States, from the day to which DA 26-12
	// postponed it.
	EndsAll func(phone.Number, time.Time) (rule string, ends bool)
}

// Inbox takes in events. It is safe for concurrent use.
type Inbox struct {
	Config
}

// New returns the inbox of a ledger.
func New(c Config) *Inbox {
	if c.Texts == nil {
		c.Texts = texts.Default()
	}
	if c.EndsAll == nil {
		c.EndsAll = revokeAll
	}
	return &Inbox{c}
}

// Flag says what was odd about an event.
type Flag string

// The flags. An event with a flag has a review.
const (
	UnknownSender Flag = "unknown_sender" // nobody defined the sender: the default brand stands in
	UnknownNumber Flag = "unknown_number" // the person's number is none
	Ambiguous     Flag = "ambiguous"
	NothingToKeep Flag = "nothing_to_restore" // the person wants in, and nothing says into what
)

// Taken is what became of one event.
type Taken struct {
	Event  string      `json:"event"`
	Kind   string      `json:"kind"`
	Label  reply.Label `json:"label,omitempty"`
	Rule   string      `json:"rule,omitempty"`
	Acts   []Act       `json:"acts,omitempty"`
	Flag   Flag        `json:"flag,omitempty"`
	Answer texts.Kind  `json:"answer,omitempty"` // what was queued for the person

	name   string              // the provider's name
	by     string              // the provider, as entries name it
	from   messaging.Event     // as the provider told it
	kept   map[string]struct{} // the ids of messages that the provider has answered itself
	sender catalog.Sender      // the default brand's when nobody defined one
	number phone.Number        // zero when the person's number is none
	person ledger.Subject      // with the records that stood before
	open   []optin.Standing    // requests that wait for an answer
	read   reply.Result        // of texts
}

// Act is an act of consent that followed from an event.
type Act struct {
	Act     consent.Kind      `json:"act"`
	Brand   consent.BrandID   `json:"brand"`
	Purpose consent.PurposeID `json:"purpose"`
	Channel consent.Channel   `json:"channel"`
	Seq     uint64            `json:"seq"`
	Again   bool              `json:"again,omitempty"` // it was recorded before
}

// Evidence is what an entry keeps of the event that it follows from.
type Evidence struct {
	Provider string       `json:"provider"`
	Sender   string       `json:"sender,omitempty"`
	Service  string       `json:"service,omitempty"`
	Text     string       `json:"text,omitempty"`
	Code     string       `json:"code,omitempty"`
	Reading  reply.Result `json:"reading,omitzero"`
	Rule     string       `json:"rule,omitempty"` // what widened the scope beyond the words
	Flag     Flag         `json:"flag,omitempty"`
}

// Take takes in the events of one callback, in order. An error means that the provider should send the callback again:
// what was committed until then is recognised and makes nothing new.
func (b *Inbox) Take(ctx context.Context, provider string, events []messaging.Event) ([]Taken, error) {
	kept := map[string]struct{}{}
	for _, e := range events {
		if e.Kind == messaging.OptedOutThere || e.Kind == messaging.OptedInThere {
			kept[e.ID] = struct{}{}
		}
	}
	out := make([]Taken, 0, len(events))
	for _, e := range events {
		t := Taken{Event: e.ID, Kind: e.Kind.String(), from: e, by: "provider:" + provider, name: provider, kept: kept}
		if err := b.take(ctx, &t); err != nil {
			return out, fmt.Errorf("take in a %s event of %s: %w", e.Kind, provider, err)
		}
		out = append(out, t)
	}
	return out, nil
}

func (b *Inbox) take(ctx context.Context, t *Taken) error {
	e := &t.from
	if e.Kind == messaging.Delivered || e.Kind == messaging.Failed {
		return nil // no act of consent
	}
	e.Text = strings.ToValidUTF8(e.Text, "�")
	if e.At.After(b.Now().Add(maxSkew)) {
		e.At = time.Time{} // the provider's clock is wrong: the moment of recording stands in
	}
	t.sender = b.senderOf(t)
	var err error
	if t.number, err = phone.Parse(e.Number, ""); err != nil {
		t.Flag = UnknownNumber
		return b.review(ctx, t)
	}
	t.number = t.number.WithoutExtension()
	if t.person, err = b.Ledger.ByNumber(ctx, t.number); err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return fmt.Errorf("read the records: %w", err)
	}
	switch e.Kind {
	case messaging.Text:
		return b.text(ctx, t)
	case messaging.Deactivated:
		return b.deactivated(ctx, t)
	case messaging.OptedOutThere:
		return b.optedOutThere(ctx, t)
	}
	return b.optedInThere(ctx, t)
}

// maxSkew is how far a provider's clock may be ahead of ours.
const maxSkew = 5 * time.Minute

// senderOf returns the sender that an event was for. A sender that nobody defined is the default brand's, and flagged.
func (b *Inbox) senderOf(t *Taken) catalog.Sender {
	e := &t.from
	var service catalog.Sender
	for _, s := range b.Catalog.Senders() {
		if s.Channel != e.Channel {
			continue
		}
		switch {
		case e.Sender != "" && same(s.Address, e.Sender):
			return s
		case e.Service != "" && s.Address == e.Service:
			service = s
		}
	}
	if service.ID != "" {
		return service
	}
	t.Flag = UnknownSender
	return catalog.Sender{Brand: defaultBrand, Address: e.Sender, Channel: e.Channel}
}

// defaultBrand is the brand of events for senders that nobody defined.
const defaultBrand consent.BrandID = "default"

func same(a, b string) bool { return strings.TrimPrefix(a, "+") == strings.TrimPrefix(b, "+") }

// item is an act that follows from the event.
func (t *Taken) item(kind consent.Kind, s consent.Scope, source consent.Source) ledger.Item {
	e := &t.from
	it := ledger.Item{
		Kind: ledger.KindAct, Number: t.number, By: t.by,
		// The id is the provider's, so that the same event makes the same act once; the scope tells its acts apart.
		EventID: t.name + ":" + e.ID + ":" + kind.String() + ":" + s.String(),
		Act:     consent.Act{Kind: kind, Scope: s, EffectiveAt: e.At, Source: source, Method: t.method()},
		Detail: Evidence{
			Provider: t.name, Sender: e.Sender, Service: e.Service, Text: e.Text, Code: e.Code, Reading: t.read, Rule: t.Rule, Flag: t.Flag,
		},
	}
	if source == consent.Provider {
		it.Act.Via = consent.ViaProvider
	}
	return it
}

// method says how the person or the provider did it.
func (t *Taken) method() string {
	if t.from.Kind == messaging.Text {
		return string(t.read.Label) + " " + t.read.Rule
	}
	return strings.TrimSpace(t.from.Kind.String() + " " + t.from.Code)
}

// append commits the acts of one event together; what the first one brings with it is written in the same transaction.
func (b *Inbox) append(ctx context.Context, t *Taken, items []ledger.Item, effect func(context.Context, store.Tx, uint64) error) error {
	if len(items) == 0 {
		return nil
	}
	items[0].Effect = effect
	results, err := b.Ledger.Append(ctx, items)
	if err != nil {
		return err
	}
	for i, r := range results {
		// The same event with other content: the reading has changed since it was taken in. What it made then stands.
		if r.Err != nil && !errors.Is(r.Err, ledger.ErrEventReused) && !errors.Is(r.Err, ledger.ErrKeyReused) {
			return r.Err
		}
		a := items[i].Act
		t.Acts = append(t.Acts, Act{
			Act: a.Kind, Brand: a.Scope.Brand, Purpose: a.Scope.Purpose, Channel: a.Scope.Channel, Seq: r.Seq,
			Again: r.Err != nil || r.Outcome == ledger.Duplicate,
		})
	}
	return nil
}

// answerTime is how late an answer may still go out: a confirmation of STOP is presumed lawful for five minutes.
const answerTime = 5 * time.Minute

// answer is the message that answers the event, in the person's language.
func (b *Inbox) answer(ctx context.Context, t *Taken, kind texts.Kind, purpose consent.PurposeID, apart time.Duration) outbox.Message {
	now := b.Now()
	brand, err := b.Catalog.Brand(string(t.sender.Brand))
	if err != nil {
		brand.Name = string(t.sender.Brand) // the default brand was not defined: its ID stands for its name
	}
	fill := texts.Fill{Brand: brand.Name, Contact: brand.Contact, Purpose: string(purpose)}
	if p, err := b.Catalog.Purpose(string(purpose)); err == nil {
		fill.Purpose = p.Name
	}
	t.Answer = kind
	from := t.from.Sender
	if from == "" {
		from = t.from.Service
	}
	return outbox.Message{
		ID: b.Vault.Digest("answer", t.name, t.from.ID, string(kind)), Kind: string(kind), Provider: t.name,
		To: t.number, From: from, Channel: t.from.Channel, Text: b.Texts.Text(kind, b.language(ctx, t), fill),
		DueAt: now, ExpiresAt: now.Add(answerTime), Apart: apart,
	}
}
