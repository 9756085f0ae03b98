package smpp

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// Inbox takes in what an SMSC delivers: it puts the parts of long messages together, and knows a message again that is
// delivered twice. What it needs for that is in the database before a part is acknowledged, so that a crash loses
// nothing, and the parts may come to different nodes. It is safe for concurrent use.
type Inbox struct {
	DB    store.DB
	Vault *vault.Vault
	Now   func() time.Time

	// Take takes in events. An error makes the SMSC deliver the message again.
	Take func(ctx context.Context, events []messaging.Event) error
}

const (
	// joinTime is how long parts wait for the others. What comes of a message whose rest is lost is read as it is.
	joinTime = 3 * time.Minute
	// againTime is for how long the same words of the same person to the same sender are taken for the same message. A
	// withdrawal that does not stand any more is recorded all the same.
	againTime = 10 * time.Minute
)

// Deliver takes in one deliver_sm: a delivery receipt, a message, or a part of one. When it returns without an error,
// what it was given is safe. A message that cannot be read is ErrMalformed.
func (in *Inbox) Deliver(ctx context.Context, s *Short) error {
	if s.ESMClass&esmTypeMask == esmReceipt {
		if events := receiptOf(s); len(events) > 0 {
			return in.Take(ctx, events)
		}
		return nil
	}
	p, err := s.Part()
	if err != nil {
		return err
	}
	w := writing{source: s.Source.Number, destination: s.Destination.Number, parts: map[int64]Part{1: p}}
	if p.Total > 1 {
		if err := in.keep(ctx, &w, p); err != nil || !w.whole(p.Total) {
			return err
		}
	}
	if err := in.take(ctx, &w); err != nil || p.Total == 1 {
		return err
	}
	// A crash before this lets the message be taken in once more, as the same event.
	return in.DB.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE smpp_parts SET taken = 1 WHERE message = $1", w.key[:])
		return err
	})
}

// writing is a message as far as it has come.
type writing struct {
	source, destination string
	key                 [16]byte // of its parts
	parts               map[int64]Part
}

func (w *writing) whole(total byte) bool { return len(w.parts) == int(total) }

func (w *writing) text() string {
	var data []byte
	coding := byte(0)
	for i := int64(1); i <= 255; i++ {
		if p, ok := w.parts[i]; ok {
			data, coding = append(data, p.Data...), p.Coding
		}
	}
	return Decode(coding, data)
}

// kept is what is sealed of a part.
type kept struct {
	Source      string `json:"source"`
	Destination string `json:"destination"`
	Part        Part   `json:"part"`
}

