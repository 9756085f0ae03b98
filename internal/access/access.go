// Package access decides who may do what: people and keys, their roles and brands, and the one gate that every operation
// passes.
//
// A key is shown once, when it is made; what is kept is its SHA-256, which is enough for a secret of 160 random bits.
// How people prove who they are is kept elsewhere. Every key made or revoked, every person let in, changed or disabled,
// and every call refused to a known caller is an entry in the ledger. A revoked key and a disabled person are refused
// from the moment at which that was acknowledged.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// Caller is who makes a call: a person who is signed in, the holder of a key, or the process that owns the data directory.
type Caller struct {
	ID     string // as entries name it, such as key:k3v9… or person:7h2d…
	Name   string
	Role   Role
	Brands []consent.BrandID // the only ones the caller may act for; empty: all
}

// Local is the caller behind the command line on the machine that holds the data: whoever can read the master key.
var Local = &Caller{ID: "local", Name: "local command line", Role: Admin}

// IsPerson reports whether the caller is a person who signed in, not a key.
func (c *Caller) IsPerson() bool { return strings.HasPrefix(c.ID, personCaller) }

// Can reports whether the caller's role includes a permission.
func (c *Caller) Can(p Permission) bool { return c.Role.Includes(p) }

// For reports whether the caller may act for a brand.
func (c *Caller) For(b consent.BrandID) bool {
	return len(c.Brands) == 0 || slices.Contains(c.Brands, b)
}

// Key is what is kept of an API key.
type Key struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Role      Role              `json:"role"`
	Brands    []consent.BrandID `json:"brands,omitempty"`
	Hash      string            `json:"hash"` // SHA-256 of the secret, in hex
	CreatedAt ledger.Time       `json:"created_at"`
	CreatedBy string            `json:"created_by"`
	ExpiresAt *ledger.Time      `json:"expires_at,omitempty"`
	RevokedAt *ledger.Time      `json:"revoked_at,omitempty"`
	RevokedBy string            `json:"revoked_by,omitempty"`
}

// ErrUnknownKey says that a call carried no key, or one that is not in force.
var ErrUnknownKey = errors.New("the key is missing, unknown, expired or revoked")

// ErrNotFound says that there is no key or person with an ID.
var ErrNotFound = errors.New("no such key or person")

// ErrLastAdmin says that nobody would be left who can make keys and let people in.
var ErrLastAdmin = errors.New("this is the last admin: let another in or make another admin key first, or do this from the command line")

// DeniedError says that a caller may not do what they asked for.
type DeniedError struct {
	Role       Role
	Permission Permission
	Brand      consent.BrandID // set when the caller may do it, but not for this brand

	Only   []consent.BrandID // the brands for which the caller may do it
	Person bool              // whether the caller is a person, not a key
}

func (e *DeniedError) Error() string {
	who, role, another, other := "this key", "a key with role ", "another key", "one"
	if e.Person {
		who, role, another, other = "you", "people with role ", "an admin", "somebody"
	}
	if e.Brand != "" {
		// What was asked for is not repeated: it may be anything, a number too.
		return fmt.Sprintf("%s may not act for that brand, only for %s: ask for %s", who, list(e.Only), another)
	}
	return fmt.Sprintf("%s%s may not %s: ask for %s with role %s", role, e.Role, e.Permission, other, rolesWith(e.Permission))
}

// InvalidError says which field of a key or person is wrong, and what would be right.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return fmt.Sprintf("field %q: %s", e.Field, e.Reason) }

// Appender takes the entries that keys, people and denials make.
type Appender interface {
	AppendOne(context.Context, ledger.Item) (ledger.Result, error)
}

// Gate knows the keys and people in force. It is safe for concurrent use.
type Gate struct {
	ledger Appender
	now    func() time.Time

	// Fresh reports whether this node knows of every key that was revoked; nil: it does. Set it before the gate is used.
	Fresh func() bool

	changing sync.Mutex // held by whoever changes a key or a person, until the change is committed

	mu      sync.Mutex // guards:
	keys    map[string]Key
	people  map[string]Person
	since   map[string]uint64        // the entry that put each caller in force
	brands  map[consent.BrandID]bool // those that are defined
	inForce atomic.Pointer[holders]

	looks looks
}

// holders are the callers in force: keys by the hash of their secrets, and all by their IDs.
type holders struct {
	byHash map[[32]byte]*holder
	byID   map[string]*holder
}

type holder struct {
	Caller
	expires time.Time
	invited bool // a person who has not come in yet
}

// New returns a gate that knows no key and nobody yet.
func New(l Appender, now func() time.Time) *Gate {
	g := &Gate{
		ledger: l, now: now, keys: map[string]Key{}, people: map[string]Person{}, since: map[string]uint64{},
		brands: map[consent.BrandID]bool{},
	}
	g.inForce.Store(&holders{})
	return g
}

