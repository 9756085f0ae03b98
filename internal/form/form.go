// Package form keeps opt-in forms: which purposes a form offers on which channels, in which wordings, and where it may be
// embedded; and the pages that people were shown.
//
// A form is a definition in the ledger, so every change of one is an entry. A page that somebody was shown is kept by its
// SHA-256 in the table shown_pages, written before anybody can agree to it; it says the same to everybody and holds no
// personal data. Others may rely on this: what a hash in an entry names can be read again, byte for byte.
package form

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// ErrNotFound says that there is no form with an ID, or no page with a hash.
var ErrNotFound = errors.New("no such form or page")

// ErrExists says that an ID is taken.
var ErrExists = errors.New("is defined already")

// Item is one box of a form: one purpose on one channel, never bundled with another.
type Item struct {
	Purpose consent.PurposeID `json:"purpose"`
	Channel consent.Channel   `json:"channel"`
	// Wordings are disclosures, one for each language; the first is for whoever speaks none of them.
	Wordings []string `json:"wordings"`
}

// The ways to confirm: entering the code that was sent where the form was filled in, or answering the message.
const (
	ByCode  = "code"
	ByReply = "reply"
)

// Form is an opt-in form of a brand.
type Form struct {
	ID    string          `json:"id"`
	Brand consent.BrandID `json:"brand"`
	Items []Item          `json:"items"`

	// Confirm says that a tick asks only: consent begins when the person confirms.
	Confirm bool `json:"confirm,omitempty"`
	// ConfirmBy is how a person confirms, where the form or a purpose asks for it; empty: ByCode.
	ConfirmBy string `json:"confirm_by,omitempty"`
	// Region is the country of numbers that are written without one.
	Region string `json:"region,omitempty"`
	// Origins are the sites that may show the form within their pages, such as https://shop.example.
	Origins []string `json:"origins,omitempty"`
	Retired bool     `json:"retired,omitempty"`
}

// Wordings knows the disclosures in force.
type Wordings interface {
	// Disclosure must return the disclosure with an ID, or an error.
	Disclosure(id string) (catalog.Disclosure, error)
	// Brand must return the brand with an ID, or an error.
	Brand(id string) (catalog.Brand, error)
	// Purpose must return the purpose with an ID, or an error.
	Purpose(id string) (catalog.Purpose, error)
}

// Appender takes the entries that definitions make.
type Appender interface {
	AppendOne(context.Context, ledger.Item) (ledger.Result, error)
}

// Forms keeps the forms of one deployment. It is safe for concurrent use.
type Forms struct {
	db       store.DB
	ledger   Appender
	wordings Wordings
	now      func() time.Time

	changing sync.Mutex

	mu    sync.Mutex          // guards:
	shown map[string]struct{} // pages that this node knows to be kept
}

// New returns the forms that a database keeps.
func New(db store.DB, l Appender, w Wordings, now func() time.Time) *Forms {
	return &Forms{db: db, ledger: l, wordings: w, now: now, shown: map[string]struct{}{}}
}

const kind = "form"

// Get returns the form with an ID, or ErrNotFound.
func (s *Forms) Get(ctx context.Context, id string) (f Form, err error) {
	var body string
	err = s.db.Read(ctx, func(tx store.Tx) error {
		rows := tx.Query(ctx, "SELECT body FROM definitions WHERE kind = $1 AND id = $2", kind, id)
		return store.One(rows, func(r store.Row) { body = r.Text(0) })
	})
	if errors.Is(err, store.ErrNotFound) {
		return f, ErrNotFound
	}
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal([]byte(body), &f)
}

// All returns every form, by ID.
func (s *Forms) All(ctx context.Context) (out []Form, err error) {
	err = s.db.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, "SELECT body FROM definitions WHERE kind = $1 ORDER BY id", kind), func(r store.Row) error {
			var f Form
			if err := json.Unmarshal([]byte(r.Text(0)), &f); err != nil {
				return fmt.Errorf("form in the database: %w", err)
			}
			out = append(out, f)
			return nil
		})
	})
	return out, err
}

// Create defines a new form, or returns ErrExists or a *catalog.InvalidError.
func (s *Forms) Create(ctx context.Context, by string, f Form) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if _, err := s.Get(ctx, f.ID); err == nil {
		return fmt.Errorf("form %q: %w", f.ID, ErrExists)
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	return s.define(ctx, by, f)
}

