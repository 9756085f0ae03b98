package inbound

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/messaging/texts"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/reply"
	"github.com/consentline/consentline/internal/store"
)

// How long after an answer of its kind another one is not sent: two machines must not talk to each other.
const (
	stopApart    = 5 * time.Minute
	helpApart    = time.Minute
	startApart   = time.Minute
	clarifyApart = 24 * time.Hour
)

// text reads a message and does what it asks for.
func (b *Inbox) text(ctx context.Context, t *Taken) error {
	var err error
	t.open, err = b.OptIns.Open(ctx, t.number, consent.Scope{Brand: t.sender.Brand, Channel: t.sender.Channel})
	if err != nil {
		return err
	}
	t.read = reply.Classify(reply.Input{
		Text: t.from.Text, Region: phone.Region(t.number), Pending: len(t.open) > 0, Keywords: b.Keywords,
	})
	t.Label = t.read.Label
	programme, joins := b.Programmes.Find(t.sender.ID, t.from.Text)
	if joins && t.Label != reply.OptOut && t.Label != reply.Help {
		t.Label = reply.OptIn
	}
	switch t.Label {
	case reply.OptOut:
		return b.stop(ctx, t)
	case reply.OptIn:
		told, err := b.told(ctx, t)
		switch {
		case told || err != nil:
			return err
		case joins:
			return b.joined(ctx, t, programme)
		}
		return b.start(ctx, t)
	case reply.Help:
		queued, err := b.Outbox.Queue(ctx, b.answer(ctx, t, texts.Help, "", helpApart))
		if !queued {
			t.Answer = ""
		}
		return err
	case reply.Ambiguous:
		return b.hold(ctx, t)
	}
	if t.Flag == UnknownSender {
		return b.review(ctx, t)
	}
	return nil
}

// grantKey is what a message is known by once it has granted something. What a yes grants depends on what stands, so a
// yes that is told again must not be read again: it would grant what it was never said to.
func (t *Taken) grantKey() string { return "granted by " + t.name + ":" + t.from.ID }

func (b *Inbox) told(ctx context.Context, t *Taken) (bool, error) {
	seq, err := b.Ledger.Told(ctx, t.by, ledger.Once{Key: t.grantKey()})
	return seq != 0 || errors.Is(err, ledger.ErrKeyReused), ignore(err, ledger.ErrKeyReused)
}

// ignore returns err unless it is the sentinel.
func ignore(err, sentinel error) error {
	if errors.Is(err, sentinel) {
		return nil
	}
	return err
}

// source tells a keyword from a sentence.
func (t *Taken) source() consent.Source {
	if len(strings.Fields(t.from.Text)) == 1 && len(t.from.Text) <= 40 {
		return consent.SMSKeyword
	}
	return consent.SMSReply
}

// stop records a withdrawal, ends what waits for confirmation, and confirms once. A provider that has answered by itself
// leaves nothing to confirm, and neither does a person who said it before.
func (b *Inbox) stop(ctx context.Context, t *Taken) error {
	scopes, kind := b.stopScopes(t)
	items := make([]ledger.Item, len(scopes))
	for i, s := range scopes {
		items[i] = t.item(consent.Withdrawn, s, t.source())
	}
	answer := b.answer(ctx, t, kind, t.sender.Purpose, stopApart)
	_, answered := t.kept[t.from.ID]
	quiet := answered || t.withdrawn(scopes)
	if quiet {
		t.Answer = ""
	}
	effect := func(ctx context.Context, tx store.Tx, seq uint64) error {
		for _, s := range scopes {
			if err := b.OptIns.End(ctx, tx, t.number, s, seq); err != nil {
				return err
			}
		}
		if t.Flag != "" {
			if err := b.putReview(ctx, tx, t, nil); err != nil {
				return err
			}
		}
		if quiet {
			return nil
		}
		_, err := b.Outbox.Put(ctx, tx, answer)
		return err
	}
	stood := t.withdrawn(scopes)
	if err := b.append(ctx, t, items, effect); err != nil || stood || !t.from.Inferred || !t.again() {
		return err
	}
	// The same words as a little before, and what they ended has begun anew since: this is another message.
	t.from.ID, t.Acts = rand.Text(), nil
	answer = b.answer(ctx, t, kind, t.sender.Purpose, stopApart)
	for i, s := range scopes {
		items[i] = t.item(consent.Withdrawn, s, t.source())
	}
	return b.append(ctx, t, items, effect)
}