// keep stores a part and returns all that there are in w. A part that comes again replaces itself; one of a new message
// under the reference of an old one begins anew.
func (in *Inbox) keep(ctx context.Context, w *writing, p Part) error {
	w.key = in.Vault.Digest("smpp parts", w.source, w.destination, fmt.Sprint(p.Reference, p.Total))
	place := binary.BigEndian.Uint64(w.key[:])
	raw, err := json.Marshal(kept{w.source, w.destination, p})
	if err != nil {
		return fmt.Errorf("encode a part: %w", err)
	}
	err = in.DB.InTx(ctx, func(tx store.Tx) error {
		found, taken, err := in.parts(ctx, tx, w.key)
		if err != nil {
			return err
		}
		if before, ok := found[int64(p.Sequence)]; taken && (!ok || string(before.Part.Data) != string(p.Data)) {
			if _, err := tx.Exec(ctx, "DELETE FROM smpp_parts WHERE message = $1", w.key[:]); err != nil {
				return err
			}
			found = nil
		}
		w.parts = map[int64]Part{int64(p.Sequence): p}
		for n, k := range found {
			if n != int64(p.Sequence) {
				w.parts[n] = k.Part
			}
		}
		lookup := in.lookup(w.source)
		_, err = tx.Exec(ctx, `
			INSERT INTO smpp_parts (message, part, recipient, sealed, since, taken)
			VALUES ($1, $2, $3, $4, $5, 0)
			ON CONFLICT (message, part) DO UPDATE SET sealed = excluded.sealed`,
			w.key[:], int64(p.Sequence), lookup, in.Vault.NotesKey().Seal(raw, place), in.Now().UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("keep a part of a message: %w", err)
	}
	return nil
}

// parts returns the parts of a message, and whether it was taken in already.
func (in *Inbox) parts(ctx context.Context, tx store.Tx, key [16]byte) (found map[int64]kept, taken bool, err error) {
	found = map[int64]kept{}
	err = store.Each(tx.Query(ctx, "SELECT part, sealed, taken FROM smpp_parts WHERE message = $1", key[:]), func(r store.Row) error {
		raw, err := in.Vault.NotesKey().Open(r.Bytes(1), binary.BigEndian.Uint64(key[:]))
		var k kept
		if err == nil {
			err = json.Unmarshal(raw, &k)
		}
		found[r.Int64(0)], taken = k, taken || r.Int64(2) == 1
		return err
	})
	return found, taken, err
}

// lookup is the keyed hash of who wrote, by which what is kept of them is forgotten.
func (in *Inbox) lookup(source string) []byte {
	n, err := phone.Parse(messaging.Plus(source), "")
	if err != nil {
		n = 0 // a sender that is no number is nobody
	}
	lookup := in.Vault.Lookup(n)
	return lookup[:]
}

// take takes in a message under the ID that it was heard under before, or a new one.
func (in *Inbox) take(ctx context.Context, w *writing) error {
	e := messaging.Event{
		Kind: messaging.Text, Number: messaging.Plus(w.source), Sender: messaging.Plus(w.destination), Channel: consent.SMS, Text: w.text(),
		Inferred: true,
	}
	now, heard := in.Now(), in.Vault.Digest("smpp heard", w.source, w.destination, e.Text)
	err := in.DB.InTx(ctx, func(tx store.Tx) error {
		var before string
		const query = "SELECT event FROM smpp_heard WHERE message = $1 AND heard_at > $2"
		err := store.One(tx.Query(ctx, query, heard[:], now.Add(-againTime).UnixMicro()), func(r store.Row) { before = r.Text(0) })
		if err == nil {
			e.ID = before
			return nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		e.ID = rand.Text()
		_, err = tx.Exec(ctx, `
			INSERT INTO smpp_heard (message, recipient, event, heard_at)
			VALUES ($1, $2, $3, $4)
			ON CONFLICT (message) DO UPDATE SET event = excluded.event, heard_at = excluded.heard_at`,
			heard[:], in.lookup(w.source), e.ID, now.UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("look whether a message was heard: %w", err)
	}
	return in.Take(ctx, []messaging.Event{e})
}

// Tidy lets messages be taken in whose rest has not come in time: what there is of them may say STOP. Those that cannot
// be taken in are tried again the next time. It deletes what is not needed any more. Run it every minute, on any node.
func (in *Inbox) Tidy(ctx context.Context) error {
	now := in.Now()
	var late [][16]byte
	err := in.DB.Read(ctx, func(tx store.Tx) error {
		const query = "SELECT DISTINCT message FROM smpp_parts WHERE since <= $1 AND taken = 0 LIMIT 1000"
		return store.Each(tx.Query(ctx, query, now.Add(-joinTime).UnixMicro()), func(r store.Row) error {
			late = append(late, [16]byte(r.Bytes(0)))
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("look for messages that have not come whole: %w", err)
	}
	for _, key := range late {
		if err := in.giveUp(ctx, key); err != nil {
			return err
		}
	}
	return in.DB.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM smpp_parts WHERE since <= $1 AND taken = 1", now.Add(-joinTime).UnixMicro()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM smpp_heard WHERE heard_at <= $1", now.Add(-againTime).UnixMicro())
		return err
	})
}

// giveUp takes in what has come of a message, and forgets its parts.
func (in *Inbox) giveUp(ctx context.Context, key [16]byte) error {
	w := writing{key: key, parts: map[int64]Part{}}
	err := in.DB.Read(ctx, func(tx store.Tx) error {
		found, _, err := in.parts(ctx, tx, key)
		for n, k := range found {
			w.source, w.destination, w.parts[n] = k.Source, k.Destination, k.Part
		}
		return err
	})
	if err != nil || len(w.parts) == 0 {
		return err // another node was faster
	}
	if err := in.take(ctx, &w); err != nil {
		return err
	}
	return in.DB.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM smpp_parts WHERE message = $1", key[:])
		return err
	})
}

// Forget deletes what is kept of a number, as when its subject is erased.
func (in *Inbox) Forget(ctx context.Context, n phone.Number) error {
	lookup := in.Vault.Lookup(n.WithoutExtension())
	return in.DB.InTx(ctx, func(tx store.Tx) error {
		for _, table := range []string{"smpp_parts", "smpp_heard"} {
			if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE recipient = $1", lookup[:]); err != nil {
				return fmt.Errorf("forget what an SMSC delivered: %w", err)
			}
		}
		return nil
	})
}

// receiptOf reads a delivery receipt (appendix B): "id:… sub:… dlvrd:… submit date:… done date:… stat:… err:… text:…".
func receiptOf(s *Short) []messaging.Event {
	e := messaging.Event{Number: messaging.Plus(s.Source.Number), Sender: messaging.Plus(s.Destination.Number), Channel: consent.SMS}
	text := Decode(s.DataCoding, s.Message)
	e.ID, e.Code = field(text, "id:"), field(text, "err:")
	if id, ok := s.optional(TagReceiptedMessageID); ok {
		e.ID = strings.TrimRight(string(id), "\x00")
	}
	switch field(text, "stat:") {
	case "DELIVRD":
		e.Kind = messaging.Delivered
	case "EXPIRED", "DELETED", "UNDELIV", "REJECTD", "UNKNOWN":
		e.Kind = messaging.Failed
	default:
		return nil
	}
	return []messaging.Event{e}
}

func field(text, name string) string {
	_, rest, ok := strings.Cut(" "+text, " "+name)
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, " ")
	return value
}
