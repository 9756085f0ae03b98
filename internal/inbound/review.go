package inbound

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/reply"
	"github.com/consentline/consentline/internal/store"
)

// Held is a record as it stood before marketing was suspended.
type Held struct {
	Scope      consent.Scope   `json:"scope"`
	Status     consent.Status  `json:"status"`
	Level      consent.Level   `json:"level,omitempty"`
	Confirmed  bool            `json:"confirmed,omitempty"`
	ValidUntil time.Time       `json:"valid_until,omitzero"`
	ReviewAt   time.Time       `json:"review_at,omitzero"`
	Disclosure string          `json:"disclosure,omitempty"`
	Brand      consent.BrandID `json:"-"`
}

func (t *Taken) held(s consent.Scope) Held {
	out := Held{Scope: s}
	for _, h := range t.person.Records {
		if h.Scope == s {
			r := h.Record
			out.Status, out.Level, out.Confirmed, out.ValidUntil, out.ReviewAt = r.Status, r.Level, r.Confirmed, r.ValidUntil, r.ReviewAt
			out.Disclosure = ledger.FormatDisclosure(r.Disclosure)
		}
	}
	return out
}

// ReviewID names a review.
type ReviewID [16]byte

// String returns the ID in hex.
func (id ReviewID) String() string { return hex.EncodeToString(id[:]) }

// ParseReviewID reads what String wrote; anything else is ErrNoReview.
func ParseReviewID(text string) (ReviewID, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 16 {
		return ReviewID{}, ErrNoReview
	}
	return ReviewID(raw), nil
}

// Review is what a person is to look at.
type Review struct {
	ID        ReviewID
	Reason    Flag
	CreatedAt time.Time
	Content
}

// Content is what of a review is sealed, until it is decided.
type Content struct {
	Number   phone.Number    `json:"number,omitempty"`
	Written  string          `json:"written,omitempty"` // the number as the provider wrote it, where it is none
	Provider string          `json:"provider"`
	Event    string          `json:"event"`
	Brand    consent.BrandID `json:"brand"`
	Sender   string          `json:"sender,omitempty"`
	Channel  consent.Channel `json:"channel"`
	Text     string          `json:"text,omitempty"`
	At       time.Time       `json:"at,omitzero"`
	Reading  reply.Result    `json:"reading,omitzero"`
	Held     []Held          `json:"held,omitempty"`
}

// review queues an event for a person, in a transaction of its own.
func (b *Inbox) review(ctx context.Context, t *Taken) error {
	return b.DB.InTx(ctx, func(tx store.Tx) error { return b.putReview(ctx, tx, t, nil) })
}

// putReview queues an event for a person. Ordinary messages to a sender that nobody defined make one review for the
// sender, which holds neither number nor text.
func (b *Inbox) putReview(ctx context.Context, tx store.Tx, t *Taken, held []Held) error {
	e := &t.from
	c := Content{
		Number: t.number, Provider: t.name, Event: e.ID, Brand: t.sender.Brand, Sender: e.Sender, Channel: e.Channel,
		Text: e.Text, At: e.At, Reading: t.read, Held: held,
	}
	key := e.ID + " " + e.Kind.String()
	switch {
	case t.Flag == UnknownNumber:
		c.Written = e.Number
	case t.Flag == UnknownSender && (t.Label == reply.None || t.Label == reply.Help):
		c = Content{Provider: t.name, Brand: t.sender.Brand, Sender: e.Sender, Channel: e.Channel}
		key = "sender " + e.Sender
	}
	id := ReviewID(b.Vault.Digest("review", t.name, key))
	raw, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode the review: %w", err)
	}
	lookup := b.Vault.Lookup(c.Number)
	_, err = tx.Exec(ctx, `
		INSERT INTO reviews (id, reason, recipient, sealed, created_at)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO NOTHING`, id[:], string(t.Flag), lookup[:], b.Vault.NotesKey().Seal(raw, reviewPlace(id)), b.Now().UnixMicro())
	if err != nil {
		return fmt.Errorf("queue the review: %w", err)
	}
	return nil
}

func reviewPlace(id ReviewID) uint64 { return binary.BigEndian.Uint64(id[:8]) }

// ErrNoReview says that there is no open review with an ID.
var ErrNoReview = errors.New("no such open review")

// Place is where a review stands among the open ones; the zero value is before all.
type Place struct {
	At time.Time
	ID ReviewID
}

// Place returns where the review stands.
func (v *Review) Place() Place { return Place{v.CreatedAt, v.ID} }

// String writes the place for a cursor or an address; ParsePlace reads it.
func (p Place) String() string { return ledger.FormatTime(p.At) + "." + p.ID.String() }

// ParsePlace reads what String wrote. Anything else is the zero value, with which a list begins anew.
func ParsePlace(text string) Place {
	cut := strings.LastIndexByte(text, '.')
	at, err := time.Parse(time.RFC3339Nano, text[:max(cut, 0)])
	if err != nil {
		return Place{}
	}
	id, err := ParseReviewID(text[cut+1:])
	if err != nil {
		return Place{}
	}
	return Place{at, id}
}

// Reviews returns up to limit open reviews that stand after a place, oldest first.
func (b *Inbox) Reviews(ctx context.Context, after Place, limit int) (out []Review, err error) {
	const query = `
		SELECT id, reason, created_at, sealed
		FROM reviews
		WHERE decided_at IS NULL AND (created_at > $1 OR created_at = $1 AND id > $2)
		ORDER BY created_at, id
		LIMIT $3`
	err = b.DB.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, query, after.At.UnixMicro(), after.ID[:], limit), func(r store.Row) error {
			v, err := b.scanReview(r)
			out = append(out, v)
			return err
		})
	})
	return out, err
}

// Review returns one open review, or ErrNoReview.
func (b *Inbox) Review(ctx context.Context, id ReviewID) (v Review, err error) {
	err = b.DB.Read(ctx, func(tx store.Tx) error {
		var scanned error
		err := store.One(tx.Query(ctx, "SELECT id, reason, created_at, sealed FROM reviews WHERE id = $1 AND decided_at IS NULL", id[:]), func(r store.Row) {
			v, scanned = b.scanReview(r)
		})
		if errors.Is(err, store.ErrNotFound) {
			err = ErrNoReview
		}
		return errors.Join(err, scanned)
	})
	return v, err
}

func (b *Inbox) scanReview(r store.Row) (Review, error) {
	v := Review{ID: ReviewID(r.Bytes(0)), Reason: Flag(r.Text(1)), CreatedAt: time.UnixMicro(r.Int64(2)).UTC()}
	raw, err := b.Vault.NotesKey().Open(r.Bytes(3), reviewPlace(v.ID))
	if err == nil {
		err = json.Unmarshal(raw, &v.Content)
	}
	if err != nil {
		return v, fmt.Errorf("open review %s: %w", v.ID, err)
	}
	return v, nil
}

// Forget deletes the reviews of a number, as when its subject is erased.
func (b *Inbox) Forget(ctx context.Context, n phone.Number) error {
	lookup := b.Vault.Lookup(n.WithoutExtension())
	return b.DB.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM reviews WHERE recipient = $1", lookup[:])
		return err
	})
}