// again reports whether everything that followed from the event was recorded before.
func (t *Taken) again() bool {
	return !slices.ContainsFunc(t.Acts, func(a Act) bool { return !a.Again })
}

// withdrawn reports whether the person had withdrawn in all these scopes before.
func (t *Taken) withdrawn(scopes []consent.Scope) bool {
	for _, s := range scopes {
		if !t.covered(s, func(r consent.Record) bool { return r.Status == consent.StatusWithdrawn }) {
			return false
		}
	}
	return true
}

// covered reports whether a record whose scope covers s is as the test says.
func (t *Taken) covered(s consent.Scope, is func(consent.Record) bool) bool {
	for _, h := range t.person.Records {
		if h.Scope.Covers(s) && is(h.Record) {
			return true
		}
	}
	return false
}

// start confirms the request that was sent last, if one waits for its answer; else it restores what the person had with
// this sender. A yes to nothing waits for a person.
func (b *Inbox) start(ctx context.Context, t *Taken) error {
	if len(t.open) > 0 {
		return b.confirm(ctx, t, t.open[0])
	}
	had, err := b.everGranted(ctx, t)
	if err != nil {
		return err
	}
	var items []ledger.Item
	var last consent.PurposeID
	for _, h := range t.person.Records {
		s := h.Scope
		ended := h.Record.Status == consent.StatusWithdrawn || h.Record.Status == consent.StatusRevoked
		if !ended || !had[s] || !s.Concrete() || s.Brand != t.sender.Brand || s.Channel != t.sender.Channel ||
			t.sender.Purpose != "" && t.sender.Purpose != s.Purpose {
			continue
		}
		it := t.item(consent.Granted, s, t.source())
		it.Act.Level, it.Act.Evidence = consent.Express, t.hash()
		items, last = append(items, it), s.Purpose
	}
	if len(items) == 0 {
		if t.repeatedStart() {
			return nil
		}
		t.Flag = NothingToKeep
		return b.review(ctx, t)
	}
	items[0].IdempotencyKey = t.grantKey()
	_, answered := t.kept[t.from.ID]
	answer := b.answer(ctx, t, texts.Started, last, startApart)
	if answered {
		t.Answer = ""
	}
	return b.append(ctx, t, items, func(ctx context.Context, tx store.Tx, _ uint64) error {
		if answered {
			return nil
		}
		_, err := b.Outbox.Put(ctx, tx, answer)
		return err
	})
}

// everGranted returns the scopes in which the person once gave a yes. START gives back what was there: to take it from a
// stranger who had said no to everything for a yes to everything would be a consent that nobody gave.
func (b *Inbox) everGranted(ctx context.Context, t *Taken) (map[consent.Scope]bool, error) {
	out := map[consent.Scope]bool{}
	const atOnce = 1000
	for after := uint64(0); ; {
		history, err := b.Ledger.History(ctx, t.person.ID, after, atOnce)
		if errors.Is(err, ledger.ErrNotFound) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range history {
			after = history[i].Seq
			if act, ok := history[i].Act(); ok && (act.Kind == consent.Granted || act.Kind == consent.Renewed) {
				out[act.Scope] = true
			}
		}
		if len(history) < atOnce {
			return out, nil
		}
	}
}

// repeatedStart reports whether what the person would restore stands: then there is nothing to do.
func (t *Taken) repeatedStart() bool {
	for _, h := range t.person.Records {
		if h.Scope.Brand == t.sender.Brand && h.Scope.Channel == t.sender.Channel && h.Record.Status == consent.StatusGranted {
			return true
		}
	}
	return false
}