// Change puts another version of a form in the place of the one that is there.
func (s *Forms) Change(ctx context.Context, by string, f Form) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if _, err := s.Get(ctx, f.ID); err != nil {
		return err
	}
	return s.define(ctx, by, f)
}

func (s *Forms) define(ctx context.Context, by string, f Form) error {
	if err := s.validate(f); err != nil {
		return err
	}
	item, err := ledger.Define(ledger.KindDefinition, by, kind, f.ID, f)
	if err != nil {
		return err
	}
	item.Widens = true // a form can turn no allow into a deny
	_, err = s.ledger.AppendOne(ctx, item)
	return err
}

const maxItems = 8

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

func (s *Forms) validate(f Form) error {
	if !idPattern.MatchString(f.ID) {
		return &catalog.InvalidError{Field: "id", Reason: "want 1 to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit"}
	}
	if _, err := s.wordings.Brand(string(f.Brand)); err != nil {
		return &catalog.InvalidError{Field: "brand", Reason: "is not defined"}
	}
	if len(f.Items) == 0 || len(f.Items) > maxItems {
		return &catalog.InvalidError{Field: "items", Reason: fmt.Sprintf("want 1 to %d boxes", maxItems)}
	}
	for i, item := range f.Items {
		if slices.ContainsFunc(f.Items[:i], func(o Item) bool { return o.Purpose == item.Purpose && o.Channel == item.Channel }) {
			return &catalog.InvalidError{Field: "items", Reason: "the same purpose and channel stands there twice"}
		}
		if err := s.validateItem(f, item); err != nil {
			return err
		}
	}
	if f.ConfirmBy != "" && f.ConfirmBy != ByCode && f.ConfirmBy != ByReply {
		return &catalog.InvalidError{Field: "confirm_by", Reason: "want code or reply"}
	}
	for _, o := range f.Origins {
		if u, err := url.Parse(o); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != o {
			return &catalog.InvalidError{Field: "origins", Reason: "want sites such as https://shop.example, without a path"}
		}
	}
	return nil
}

func (s *Forms) validateItem(f Form, item Item) error {
	if _, err := s.wordings.Purpose(string(item.Purpose)); err != nil {
		return &catalog.InvalidError{Field: "purpose", Reason: "is not defined"}
	}
	if item.Channel == consent.AnyChannel {
		return &catalog.InvalidError{Field: "channel", Reason: "a consent is given for one channel at a time"}
	}
	if len(item.Wordings) == 0 {
		return &catalog.InvalidError{Field: "wordings", Reason: "choose at least one: people agree to exact words"}
	}
	for _, id := range item.Wordings {
		d, err := s.wordings.Disclosure(id)
		if err != nil || d.Brand != f.Brand || d.Purpose != "" && d.Purpose != item.Purpose {
			return &catalog.InvalidError{Field: "wordings", Reason: "want wordings of this brand and purpose"}
		}
	}
	return nil
}

// Keep keeps a page and returns its hash, "sha256:" and hex digits. It is on disk when this returns.
func (s *Forms) Keep(ctx context.Context, page []byte) (string, error) {
	sum := sha256.Sum256(page)
	hash := hashPrefix + hex.EncodeToString(sum[:])
	s.mu.Lock()
	_, known := s.shown[hash]
	s.mu.Unlock()
	if known {
		return hash, nil
	}
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO shown_pages (hash, page, shown_at)
			VALUES ($1, $2, $3)
			ON CONFLICT (hash) DO NOTHING`, sum[:], page, s.now().UnixMicro())
		return err
	})
	if err != nil {
		return "", fmt.Errorf("keep the page: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown[hash] = struct{}{}
	return hash, nil
}

const hashPrefix = "sha256:"

// Page returns a page that was kept, by its hash as Keep gave it, or ErrNotFound.
func (s *Forms) Page(ctx context.Context, hash string) (page []byte, err error) {
	if len(hash) != len(hashPrefix)+2*sha256.Size || hash[:len(hashPrefix)] != hashPrefix {
		return nil, ErrNotFound
	}
	sum, err := hex.DecodeString(hash[len(hashPrefix):])
	if err != nil {
		return nil, ErrNotFound
	}
	err = s.db.Read(ctx, func(tx store.Tx) error {
		rows := tx.Query(ctx, "SELECT page FROM shown_pages WHERE hash = $1", sum)
		return store.One(rows, func(r store.Row) { page = slices.Clone(r.Bytes(0)) })
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNotFound
	}
	return page, err
}
