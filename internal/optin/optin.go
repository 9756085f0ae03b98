// Package optin asks people to confirm what was asked in their name (double opt-in), and takes in keywords by which
// they opt in themselves.
//
// A request is an act in the ledger (requested: the record is pending and every check denies) and a row in the table
// optins, written in the entry's transaction, together with the question in the outbox. Confirming it is another act,
// granted and confirmed, which tells both moments. Others may rely on this: no question goes out past a budget, to a
// country that is not allowed or to a line that costs money to reach; where a budget cannot be read, nothing goes out;
// a request that was confirmed, expired or refused never comes back to life.
package optin

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/messaging/filelog"
	"github.com/consentline/consentline/internal/messaging/outbox"
	"github.com/consentline/consentline/internal/messaging/texts"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// Means is how a person confirms.
type Means string

// The means. A code is sent to the number and entered where the request was made; a link is sent and opened.
const (
	ByReply Means = "reply"
	ByCode  Means = "code"
	ByLink  Means = "link"
)

// Request asks for the confirmation of a consent.
type Request struct {
	Number string
	Region string

	Brand   consent.BrandID // empty: default
	Purpose consent.PurposeID
	Channel consent.Channel // that the question goes out on, and that the consent is for
	Level   consent.Level   // of the consent once confirmed; empty: express

	Means  Means  // empty: reply
	Sender string // a sender's ID; empty: the brand's first one for the channel and purpose

	// What the person was shown: a reference id@version, or the exact words with their language.
	Disclosure string
	Text       string
	Language   string

	Source         consent.Source // empty: web_form
	Method         string
	Evidence       string
	Address        string // where the request came from, such as an IP address; for its budget and the entry
	Proof          string // of work or of being human, for Config.Challenge
	Actor          string
	IdempotencyKey string
}

// Status is where a request stands.
type Status string

// The statuses.
const (
	Open      Status = "pending"
	Confirmed Status = "confirmed"
	Expired   Status = "expired"
	Ended     Status = "ended" // by a no
)

var statuses = []Status{Open, Confirmed, Expired, Ended}

// the states in the table, as indexes into statuses
const (
	stateOpen = iota
	stateConfirmed
	stateExpired
	stateEnded
)

// ID names a request; it is random.
type ID [16]byte

// String returns the ID in hex.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads what String wrote; anything else is ErrNotFound.
func ParseID(text string) (id ID, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(id) {
		return id, ErrNotFound
	}
	return ID(raw), nil
}

// Standing is a request as it stands.
type Standing struct {
	ID        ID
	Scope     consent.Scope
	Status    Status
	Seq       uint64 // the entry of the request
	Settled   uint64 // the entry that settled it, zero while it is open
	Sent      int    // how often the question was queued
	SentAt    time.Time
	CreatedAt time.Time
	ExpiresAt time.Time
	misses    int64
	secret    []byte
}

// Asked is what became of a request. Again says that it was open already, and Resent that its question goes out anew.
type Asked struct {
	Standing
	Subject ledger.SubjectID
	Again   bool
	Resent  bool
}

// ErrNotFound says that there is no such request, or that it is settled.
var ErrNotFound = errors.New("no such open request for confirmation")

// The codes of a RefusedError; they are stable.
const (
	CodeCountry   = "country_not_allowed"
	CodeLine      = "line_not_allowed"
	CodeOptedOut  = "opted_out"
	CodeListed    = "suppressed"
	CodeStands    = "already_granted"
	CodeBudget    = "budget_spent"
	CodeBreaker   = "too_few_confirm"
	CodeTooSoon   = "resend_too_soon"
	CodeResends   = "resend_limit"
	CodeChallenge = "challenge_failed"
	CodeWrong     = "wrong_code"
	CodeLocked    = "too_many_wrong_codes"
)

// RefusedError says why no question goes out, or why a confirmation does not count. It never repeats the number.
type RefusedError struct {
	Code       string
	Reason     string
	RetryAfter time.Duration // zero: trying again will not help
}