// hash is a reference to the text, which the entry itself keeps.
func (t *Taken) hash() string {
	sum := sha256.Sum256([]byte(t.from.Text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (b *Inbox) confirm(ctx context.Context, t *Taken, s optin.Standing) error {
	answer := b.answer(ctx, t, texts.Confirmed, s.Scope.Purpose, startApart)
	it := t.item(consent.Granted, s.Scope, t.source())
	r, err := b.OptIns.Confirm(ctx, s, optin.Confirmation{
		By: t.by, Source: it.Act.Source, Method: it.Act.Method, At: it.Act.EffectiveAt, EventID: it.EventID, Key: t.grantKey(), Message: it.Detail,
		Effect: func(ctx context.Context, tx store.Tx, _ uint64) error {
			_, err := b.Outbox.Put(ctx, tx, answer)
			return err
		},
	})
	if err != nil {
		return err
	}
	t.Acts = append(t.Acts, Act{
		Act: consent.Granted, Brand: s.Scope.Brand, Purpose: s.Scope.Purpose, Channel: s.Scope.Channel, Seq: r.Seq, Again: r.Outcome == ledger.Duplicate,
	})
	return nil
}

// joined grants what a programme's keyword stands for, and confirms the subscription as CTIA asks.
func (b *Inbox) joined(ctx context.Context, t *Taken, p optin.Programme) error {
	scope := consent.Scope{Brand: t.sender.Brand, Purpose: p.Purpose, Channel: t.sender.Channel}
	for _, s := range t.open {
		if s.Scope == scope {
			return b.confirm(ctx, t, s)
		}
	}
	t.Rule = "programme/" + p.ID
	it := t.item(consent.Granted, scope, consent.SMSKeyword)
	it.IdempotencyKey = t.grantKey()
	ref, err := ledger.ParseDisclosure(p.Disclosure)
	if err != nil {
		return err // it was parsed when the programme was defined
	}
	it.Act.Level, it.Act.Disclosure, it.Act.Evidence, it.Act.Method = p.Level, ref, t.hash(), "keyword "+p.Keyword
	answer := b.answer(ctx, t, texts.Confirmed, p.Purpose, startApart)
	return b.append(ctx, t, []ledger.Item{it}, func(ctx context.Context, tx store.Tx, _ uint64) error {
		_, err := b.Outbox.Put(ctx, tx, answer)
		return err
	})
}

// hold suspends marketing to somebody whose message may be a withdrawal, asks once, and queues it for a person.
func (b *Inbox) hold(ctx context.Context, t *Taken) error {
	t.Flag = Ambiguous
	var items []ledger.Item
	var before []Held
	for _, p := range b.marketing() {
		s := consent.Scope{Brand: t.sender.Brand, Purpose: p, Channel: t.sender.Channel}
		if t.covered(s, func(r consent.Record) bool { return r.Status.Restricted() }) {
			continue
		}
		// The person has not said no yet, so the act is not theirs.
		it := t.item(consent.Revoked, s, consent.System)
		items = append(items, it)
		before = append(before, t.held(s))
	}
	if len(items) == 0 {
		t.Flag = ""
		return nil // nothing of it is sent anyway
	}
	answer := b.answer(ctx, t, texts.Clarify, "", clarifyApart)
	return b.append(ctx, t, items, func(ctx context.Context, tx store.Tx, _ uint64) error {
		if err := b.putReview(ctx, tx, t, before); err != nil {
			return err
		}
		_, err := b.Outbox.Put(ctx, tx, answer)
		return err
	})
}

// marketing returns the purposes of the marketing class.
func (b *Inbox) marketing() (out []consent.PurposeID) {
	for _, p := range b.Catalog.Purposes() {
		if p.Class == consent.Marketing && !p.Retired {
			out = append(out, p.ID)
		}
	}
	return out
}
