// Package outbox keeps messages that are to be sent until they are, and sends each at most once.
//
// A message is queued in the transaction of the entry that it follows from, so there is one exactly when the entry is
// there. It is stored in the table outbox, sealed; what it says and to whom is deleted when it is settled. A crash
// while a message is handed over leaves it unclear whether the provider took it: it is not sent again, since a second
// confirmation is worse than a missing one.
package outbox

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// Message is one text that is to be sent.
type Message struct {
	ID       [16]byte // a keyed hash of what it answers: the same message is queued once
	Kind     string
	Provider string // the provider to send it by
	To       phone.Number
	From     string
	Channel  consent.Channel
	Text     string

	DueAt     time.Time
	ExpiresAt time.Time // after which it is not sent any more

	// Apart is how long after another message of its kind to the same number this one is not even queued.
	Apart time.Duration
}

// Outbox keeps messages until they are sent. It is safe for concurrent use.
type Outbox struct {
	DB    store.DB
	Vault *vault.Vault
	Now   func() time.Time

	// Messenger returns what sends for a provider. It must return one for every name.
	Messenger func(provider string) messaging.Messenger

	// Lanes is how many messages are handed over at once; those to one person go one after the other. Zero: 8.
	Lanes int

	// Settled, if set, hears what became of each message that was handed over; err is nil when the provider took it. What
	// it returns is an error of RunOnce, and the message is settled all the same.
	Settled func(ctx context.Context, m Message, err error) error
}

// The states of a message, as they stand in the table.
const (
	due = iota
	sending
	sent
	refused
	late
	unclear
)

const (
	maxAttempts = 8
	// abandoned is how old a hand-over must be to be taken for one that a crash ended. No provider is waited for so long.
	abandoned = 2 * time.Minute
)

// content is what of a message is sealed.
type content struct {
	Provider string          `json:"provider"`
	To       phone.Number    `json:"to"`
	From     string          `json:"from"`
	Channel  consent.Channel `json:"channel"`
	Text     string          `json:"text"`
}

func place(id [16]byte) uint64 { return binary.BigEndian.Uint64(id[:8]) }

// Put queues a message within a transaction. It reports false if the same one, or another of its kind within Apart, was
// queued before.
func (o *Outbox) Put(ctx context.Context, tx store.Tx, m Message) (bool, error) {
	lookup := o.Vault.Lookup(m.To.WithoutExtension())
	now := o.Now()
	if m.Apart > 0 {
		const query = "SELECT 1 FROM outbox WHERE recipient = $1 AND kind = $2 AND created_at > $3 LIMIT 1"
		err := store.One(tx.Query(ctx, query, lookup[:], m.Kind, now.Add(-m.Apart).UnixMicro()), func(store.Row) {})
		if err == nil {
			return false, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return false, fmt.Errorf("look for an earlier message: %w", err)
		}
	}
	raw, err := json.Marshal(content{m.Provider, m.To.WithoutExtension(), m.From, m.Channel, m.Text})
	if err != nil {
		return false, fmt.Errorf("encode the message: %w", err)
	}
	changed, err := tx.Exec(ctx, `
		INSERT INTO outbox (id, kind, recipient, sealed, state, due_at, expires_at, attempts, created_at)
		VALUES ($1, $2, $3, $4, 0, $5, $6, 0, $7)
		ON CONFLICT (id) DO NOTHING`,
		m.ID[:], m.Kind, lookup[:], o.Vault.NotesKey().Seal(raw, place(m.ID)), m.DueAt.UnixMicro(), m.ExpiresAt.UnixMicro(), now.UnixMicro())
	if err != nil {
		return false, fmt.Errorf("queue the message: %w", err)
	}
	return changed > 0, nil
}

// Queue is Put in a transaction of its own, for messages that follow from no entry.
func (o *Outbox) Queue(ctx context.Context, m Message) (queued bool, err error) {
	err = o.DB.InTx(ctx, func(tx store.Tx) error {
		queued, err = o.Put(ctx, tx, m)
		return err
	})
	return queued, err
}

// Forget deletes whatever is queued for a number, as when its subject is erased.
func (o *Outbox) Forget(ctx context.Context, n phone.Number) error {
	lookup := o.Vault.Lookup(n.WithoutExtension())
	return o.DB.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM outbox WHERE recipient = $1", lookup[:])
		return err
	})
}

// kept is how long it is remembered that a message was sent, so that a callback repeated late queues no other.
const kept = 30 * 24 * time.Hour

// Purge deletes what was settled long ago. Run it daily; to run it more often does no harm.
func (o *Outbox) Purge(ctx context.Context) (done int, err error) {
	err = o.DB.InTx(ctx, func(tx store.Tx) error {
		changed, err := tx.Exec(ctx, "DELETE FROM outbox WHERE state > 1 AND created_at < $1", o.Now().Add(-kept).UnixMicro())
		done = int(changed)
		return err
	})
	return done, err
}

// claimed is a message in hand.
type claimed struct {
	id       [16]byte
	kind     string
	attempts int64
	content
}

