package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// Disclosure is a wording that people are shown, with all its versions, the first numbered 1.
type Disclosure struct {
	ID       string            `json:"id"`
	Brand    consent.BrandID   `json:"brand,omitempty"`
	Purpose  consent.PurposeID `json:"purpose,omitempty"`
	Versions []Wording         `json:"versions"`
}

// Wording is one version of a disclosure: exact words in one language, frozen.
type Wording struct {
	Version   int         `json:"version"`
	Language  string      `json:"language"` // BCP 47
	Text      string      `json:"text"`
	Hash      string      `json:"hash"` // "sha256:" and the hash of the text's bytes, in hex
	CreatedAt ledger.Time `json:"created_at"`
}

// maxWording bounds a wording, so that a disclosure with all its versions stays a row of reasonable size.
const maxWording = 20_000

var languagePattern = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$`)

// CreateDisclosure defines a new disclosure with its first version.
func (c *Catalog) CreateDisclosure(ctx context.Context, by string, d Disclosure, first Wording, now time.Time) (Disclosure, error) {
	err := first.validate()
	if err == nil {
		err = c.validateDisclosure(d)
	}
	d.Versions = []Wording{first.freeze(1, now)}
	return create(ctx, c, by, kindDisclosure, d.ID, d, err, c.Disclosure)
}

// AddVersion adds the next version of a disclosure. The same words in the same language as the latest version add none.
func (c *Catalog) AddVersion(ctx context.Context, by, id string, w Wording, now time.Time) (Wording, error) {
	if err := w.validate(); err != nil {
		return Wording{}, err
	}
	c.changing.Lock()
	defer c.changing.Unlock()
	seen := c.seen(kindDisclosure, id)
	d, err := c.Disclosure(id)
	if err != nil {
		return Wording{}, err
	}
	next := w.freeze(len(d.Versions)+1, now)
	if latest := d.Versions[len(d.Versions)-1]; latest.Hash == next.Hash && latest.Language == next.Language {
		return latest, nil
	}
	d.Versions = append(append([]Wording(nil), d.Versions...), next)
	return next, c.define(ctx, by, kindDisclosure, id, d, seen)
}

func (c *Catalog) validateDisclosure(d Disclosure) error {
	if err := validID(d.ID); err != nil {
		return err
	}
	if d.Brand != "" {
		if _, err := c.Brand(string(d.Brand)); err != nil {
			return &InvalidError{"brand", "is not defined"}
		}
	}
	if d.Purpose != "" {
		if _, err := c.Purpose(string(d.Purpose)); err != nil {
			return &InvalidError{"purpose", "is not defined"}
		}
	}
	return nil
}

func (w Wording) validate() error {
	switch {
	case !languagePattern.MatchString(w.Language):
		return &InvalidError{"language", "want a BCP 47 tag, such as fi or en-GB"}
	case w.Text == "" || len(w.Text) > maxWording:
		return &InvalidError{"text", fmt.Sprintf("want 1 to %d bytes", maxWording)}
	case !utf8.ValidString(w.Text):
		return &InvalidError{"text", "is not valid UTF-8"}
	}
	return nil
}

func (w Wording) freeze(version int, now time.Time) Wording {
	sum := sha256.Sum256([]byte(w.Text))
	w.Version, w.Hash, w.CreatedAt = version, "sha256:"+hex.EncodeToString(sum[:]), ledger.Time(now.UTC().Truncate(time.Microsecond))
	return w
}

// Disclosure returns the disclosure with an ID, or ErrNotFound.
func (c *Catalog) Disclosure(id string) (Disclosure, error) {
	return get(c, c.disclosures, id, kindDisclosure)
}

// Disclosures returns all disclosures, by ID.
func (c *Catalog) Disclosures() []Disclosure { return all(c, c.disclosures) }

// Wording returns the exact words that a reference names, or ErrNotFound.
func (c *Catalog) Wording(ref consent.DisclosureRef) (Wording, error) {
	d, err := c.Disclosure(ref.ID)
	if err != nil {
		return Wording{}, err
	}
	if ref.Version < 1 || ref.Version > len(d.Versions) {
		return Wording{}, fmt.Errorf("version %d of disclosure %q is %w: it has versions 1 to %d", ref.Version, ref.ID, ErrNotFound, len(d.Versions))
	}
	return d.Versions[ref.Version-1], nil
}

// indexWordings lets a wording be found by its words. The caller holds mu.
func (c *Catalog) indexWordings(d Disclosure) {
	for _, w := range d.Versions {
		c.wordings[wordingKey(w.Language, w.Hash)] = consent.DisclosureRef{ID: d.ID, Version: w.Version}
	}
}

func wordingKey(language, hash string) string { return language + " " + hash }

// Freeze returns the reference of these exact words, and defines a disclosure for them if nobody used them before. It
// is for callers who send the words with each act in place of a reference.
func (c *Catalog) Freeze(ctx context.Context, by string, w Wording, now time.Time) (consent.DisclosureRef, error) {
	if err := w.validate(); err != nil {
		return consent.DisclosureRef{}, err
	}
	w = w.freeze(1, now)
	if ref, ok := c.worded(w); ok {
		return ref, nil
	}
	id := "words-" + w.Hash[len("sha256:"):][:16]
	d, err := c.CreateDisclosure(ctx, by, Disclosure{ID: id}, w, now)
	if err != nil {
		// Somebody else may have frozen the same words meanwhile, or others under the same short hash.
		if ref, ok := c.worded(w); ok {
			return ref, nil
		}
		if _, there := c.Disclosure(id); there == nil {
			next, err := c.AddVersion(ctx, by, id, w, now)
			return consent.DisclosureRef{ID: id, Version: next.Version}, err
		}
		return consent.DisclosureRef{}, err
	}
	return consent.DisclosureRef{ID: d.ID, Version: 1}, nil
}

func (c *Catalog) worded(w Wording) (consent.DisclosureRef, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	ref, ok := c.wordings[wordingKey(w.Language, w.Hash)]
	return ref, ok
}
