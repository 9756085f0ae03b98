// Package catalog holds what operators define before anybody can consent to it: brands, purposes, senders and
// disclosures.
//
// Every definition and every change of one is an entry in the ledger. Others may rely on a disclosure's version: once
// made, its words never change. The definitions in force are kept in memory as well; they are read from the table
// definitions at start and follow the ledger from there.
package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// Appender takes the entries that definitions make.
type Appender interface {
	AppendOne(context.Context, ledger.Item) (ledger.Result, error)
}

// Catalog holds the definitions in force. It is safe for concurrent use.
type Catalog struct {
	ledger Appender

	changing sync.Mutex // held from looking whether an ID is taken until its entry is committed

	mu          sync.RWMutex
	brands      map[consent.BrandID]Brand
	purposes    map[consent.PurposeID]Purpose
	senders     map[string]Sender
	disclosures map[string]Disclosure
	wordings    map[string]consent.DisclosureRef // by the hash of language and words
	since       map[string]uint64                // the entry that put each definition in force, by kind and ID
}

// New returns an empty catalog.
func New(l Appender) *Catalog {
	return &Catalog{
		ledger: l, brands: map[consent.BrandID]Brand{}, purposes: map[consent.PurposeID]Purpose{},
		senders: map[string]Sender{}, disclosures: map[string]Disclosure{}, wordings: map[string]consent.DisclosureRef{},
		since: map[string]uint64{},
	}
}

// Brand is an organisation on whose behalf contact is made.
type Brand struct {
	ID      consent.BrandID `json:"id"`
	Name    string          `json:"name"`
	Country string          `json:"country,omitempty"` // ISO 3166-1 alpha-2: where it is established
	Contact string          `json:"contact,omitempty"` // how a person reaches it

	// How its public pages look and where they lead; see Look for what each may be.
	Colour  string `json:"colour,omitempty"`
	Logo    string `json:"logo,omitempty"`
	Site    string `json:"site,omitempty"`
	Privacy string `json:"privacy,omitempty"`
	Terms   string `json:"terms,omitempty"`

	Retired bool `json:"retired,omitempty"`
}

// Purpose is what contact is for.
type Purpose struct {
	ID          consent.PurposeID `json:"id"`
	Name        string            `json:"name"`
	Class       consent.Class     `json:"class"`
	Description string            `json:"description,omitempty"`
	DoubleOptIn bool              `json:"double_opt_in,omitempty"` // a yes to messages counts once the person confirmed it
	Retired     bool              `json:"retired,omitempty"`
}

// Sender is what a brand's messages and calls come from.
type Sender struct {
	ID      string            `json:"id"`
	Brand   consent.BrandID   `json:"brand"`
	Kind    string            `json:"kind"`
	Address string            `json:"address"` // an E.164 number, a short code, or the provider's name for it
	Channel consent.Channel   `json:"channel"`
	Purpose consent.PurposeID `json:"purpose,omitempty"` // what it is used for, where it has one use
	Retired bool              `json:"retired,omitempty"`
}

// SenderKinds are the kinds a sender can have.
var SenderKinds = []string{"number", "short_code", "alphanumeric", "messaging_service", "whatsapp_number"}

// The kinds of definition that the catalog keeps, as they stand in the table definitions.
const (
	kindBrand      = "brand"
	kindPurpose    = "purpose"
	kindSender     = "sender"
	kindDisclosure = "disclosure"
)

// ErrNotFound says that nothing is defined under an ID.
var ErrNotFound = errors.New("not defined")

// ErrExists says that an ID is taken.
var ErrExists = errors.New("is defined already")

// InvalidError says which field of a definition is wrong, and what would be right.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return fmt.Sprintf("field %q: %s", e.Field, e.Reason) }

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

func validID(id string) error {
	if !idPattern.MatchString(id) {
		return &InvalidError{"id", "want 1 to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit"}
	}
	return nil
}

func validName(name string) error {
	if name == "" || len(name) > 200 {
		return &InvalidError{"name", "want 1 to 200 bytes"}
	}
	return nil
}

// CreateBrand defines a new brand.
func (c *Catalog) CreateBrand(ctx context.Context, by string, b Brand) (Brand, error) {
	return create(ctx, c, by, kindBrand, string(b.ID), b, b.validate(), c.Brand)
}

// ChangeBrand changes a brand that is there.
func (c *Catalog) ChangeBrand(ctx context.Context, by string, b Brand) (Brand, error) {
	return change(ctx, c, by, kindBrand, string(b.ID), b, b.validate(), c.Brand)
}

func (b Brand) validate() error {
	if b.Country != "" && !regionPattern.MatchString(b.Country) {
		return &InvalidError{"country", "want an ISO 3166-1 alpha-2 code, such as FI"}
	}
	return errors.Join(validID(string(b.ID)), validName(b.Name), b.validLook())
}

var regionPattern = regexp.MustCompile(`^[A-Z]{2}$`)

// CreatePurpose defines a new purpose.
func (c *Catalog) CreatePurpose(ctx context.Context, by string, p Purpose) (Purpose, error) {
	return create(ctx, c, by, kindPurpose, string(p.ID), p, p.validate(), c.Purpose)
}

// ChangePurpose changes a purpose that is there. Its class stays: consents were given for it.
func (c *Catalog) ChangePurpose(ctx context.Context, by string, p Purpose) (Purpose, error) {
	if old, err := c.Purpose(string(p.ID)); err == nil && old.Class != p.Class {
		return Purpose{}, &InvalidError{"class", "cannot be changed, since consents were given for it: define another purpose"}
	}
	return change(ctx, c, by, kindPurpose, string(p.ID), p, p.validate(), c.Purpose)
}

