package sync

import (
	"context"
	"crypto/hmac"
	"errors"
	"hash"
	"net/http"
	"strconv"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
)

// Hearing is a Connector whose system tells by callbacks what was changed there.
type Hearing interface {
	Connector

	// Hear returns what a callback tells, once it has proved that it comes from the system: else ErrForged. It may ask
	// the system for what the callback leaves out. Another error means that the callback is to be sent again.
	Hear(ctx context.Context, c Callback) ([]Heard, error)
}

// Callback is a request of an outside system.
type Callback struct {
	Method, URL string // as the system wrote them
	Header      http.Header
	Body        []byte
	At          time.Time // when it came
}

// Heard is a change that was made in an outside system.
type Heard struct {
	ID      string // of the change there, the same however often it is told; empty: it has none
	Number  string // as the system writes it
	Scope   consent.Scope
	Granted bool
	At      time.Time // when it was made there; zero: when it was heard of
	Ours    bool      // the system says that it was this program that made it
}

// ErrForged says that a callback does not prove that it comes from the system.
var ErrForged = errors.New("the callback is not signed as the system signs")

// InboundSecret is the setting that holds what callbacks are signed with.
func InboundSecret(doc string) Setting {
	return Setting{Name: "inbound_secret", Doc: doc + "; without it callbacks are refused", Secret: true}
}

// MaxCallbackAge is how old a signature that has a date may be, and how far ahead.
const MaxCallbackAge = 5 * time.Minute

// Proven reports whether a MAC over the parts is the one given. An empty secret proves nothing.
func Proven(h func() hash.Hash, secret string, given []byte, parts ...string) bool {
	if secret == "" {
		return false
	}
	mac := hmac.New(h, []byte(secret))
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return hmac.Equal(mac.Sum(nil), given)
}

// Recent reports whether a moment, given in units since 1970 as a header has it, is close to now.
func Recent(text string, unit time.Duration, now time.Time) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > int64(1<<62)/int64(unit) {
		return false
	}
	return now.Sub(time.Unix(0, n*int64(unit))).Abs() <= MaxCallbackAge
}

// Scope returns the scope that a system holds in a place.
func (m Mapping) Scope(place string) (consent.Scope, bool) {
	for _, to := range m {
		if to.Value == place {
			return to.Scope, true
		}
	}
	return consent.Scope{}, false
}

// keptSaid is how long an echo may take to come back.
const keptSaid = 30 * 24 * time.Hour

// said writes down what a system that reports changes back was told, within a transaction.
func (r *runner) said(ctx context.Context, tx store.Tx, outcomes []outcome) error {
	if _, hears := r.connector.(Hearing); !hears {
		return nil
	}
	var rows [][]any
	for i := range outcomes {
		o := &outcomes[i]
		if o.err == nil && !o.from.IsZero() {
			granted := int64(1 - rank(o.Granted(o.from)))
			rows = append(rows, []any{r.definition.ID, o.Subject[:], o.Scope.String(), o.Seq, granted, o.from.UnixMicro(), o.at.UnixMicro()})
		}
	}
	const query = `
		INSERT INTO sync_said (destination, subject, scope, seq, granted, from_at, to_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (destination, subject, scope, seq, granted) DO UPDATE SET to_at = excluded.to_at`
	return tx.ExecMany(ctx, query, rows)
}

// Said reports whether a destination was being told a yes, or a no, of a person in a scope at a moment.
func (e *Engine) Said(ctx context.Context, id string, who ledger.SubjectID, s consent.Scope, granted bool, at time.Time) (found bool, err error) {
	const query = "SELECT scope FROM sync_said WHERE destination = $1 AND subject = $2 AND granted = $3 AND from_at <= $4 AND to_at >= $5"
	err = e.DB.Read(ctx, func(tx store.Tx) error {
		args := []any{id, who[:], int64(1 - rank(granted)), at.Add(clockSkew).UnixMicro(), at.Add(-clockSkew).UnixMicro()}
		return store.Each(tx.Query(ctx, query, args...), func(r store.Row) error {
			told, err := ParseScope(r.Text(0))
			found = found || told.Covers(s)
			return err
		})
	})
	return found, err
}

// clockSkew is how far the clocks of other systems may stand from ours, seconds that they round off among it.
const clockSkew = 2 * time.Second

// Holding returns the record that stands for a number in a scope, of its own or by a no that covers it.
func (e *Engine) Holding(ctx context.Context, n phone.Number, s consent.Scope) (ledger.Subject, Held, bool, error) {
	who, err := e.Ledger.ByNumber(ctx, n)
	if errors.Is(err, ledger.ErrNotFound) {
		return who, Held{}, false, nil
	}
	h, ok := holding(who, s)
	return who, h, ok, err
}