func (e *RefusedError) Error() string { return e.Reason }

// Config is what requests stand on.
type Config struct {
	Ledger  *ledger.Ledger
	Catalog *catalog.Catalog
	DB      store.DB
	Vault   *vault.Vault
	Outbox  *outbox.Outbox
	Now     func() time.Time

	Texts    *texts.Set    // nil: the built-in words
	Lifetime time.Duration // how long a person may take to confirm; zero: 30 days
	LinkBase string        // what a link begins with, up to its token; empty: links cannot be asked for
	Limits   Limits

	// ProviderOf returns which provider a sender's messages go through. Nil: the file of messages.
	ProviderOf func(catalog.Sender) string

	// Listed reports whether a number stands on a suppression list that holds for a brand. Nil: none does.
	Listed func(phone.Number, consent.BrandID) bool

	Challenge Challenge // nil: requests need no proof
}

// Requests keeps requests for confirmation. It is safe for concurrent use.
type Requests struct {
	Config
}

// fileProvider is the provider that sends nothing: it writes messages into a file.
const fileProvider = filelog.Name

const defaultLifetime = 30 * 24 * time.Hour

// New returns the requests of a ledger.
func New(c Config) *Requests {
	if c.Texts == nil {
		c.Texts = texts.Default()
	}
	if c.Lifetime <= 0 {
		c.Lifetime = defaultLifetime
	}
	if c.ProviderOf == nil {
		c.ProviderOf = func(catalog.Sender) string { return fileProvider }
	}
	if c.Listed == nil {
		c.Listed = func(phone.Number, consent.BrandID) bool { return false }
	}
	c.Limits = c.Limits.withDefaults()
	return &Requests{c}
}

// asking is a request that was found sound.
type asking struct {
	Request
	number  phone.Number
	scope   consent.Scope
	brand   catalog.Brand
	sender  catalog.Sender
	ref     consent.DisclosureRef
	wording catalog.Wording
	id      ID
	code    string
	token   string
}

// Ask records a request and queues its question. A request that is open already is not recorded again: its question
// goes out anew, within the limits of resending. Errors are *act.InvalidError, *RefusedError, or the ledger's.
func (r *Requests) Ask(ctx context.Context, caller *access.Caller, q Request) (Asked, error) {
	a, err := r.prepare(ctx, caller, q)
	if err != nil {
		return Asked{}, err
	}
	if err := r.mayAsk(ctx, &a); err != nil {
		return Asked{}, err
	}
	if open, err := r.Open(ctx, a.number, a.scope); err != nil {
		return Asked{}, err
	} else if len(open) > 0 {
		return r.again(ctx, &a, open[0])
	}
	if err := r.spend(ctx, &a); err != nil {
		return Asked{}, err
	}
	now := r.Now()
	s := Standing{ID: a.id, Scope: a.scope, Status: Open, Sent: 1, SentAt: now, CreatedAt: now, ExpiresAt: now.Add(r.Lifetime)}
	item := a.item(caller)
	item.Effect = func(ctx context.Context, tx store.Tx, seq uint64) error {
		if err := r.insert(ctx, tx, &a, s, seq); err != nil {
			return err
		}
		_, err := r.Outbox.Put(ctx, tx, r.question(&a, s))
		return err
	}
	result, err := r.Ledger.AppendOne(ctx, item)
	if err != nil {
		return Asked{}, err
	}
	if result.Outcome == ledger.Duplicate {
		return r.repeated(ctx, result)
	}
	s.Seq = result.Seq
	return Asked{Standing: s, Subject: result.Subject}, nil
}

// repeated answers a request that came again with its idempotency key after it was settled.
func (r *Requests) repeated(ctx context.Context, result ledger.Result) (Asked, error) {
	s, err := r.find(ctx, "seq = $1", result.Seq)
	return Asked{Standing: s, Subject: result.Subject, Again: true}, err
}