func (p Purpose) validate() error {
	if p.Class == consent.NoClass {
		return &InvalidError{"class", "want one of marketing, transactional, service_alert, debt_collection"}
	}
	return errors.Join(validID(string(p.ID)), validName(p.Name))
}

// CreateSender defines a new sender.
func (c *Catalog) CreateSender(ctx context.Context, by string, s Sender) (Sender, error) {
	return create(ctx, c, by, kindSender, s.ID, s, c.validateSender(s), c.Sender)
}

// ChangeSender changes a sender that is there.
func (c *Catalog) ChangeSender(ctx context.Context, by string, s Sender) (Sender, error) {
	return change(ctx, c, by, kindSender, s.ID, s, c.validateSender(s), c.Sender)
}

func (c *Catalog) validateSender(s Sender) error {
	if err := validID(s.ID); err != nil {
		return err
	}
	if !slices.Contains(SenderKinds, s.Kind) {
		return &InvalidError{"kind", fmt.Sprintf("want one of %v", SenderKinds)}
	}
	if s.Address == "" || len(s.Address) > 200 {
		return &InvalidError{"address", "want 1 to 200 bytes"}
	}
	if s.Channel == consent.AnyChannel {
		return &InvalidError{"channel", "want one of sms, whatsapp, voice_live, voice_auto"}
	}
	if _, err := c.Brand(string(s.Brand)); err != nil {
		return &InvalidError{"brand", "is not defined"}
	}
	if s.Purpose != "" {
		if _, err := c.Purpose(string(s.Purpose)); err != nil {
			return &InvalidError{"purpose", "is not defined"}
		}
	}
	return nil
}

// create records a definition under an ID that is free.
func create[T any](ctx context.Context, c *Catalog, by, kind, id string, body T, invalid error, get func(string) (T, error)) (T, error) {
	c.changing.Lock()
	defer c.changing.Unlock()
	var none T
	if invalid != nil {
		return none, invalid
	}
	seen := c.seen(kind, id)
	if _, err := get(id); err == nil {
		return none, fmt.Errorf("%s %q %w", kind, id, ErrExists)
	}
	return body, c.define(ctx, by, kind, id, body, seen)
}

// change records a definition under an ID that is taken.
func change[T any](ctx context.Context, c *Catalog, by, kind, id string, body T, invalid error, get func(string) (T, error)) (T, error) {
	c.changing.Lock()
	defer c.changing.Unlock()
	var none T
	if invalid != nil {
		return none, invalid
	}
	seen := c.seen(kind, id)
	if _, err := get(id); err != nil {
		return none, err
	}
	return body, c.define(ctx, by, kind, id, body, seen)
}

// seen returns the entry that put in force what is known of a definition, zero if nothing is.
func (c *Catalog) seen(kind, id string) uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.since[kind+" "+id]
}

// define records a definition, unless another node has changed it since it was seen. What is new widens: nobody can
// have been allowed anything by it.
func (c *Catalog) define(ctx context.Context, by, kind, id string, body any, seen uint64) error {
	item, err := ledger.Define(ledger.KindDefinition, by, kind, id, body)
	if err != nil {
		return err
	}
	item.Widens = seen == 0 || kind == kindDisclosure
	_, err = c.ledger.AppendOne(ctx, item.IfStill(kind, id, seen))
	return err
}

// Apply puts a committed definition in force on this node; those of other kinds are ignored.
func (c *Catalog) Apply(d ledger.Definition) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	switch d.Kind {
	case kindBrand:
		err = put(c.brands, consent.BrandID(d.ID), d.Body)
	case kindPurpose:
		err = put(c.purposes, consent.PurposeID(d.ID), d.Body)
	case kindSender:
		err = put(c.senders, d.ID, d.Body)
	case kindDisclosure:
		if err = put(c.disclosures, d.ID, d.Body); err == nil {
			c.indexWordings(c.disclosures[d.ID])
		}
	}
	if err != nil {
		return fmt.Errorf("%s %q: %w", d.Kind, d.ID, err)
	}
	c.since[d.Kind+" "+d.ID] = d.Seq
	return nil
}

func put[K comparable, T any](m map[K]T, id K, body json.RawMessage) error {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return err
	}
	m[id] = v
	return nil
}

// Brand returns the brand with an ID, or ErrNotFound.
func (c *Catalog) Brand(id string) (Brand, error) {
	return get(c, c.brands, consent.BrandID(id), kindBrand)
}

// Purpose returns the purpose with an ID, or ErrNotFound.
func (c *Catalog) Purpose(id string) (Purpose, error) {
	return get(c, c.purposes, consent.PurposeID(id), kindPurpose)
}

// Sender returns the sender with an ID, or ErrNotFound.
func (c *Catalog) Sender(id string) (Sender, error) { return get(c, c.senders, id, kindSender) }

// Brands returns all brands, by ID.
func (c *Catalog) Brands() []Brand { return all(c, c.brands) }

// Purposes returns all purposes, by ID.
func (c *Catalog) Purposes() []Purpose { return all(c, c.purposes) }

// Senders returns all senders, by ID.
func (c *Catalog) Senders() []Sender { return all(c, c.senders) }

func get[K ~string, T any](c *Catalog, m map[K]T, id K, kind string) (T, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := m[id]
	if !ok {
		return v, fmt.Errorf("%s %q is %w", kind, id, ErrNotFound)
	}
	return v, nil
}

func all[K ~string, T any](c *Catalog, m map[K]T) []T {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]T, 0, len(m))
	for _, id := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[id])
	}
	return out
}