// RunOnce sends what is due, up to 32 messages, and returns how many it settled or put off. It may run on several nodes
// at once. Run it again while it returns more than zero, and every second besides: messages are due within minutes.
func (o *Outbox) RunOnce(ctx context.Context) (done int, err error) {
	batch, tooLate, err := o.claim(ctx)
	if err != nil {
		return 0, fmt.Errorf("claim messages: %w", err)
	}
	lanes := o.Lanes
	if lanes <= 0 {
		lanes = defaultLanes
	}
	settled, errs := make([]int, lanes), make([]error, lanes)
	var running sync.WaitGroup
	for i := range lanes {
		running.Go(func() {
			for _, c := range batch {
				if int(uint64(c.To)%uint64(lanes)) != i || errs[i] != nil {
					continue
				}
				if errs[i] = o.handOver(ctx, c); errs[i] == nil {
					settled[i]++
				}
			}
		})
	}
	running.Wait()
	for _, n := range settled {
		done += n
	}
	return done + tooLate, errors.Join(errs...)
}

// defaultLanes lets an answer to each of two thousand people go out within five minutes, by a provider that takes a
// second for each.
const defaultLanes = 8

// handOver sends a message and keeps what became of it.
func (o *Outbox) handOver(ctx context.Context, c claimed) error {
	receipt, sendErr := o.Messenger(c.Provider).Send(ctx, messaging.Message{
		To: c.To, From: c.From, Channel: c.Channel, Text: c.Text, Key: fmt.Sprintf("%x", c.id),
	})
	// The provider has answered: that is kept even if whoever asked has gone meanwhile.
	if err := o.settle(context.WithoutCancel(ctx), c, receipt, sendErr); err != nil {
		return fmt.Errorf("settle a message: %w", err)
	}
	return nil
}

// claim marks what is due as being sent. A crash after it leaves the messages unclear, which the next claim finds.
func (o *Outbox) claim(ctx context.Context) (batch []claimed, tooLate int, err error) {
	now := o.Now()
	err = o.DB.InTx(ctx, func(tx store.Tx) error {
		batch, tooLate = nil, 0
		settle := "UPDATE outbox SET state = $1, sealed = NULL WHERE state = $2 AND "
		changed, err := tx.Exec(ctx, settle+"expires_at <= $3", late, due, now.UnixMicro())
		if err != nil {
			return err
		}
		tooLate = int(changed)
		if _, err := tx.Exec(ctx, settle+"due_at <= $3", unclear, sending, now.Add(-abandoned).UnixMicro()); err != nil {
			return err
		}
		const query = "SELECT id, kind, attempts, sealed FROM outbox WHERE state = 0 AND due_at <= $1 ORDER BY due_at LIMIT 32"
		err = store.Each(tx.Query(ctx, query+o.DB.Dialect().ForUpdate(), now.UnixMicro()), func(r store.Row) error {
			c := claimed{id: [16]byte(r.Bytes(0)), kind: r.Text(1), attempts: r.Int64(2)}
			raw, err := o.Vault.NotesKey().Open(r.Bytes(3), place(c.id))
			if err == nil {
				err = json.Unmarshal(raw, &c.content)
			}
			if err != nil {
				return fmt.Errorf("open message %x: %w", c.id, err)
			}
			batch = append(batch, c)
			return nil
		})
		if err != nil {
			return err
		}
		sets := make([][]any, len(batch))
		for i, c := range batch {
			sets[i] = []any{c.id[:], now.UnixMicro()}
		}
		// While a message is being sent, due_at is when that began.
		return tx.ExecMany(ctx, "UPDATE outbox SET state = 1, due_at = $2, attempts = attempts + 1 WHERE id = $1", sets)
	})
	return batch, tooLate, err
}

func (o *Outbox) settle(ctx context.Context, c claimed, receipt messaging.Receipt, sendErr error) error {
	state, again := o.fate(c, sendErr)
	err := o.DB.InTx(ctx, func(tx store.Tx) error {
		if state == due {
			_, err := tx.Exec(ctx, "UPDATE outbox SET state = 0, due_at = $2 WHERE id = $1 AND state = 1", c.id[:], again.UnixMicro())
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE outbox SET state = $2, sealed = NULL, receipt = $3 WHERE id = $1 AND state = 1", c.id[:], state, receipt.ID)
		return err
	})
	if err == nil && state != due && o.Settled != nil {
		err = o.Settled(ctx, Message{
			ID: c.id, Kind: c.kind, Provider: c.Provider, To: c.To, From: c.From, Channel: c.Channel, Text: c.Text,
		}, sendErr)
	}
	return err
}

// fate says what becomes of a message after an attempt, and when to try again if it is due once more.
func (o *Outbox) fate(c claimed, err error) (state int64, again time.Time) {
	if err == nil {
		return sent, again
	}
	var e *messaging.SendError
	if !errors.As(err, &e) {
		return unclear, again
	}
	switch {
	case e.Reason == messaging.Unclear:
		return unclear, again
	case !e.Again() || c.attempts+1 >= maxAttempts:
		return refused, again
	}
	pause := time.Second << min(c.attempts, 6)
	return due, o.Now().Add(max(pause, e.RetryAfter))
}
