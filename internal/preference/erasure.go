package preference

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// ErrNoRequest says that nobody waits for erasure under an entry.
var ErrNoRequest = errors.New("no such open request for erasure")

// Erasures keeps the requests of people who want to be erased until somebody has seen to them. Asking and settling are
// entries; the table erasure_requests is written in their transactions. Asking erases nothing by itself.
type Erasures struct {
	Ledger *ledger.Ledger
	DB     store.DB
	Now    func() time.Time
}

// Erasure is a request that waits.
type Erasure struct {
	Entry   uint64 // of the request
	Subject ledger.SubjectID
	Brand   consent.BrandID
	AskedAt time.Time
}

// Outcome is how a request for erasure was settled.
type Outcome string

// The outcomes. Refused needs a reason that the person can be told, such as a duty to keep the records.
const (
	Erased  Outcome = "erased"
	Refused Outcome = "refused"
)

// erasureDetail is what the entries say. No number is in it.
type erasureDetail struct {
	Made    string          `json:"made"`
	Subject string          `json:"subject"`
	Brand   consent.BrandID `json:"brand"`
	Asked   uint64          `json:"asked,omitempty"`
	Outcome Outcome         `json:"outcome,omitempty"`
	Reason  string          `json:"reason,omitempty"`
}

// Ask records that a person asks a brand to erase them. Asking again while the request waits records nothing.
func (e *Erasures) Ask(ctx context.Context, by string, subject ledger.SubjectID, brand consent.BrandID) error {
	if _, err := e.Of(ctx, subject, brand); !errors.Is(err, ErrNoRequest) {
		return err
	}
	_, err := e.Ledger.AppendOne(ctx, ledger.Item{
		Kind: ledger.KindRequest, By: by, Widens: true,
		Detail: erasureDetail{Made: "request for erasure", Subject: hex.EncodeToString(subject[:]), Brand: brand},
		Effect: func(ctx context.Context, tx store.Tx, seq uint64) error {
			_, err := tx.Exec(ctx, `
				INSERT INTO erasure_requests (entry, subject, brand, asked_at)
				VALUES ($1, $2, $3, $4)
				ON CONFLICT DO NOTHING`, // two that were asked at once are one
				seq, subject[:], string(brand), e.Now().UnixMicro())
			return err
		},
	})
	if err != nil {
		return fmt.Errorf("record the request for erasure: %w", err)
	}
	return nil
}

const erasureColumns = "SELECT entry, subject, brand, asked_at FROM erasure_requests WHERE settled_at IS NULL AND "

func scanErasure(r store.Row) Erasure {
	return Erasure{
		Entry: uint64(r.Int64(0)), Subject: ledger.SubjectID(r.Bytes(1)), Brand: consent.BrandID(r.Text(2)), AskedAt: time.UnixMicro(r.Int64(3)).UTC(),
	}
}

// Of returns the request of a person to a brand that waits, or ErrNoRequest.
func (e *Erasures) Of(ctx context.Context, subject ledger.SubjectID, brand consent.BrandID) (Erasure, error) {
	return e.one(ctx, "subject = $1 AND brand = $2", subject[:], string(brand))
}

// Get returns the request of an entry that waits, or ErrNoRequest.
func (e *Erasures) Get(ctx context.Context, entry uint64) (Erasure, error) {
	return e.one(ctx, "entry = $1", entry)
}

func (e *Erasures) one(ctx context.Context, where string, args ...any) (out Erasure, err error) {
	err = e.DB.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, erasureColumns+where, args...), func(r store.Row) { out = scanErasure(r) })
	})
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNoRequest
	}
	return out, err
}

// Waiting returns up to limit requests that came after an entry, the oldest first.
func (e *Erasures) Waiting(ctx context.Context, after uint64, limit int) (out []Erasure, err error) {
	err = e.DB.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, erasureColumns+"entry > $1 ORDER BY entry LIMIT $2", after, limit), func(r store.Row) error {
			out = append(out, scanErasure(r))
			return nil
		})
	})
	return out, err
}

// Settle closes a request, with who did it and why. ErrNoRequest means that it does not wait, or no longer.
func (e *Erasures) Settle(ctx context.Context, by, actor string, entry uint64, o Outcome, reason string) error {
	one, err := e.Get(ctx, entry)
	if err != nil {
		return err
	}
	_, err = e.Ledger.AppendOne(ctx, ledger.Item{
		Kind: ledger.KindRequest, By: by, Actor: actor, Widens: true,
		Detail: erasureDetail{
			Made: "request for erasure settled", Subject: hex.EncodeToString(one.Subject[:]), Brand: one.Brand, Asked: entry, Outcome: o, Reason: reason,
		},
		Guard: func(ctx context.Context, tx store.Tx) error {
			err := store.One(tx.Query(ctx, erasureColumns+"entry = $1", entry), func(store.Row) {})
			if errors.Is(err, store.ErrNotFound) {
				return ledger.ErrChanged
			}
			return err
		},
		Effect: func(ctx context.Context, tx store.Tx, _ uint64) error {
			_, err := tx.Exec(ctx, "UPDATE erasure_requests SET settled_at = $2 WHERE entry = $1", entry, e.Now().UnixMicro())
			return err
		},
	})
	if errors.Is(err, ledger.ErrChanged) {
		return ErrNoRequest
	}
	return err
}