// Detail is what an entry of this package says beyond the act: how it was asked, or how it was confirmed.
type Detail struct {
	OptIn       string       `json:"optin"`
	Means       Means        `json:"means,omitempty"`
	Level       string       `json:"level,omitempty"`
	Sender      string       `json:"sender,omitempty"`
	Address     string       `json:"address,omitempty"`
	RequestedAt *ledger.Time `json:"requested_at,omitempty"`
	Requested   uint64       `json:"requested,omitempty"` // the entry of the request
	Message     any          `json:"message,omitempty"`   // the text that confirmed
}

func (a *asking) item(caller *access.Caller) ledger.Item {
	return ledger.Item{
		Kind: ledger.KindAct, Number: a.number, By: caller.ID, Actor: a.Actor, IdempotencyKey: a.IdempotencyKey,
		Act: consent.Act{
			Kind: consent.Requested, Scope: a.scope, Source: a.Source, Method: a.Method, Disclosure: a.ref, Evidence: a.Evidence,
		},
		// The ID is random, so it stays out of what a repetition is compared by: the row leads to the entry.
		Detail: Detail{Means: a.Means, Level: a.Level.String(), Sender: a.sender.ID, Address: a.Address},
	}
}

func (r *Requests) insert(ctx context.Context, tx store.Tx, a *asking, s Standing, seq uint64) error {
	lookup := r.Vault.Lookup(a.number)
	_, err := tx.Exec(ctx, `
		INSERT INTO optins (id, recipient, brand, purpose, channel, seq, state, secret, misses, sent, sent_at, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, 0, $7, 0, 1, $8, $9, $10)`,
		a.id[:], lookup[:], string(a.scope.Brand), string(a.scope.Purpose), a.scope.Channel.String(), seq, r.secret(a),
		s.SentAt.UnixMicro(), s.CreatedAt.UnixMicro(), s.ExpiresAt.UnixMicro())
	if err != nil {
		return fmt.Errorf("write the request for confirmation: %w", err)
	}
	return nil
}

// secret is the keyed hash by which a code or a token is known again; replies have none.
func (r *Requests) secret(a *asking) any {
	switch a.Means {
	case ByCode:
		return r.digestCode(a.id, a.code)
	case ByLink:
		return r.digestToken(a.token)
	}
	return nil
}

func (r *Requests) digestCode(id ID, code string) []byte {
	d := r.Vault.Digest("optin code", id.String(), code)
	return d[:]
}

func (r *Requests) digestToken(token string) []byte {
	d := r.Vault.Digest("optin link", token)
	return d[:]
}

// question is the message that asks. Each sending of it has an ID of its own.
func (r *Requests) question(a *asking, s Standing) outbox.Message {
	kind := map[Means]texts.Kind{ByReply: texts.AskReply, ByCode: texts.AskCode, ByLink: texts.AskLink}[a.Means]
	link := ""
	if a.token != "" {
		link = r.LinkBase + a.token
	}
	return outbox.Message{
		ID: r.Vault.Digest("optin question", a.id.String(), fmt.Sprint(s.Sent)), Kind: string(kind), Provider: r.ProviderOf(a.sender),
		To: a.number, From: a.sender.Address, Channel: a.scope.Channel,
		Text: r.Texts.Text(kind, a.wording.Language, texts.Fill{
			Brand: a.brand.Name, Contact: a.brand.Contact, Code: a.code, Link: link, Disclosure: a.wording.Text,
		}),
		DueAt: s.SentAt, ExpiresAt: s.SentAt.Add(questionTime),
	}
}

// questionTime is how late a question may still go out: whoever asked for it has gone after that.
const questionTime = 15 * time.Minute

func newID() (id ID) {
	random(id[:])
	return id
}

func random(b []byte) {
	if _, err := rand.Read(b); err != nil {
		panic(err) // crypto/rand does not fail
	}
}

// newCode draws six digits, each as likely as any other.
func newCode() string {
	var b [8]byte
	random(b[:])
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	// 2^64 is not a multiple of a million; what that favours is one part in 2^44.
	return fmt.Sprintf("%06d", n%1_000_000)
}