// Authenticate returns the caller who holds a secret, or ErrUnknownKey.
func (g *Gate) Authenticate(secret string) (*Caller, error) {
	// The map is keyed by a hash of the secret, so how long the search takes tells nothing about any secret.
	h, ok := g.inForce.Load().byHash[sha256.Sum256([]byte(secret))]
	if !ok || g.expired(h) {
		return nil, ErrUnknownKey
	}
	return &h.Caller, nil
}

// InForce returns nil while a caller is in force, and ErrUnknownKey from the moment at which the key was revoked or has
// expired, or the person was disabled. Whatever lasts, such as a stream, asks again before each piece that it reads or
// tells.
func (g *Gate) InForce(c *Caller) error {
	if c.ID == Local.ID {
		return nil
	}
	_, err := g.Caller(c.ID)
	return err
}

// Caller returns the caller in force with an ID, as it may act now, or ErrUnknownKey.
func (g *Gate) Caller(id string) (*Caller, error) {
	h, ok := g.inForce.Load().byID[id]
	if !ok || g.expired(h) {
		return nil, ErrUnknownKey
	}
	return &h.Caller, nil
}

func (g *Gate) expired(h *holder) bool { return !h.expires.IsZero() && !g.now().Before(h.expires) }

// ErrUnproven says that this node has lost touch with the others, so that the caller may have been shut out meanwhile.
var ErrUnproven = errors.New("this node cannot prove that the key is still in force: it has lost touch with the database")

// Proven returns nil if the caller is known to be in force now, else ErrUnproven. Without it nobody is told or may change
// anything but for two things, which do no harm in the wrong hands: a check, which such a node answers stale, and an act
// that restricts.
func (g *Gate) Proven(c *Caller) error {
	if g.Fresh == nil || !shutOut(c) || g.Fresh() {
		return nil
	}
	return ErrUnproven
}

// shutOut reports whether a caller is one that another node can shut out: the holder of a key, or a person.
func shutOut(c *Caller) bool { return strings.HasPrefix(c.ID, "key:") || c.IsPerson() }

// MayAsk is Authorize without a look at brands, for what is asked so often that a denial alone is worth an entry.
func (g *Gate) MayAsk(ctx context.Context, c *Caller, p Permission) error {
	if c.Can(p) {
		return g.provenFor(c, p)
	}
	return g.Authorize(ctx, c, p)
}

func (g *Gate) provenFor(c *Caller, p Permission) error {
	if p == Check || p == RecordConsent || p == ReadMetrics {
		return nil
	}
	return g.Proven(c)
}

// Authorize returns nil if the caller may do this. A denial is recorded, in a transaction of its own, and is an error.
func (g *Gate) Authorize(ctx context.Context, c *Caller, p Permission, brands ...consent.BrandID) error {
	if err := g.provenFor(c, p); err != nil {
		return err
	}
	denied := &DeniedError{Role: c.Role, Permission: p, Person: c.IsPerson()}
	if c.Can(p) {
		i := slices.IndexFunc(brands, func(b consent.BrandID) bool { return !c.For(b) })
		if i < 0 {
			return nil
		}
		denied.Brand, denied.Only = brands[i], c.Brands
	}
	_, err := g.ledger.AppendOne(ctx, ledger.Item{
		Kind: ledger.KindDenial, By: c.ID,
		Detail: map[string]string{"permission": string(p), "role": string(c.Role), "brand": string(g.defined(denied.Brand))},
	})
	if err != nil {
		return errors.Join(denied, fmt.Errorf("record the denial: %w", err))
	}
	return denied
}

// defined returns a brand that there is, and nothing for other words: entries are for ever, and hold no caller's text.
func (g *Gate) defined(b consent.BrandID) consent.BrandID {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b == consent.Any || g.brands[b] {
		return b
	}
	return ""
}

// list names up to ten brands.
func list(brands []consent.BrandID) string {
	const most = 10
	var out strings.Builder
	for i, b := range brands[:min(len(brands), most)] {
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteString(string(b))
	}
	if len(brands) > most {
		out.WriteString(" and others")
	}
	return out.String()
}

const (
	kindKey    = "key"
	kindPerson = "person"
	kindBrand  = "brand" // as package catalog names what it defines
	keyPrefix  = "cl_"

	keyCaller    = "key:"
	personCaller = "person:"
)

// Create makes a key and returns its secret, which is not kept.
func (g *Gate) Create(ctx context.Context, by *Caller, k Key) (Key, string, error) {
	if err := k.validate(); err != nil {
		return Key{}, "", err
	}
	if k.ExpiresAt != nil && !time.Time(*k.ExpiresAt).After(g.now()) {
		return Key{}, "", &InvalidError{"expires_at", "is not in the future"}
	}
	g.changing.Lock()
	defer g.changing.Unlock()
	secret := newSecret()
	sum := sha256.Sum256([]byte(secret))
	k.ID, k.Hash, k.CreatedBy = newID(), hex.EncodeToString(sum[:]), by.ID
	k.CreatedAt = ledger.Time(g.now().UTC().Truncate(time.Microsecond))
	k.RevokedAt, k.RevokedBy = nil, ""
	return k, secret, g.define(ctx, by, kindKey, k.ID, k, 0)
}

