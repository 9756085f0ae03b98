package preference

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/messaging/outbox"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// How long a code works, and how long the link that it is exchanged for does.
const (
	CodeLasts  = 10 * time.Minute
	EntryLasts = time.Hour
)

// The budgets of codes: what strangers can make us send. They count requests for unknown numbers as well.
const (
	codesPerNumber  = 3
	codesPerAddress = 10
	codesInAll      = 500
	codesSpan       = time.Hour

	// maxMisses is how many wrong entries end a code: a guess at six digits then succeeds once in 200,000 tries.
	maxMisses = 5
)

var (
	// ErrTooMany says that a budget of codes is spent. It is the same for numbers that are known and for others.
	ErrTooMany = errors.New("too many codes were asked for")

	// ErrWrongCode says that a code is wrong, has ended, was used, or was never sent.
	ErrWrongCode = errors.New("the code is not the one that was sent, or has ended")
)

// Codes let people into their own preference centre by a code that is sent to their number. It is safe for concurrent
// use. It stores the table preference_codes; losing it makes people ask for a new code.
type Codes struct {
	Ledger  *ledger.Ledger
	Catalog *catalog.Catalog
	DB      store.DB
	Vault   *vault.Vault
	Outbox  *outbox.Outbox
	Links   *Links
	Now     func() time.Time

	// ProviderOf returns which provider a sender's messages go through.
	ProviderOf func(catalog.Sender) string
}

// CodeRequest asks for a code.
type CodeRequest struct {
	Number  phone.Number
	Brand   catalog.Brand
	Address string                   // where the request came from; it has a budget of its own
	Text    func(code string) string // the message that brings the code
}

// Send sends a code to a number that the brand knows, and to no other, and returns the name of the request either way:
// what is answered, and the work that is done, are the same. Errors are ErrTooMany, or the storage's.
func (c *Codes) Send(ctx context.Context, q CodeRequest) (id string, err error) {
	subject, err := c.known(ctx, q)
	if err != nil {
		return "", err
	}
	var raw [16]byte
	random(raw[:])
	id = hex.EncodeToString(raw[:])
	code, now := newCode(), c.Now()
	lookup, address := c.Vault.Lookup(q.Number.WithoutExtension()), c.Vault.Digest("preference address", q.Address)
	err = c.DB.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM preference_codes WHERE created_at < $1", now.Add(-24*time.Hour).UnixMicro()); err != nil {
			return err
		}
		if err := c.within(ctx, tx, lookup[:], address[:], now); err != nil {
			return err
		}
		digest := c.digest(id, code)
		_, err := tx.Exec(ctx, `
			INSERT INTO preference_codes (id, recipient, subject, brand, address, code, misses, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)`,
			raw[:], lookup[:], subject, string(q.Brand.ID), address[:], digest, now.UnixMicro(), now.Add(CodeLasts).UnixMicro())
		if err != nil || subject == nil {
			return err
		}
		_, err = c.Outbox.Put(ctx, tx, c.message(q, raw, code, now))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("send a code: %w", err)
	}
	return id, nil
}

// known returns whom a code lets in: who is held under the brand, at a line that can get it. Nil means nobody.
func (c *Codes) known(ctx context.Context, q CodeRequest) (any, error) {
	switch phone.Type(q.Number) {
	case phone.Mobile, phone.FixedOrMobile, phone.VoIP:
	default:
		return nil, nil
	}
	subject, err := c.Ledger.ByNumber(ctx, q.Number.WithoutExtension())
	if errors.Is(err, ledger.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, h := range subject.Records {
		if h.Scope.Brand == q.Brand.ID || h.Scope.Brand == consent.Any {
			return subject.ID[:], nil
		}
	}
	return nil, nil
}

// within holds a request against the budgets. Transactions that run side by side on PostgreSQL may exceed one by as many
// as there are.
func (c *Codes) within(ctx context.Context, tx store.Tx, recipient, address []byte, now time.Time) error {
	since := now.Add(-codesSpan).UnixMicro()
	for _, b := range []struct {
		where string
		args  []any
		most  int64
	}{
		{" AND recipient = $2", []any{since, recipient}, codesPerNumber},
		{" AND address = $2", []any{since, address}, codesPerAddress},
		{"", []any{since}, codesInAll},
	} {
		var n int64
		rows := tx.Query(ctx, "SELECT COUNT(*) FROM preference_codes WHERE created_at > $1"+b.where, b.args...)
		if err := store.One(rows, func(r store.Row) { n = r.Int64(0) }); err != nil {
			return err
		}
		if n >= b.most {
			return ErrTooMany
		}
	}
	return nil
}

func (c *Codes) message(q CodeRequest, id [16]byte, code string, now time.Time) outbox.Message {
	var from catalog.Sender
	for _, s := range c.Catalog.Senders() {
		if s.Brand == q.Brand.ID && s.Channel == consent.SMS && !s.Retired && (from.ID == "" || from.Purpose != "" && s.Purpose == "") {
			from = s
		}
	}
	return outbox.Message{
		ID: id, Kind: "preference_code", Provider: c.ProviderOf(from), To: q.Number.WithoutExtension(), From: from.Address,
		Channel: consent.SMS, Text: q.Text(code), DueAt: now, ExpiresAt: now.Add(CodeLasts),
	}
}

// Enter exchanges a code for the token of a link that works for EntryLasts. A code works once. Errors are ErrWrongCode,
// or the storage's.
func (c *Codes) Enter(ctx context.Context, id, code string) (token string, err error) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 16 {
		return "", ErrWrongCode
	}
	digest := c.digest(id, strings.Join(strings.Fields(code), ""))
	right := false
	var subject ledger.SubjectID
	var brand consent.BrandID
	err = c.DB.InTx(ctx, func(tx store.Tx) error {
		right = false
		var kept []byte
		var misses, expires int64
		const query = "SELECT subject, brand, code, misses, expires_at FROM preference_codes WHERE id = $1"
		err := store.One(tx.Query(ctx, query+c.DB.Dialect().ForUpdate(), raw), func(r store.Row) {
			if !r.IsNull(0) {
				copy(subject[:], r.Bytes(0))
			}
			brand, kept, misses, expires = consent.BrandID(r.Text(1)), append([]byte(nil), r.Bytes(2)...), r.Int64(3), r.Int64(4)
		})
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil || misses >= maxMisses || c.Now().UnixMicro() >= expires {
			return err
		}
		right = subject != (ledger.SubjectID{}) && subtle.ConstantTimeCompare(kept, digest) == 1
		change := "UPDATE preference_codes SET misses = misses + 1 WHERE id = $1"
		if right {
			change = "UPDATE preference_codes SET expires_at = 0 WHERE id = $1"
		}
		_, err = tx.Exec(ctx, change, raw)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("compare the code: %w", err)
	}
	if !right {
		return "", ErrWrongCode
	}
	return c.Links.Sign(subject, brand, EntryLasts), nil
}

func (c *Codes) digest(id, code string) []byte {
	d := c.Vault.Digest("preference code", id, code)
	return d[:]
}

func random(b []byte) {
	if _, err := rand.Read(b); err != nil {
		panic(err) // crypto/rand does not fail
	}
}

// newCode draws six digits, each as likely as any other.
func newCode() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return fmt.Sprintf("%06d", n)
}