func (k *Key) validate() error {
	switch {
	case k.Name == "" || len(k.Name) > 200:
		return &InvalidError{"name", "want 1 to 200 bytes"}
	case !k.Role.known():
		return &InvalidError{"role", fmt.Sprintf("want one of %v", Roles)}
	}
	return nil
}

// Revoke ends a key. Revoking it again changes nothing. The last that could make others is ErrLastAdmin, except for
// the local command line, which can make one at any time.
func (g *Gate) Revoke(ctx context.Context, by *Caller, id string) (Key, error) {
	g.changing.Lock()
	defer g.changing.Unlock()
	seen := g.seen(keyCaller + id)
	k, err := g.Key(id)
	if err != nil {
		return Key{}, err
	}
	if k.RevokedAt != nil {
		return k, nil
	}
	if by.ID != Local.ID && g.lastAdmin(keyCaller+k.ID) {
		return Key{}, ErrLastAdmin
	}
	at := ledger.Time(g.now().UTC().Truncate(time.Microsecond))
	k.RevokedAt, k.RevokedBy = &at, by.ID
	return k, g.define(ctx, by, kindKey, k.ID, k, seen)
}

// lastAdmin reports whether nobody else in force may make keys and let people in, for all brands. Who was invited and
// never came in does not count.
func (g *Gate) lastAdmin(id string) bool {
	last := false
	for other, h := range g.inForce.Load().byID {
		switch {
		case !h.manages() || g.expired(h):
		case other == id:
			last = true
		case !h.invited:
			return false
		}
	}
	return last
}

func (h *holder) manages() bool {
	return h.Can(ManageKeys) && h.Can(ManagePeople) && len(h.Brands) == 0
}

// seen returns the entry that put in force what is known of a caller.
func (g *Gate) seen(id string) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.since[id]
}

// define records a key or a person; Apply, called when the entry is committed, puts it in force.
func (g *Gate) define(ctx context.Context, by *Caller, kind, id string, body any, seen uint64) error {
	item, err := ledger.Define(ledger.KindAccess, by.ID, kind, id, body)
	if err != nil {
		return err
	}
	item.Widens = seen == 0
	_, err = g.ledger.AppendOne(ctx, item.IfStill(kind, id, seen))
	return err
}

// Apply puts a committed key or person in force and learns of brands; definitions of other kinds are ignored.
func (g *Gate) Apply(d ledger.Definition) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch d.Kind {
	case kindBrand:
		g.brands[consent.BrandID(d.ID)] = true
		return nil
	case kindKey:
		var k Key
		if err := json.Unmarshal(d.Body, &k); err != nil {
			return fmt.Errorf("key %q: %w", d.ID, err)
		}
		g.keys[k.ID] = k
		g.since[keyCaller+k.ID] = d.Seq
	case kindPerson:
		var p Person
		if err := json.Unmarshal(d.Body, &p); err != nil {
			return fmt.Errorf("person %q: %w", d.ID, err)
		}
		g.people[p.ID] = p
		g.since[personCaller+p.ID] = d.Seq
	default:
		return nil
	}
	g.publish()
	return nil
}

// publish puts in force what is known. The caller holds mu.
func (g *Gate) publish() {
	next := &holders{byHash: make(map[[32]byte]*holder, len(g.keys)), byID: make(map[string]*holder, len(g.keys)+len(g.people))}
	for _, k := range g.keys {
		if k.RevokedAt != nil {
			continue
		}
		sum, err := hex.DecodeString(k.Hash)
		if err != nil || len(sum) != sha256.Size {
			continue // no secret has such a hash
		}
		h := &holder{Caller: Caller{ID: keyCaller + k.ID, Name: k.Name, Role: k.Role, Brands: k.Brands}}
		if k.ExpiresAt != nil {
			h.expires = time.Time(*k.ExpiresAt)
		}
		next.byHash[[32]byte(sum)], next.byID[h.ID] = h, h
	}
	for _, p := range g.people {
		if p.DisabledAt == nil {
			h := &holder{Caller: Caller{ID: p.CallerID(), Name: p.Name, Role: p.Role, Brands: p.Brands}, invited: p.JoinedAt == nil}
			next.byID[h.ID] = h
		}
	}
	g.inForce.Store(next)
}

// Key returns what is kept of one key, or ErrNotFound.
func (g *Gate) Key(id string) (Key, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k, ok := g.keys[id]
	if !ok {
		return Key{}, fmt.Errorf("key %q: %w", id, ErrNotFound)
	}
	return k, nil
}

// Keys returns what is kept of all keys, by ID.
func (g *Gate) Keys() []Key {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.SortedFunc(maps.Values(g.keys), func(a, b Key) int { return strings.Compare(a.ID, b.ID) })
}

var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func newID() string { return encoding.EncodeToString(random(5)) }

// newSecret draws a secret: 160 random bits, and a checksum by which scanners tell a leaked key from a random word.
func newSecret() string {
	body := encoding.EncodeToString(random(20))
	sum := crc32.ChecksumIEEE([]byte(body))
	return keyPrefix + body + encoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

func random(n int) []byte {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return b
}
