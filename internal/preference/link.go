// Package preference makes and reads the signed links by which people reach their own preference centre without
// signing in, and says what there is for them to choose.
//
// It stores nothing: a link carries the subject's id, the brand and the moment at which it ends, under a keyed hash
// that only this deployment can make. No number is in it. Whoever holds a link can say no, and can say yes, in the
// person's name for that brand, and can do nothing else; so links end.
package preference

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// Lasts is for how long a link works unless the caller says otherwise: as long as somebody may look for it in old messages.
const Lasts = 60 * 24 * time.Hour

var (
	// ErrForged says that a link was not made by this deployment, or was altered.
	ErrForged = errors.New("the link is not one of ours")

	// ErrExpired says that a link was good and has ended.
	ErrExpired = errors.New("the link has ended")
)

// Tagger makes keyed hashes that all nodes of one deployment make alike.
type Tagger interface {
	// Tag must return the same hash for the same parts for ever, and one that nobody without the key can guess.
	Tag(parts ...string) [16]byte
}

// Target is what a link opens: one person's choices about one brand.
type Target struct {
	Subject ledger.SubjectID
	Brand   consent.BrandID
	Until   time.Time
}

// Links signs and opens links. It is safe for concurrent use.
type Links struct {
	tagger Tagger
	now    func() time.Time
}

// NewLinks returns the links of the deployment whose keyed hashes a tagger makes.
func NewLinks(t Tagger, now func() time.Time) *Links { return &Links{t, now} }

const (
	version   = 1
	idSize    = len(ledger.SubjectID{})
	tagSize   = 16
	fixedSize = 1 + idSize + 8
)

// Sign returns the token of a link to a person's choices about a brand; zero lasts means Lasts.
func (l *Links) Sign(id ledger.SubjectID, brand consent.BrandID, lasts time.Duration) string {
	if lasts == 0 {
		lasts = Lasts
	}
	b := make([]byte, 0, fixedSize+len(brand)+tagSize)
	b = append(b, version)
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(l.now().Add(lasts).Unix()))
	b = append(b, brand...)
	tag := l.tagger.Tag("preference link", string(b))
	return base64.RawURLEncoding.EncodeToString(append(b, tag[:]...))
}

// Open returns what a token opens: ErrForged if it is not ours, ErrExpired with the target if its time is over.
func (l *Links) Open(token string) (Target, error) {
	// Strict: otherwise the unused bits of the last character would give one link many spellings.
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < fixedSize+1+tagSize || b[0] != version {
		return Target{}, ErrForged
	}
	signed, tag := b[:len(b)-tagSize], b[len(b)-tagSize:]
	want := l.tagger.Tag("preference link", string(signed))
	if subtle.ConstantTimeCompare(tag, want[:]) != 1 {
		return Target{}, ErrForged
	}
	t := Target{
		Subject: ledger.SubjectID(signed[1 : 1+idSize]),
		Until:   time.Unix(int64(binary.BigEndian.Uint64(signed[1+idSize:])), 0).UTC(),
		Brand:   consent.BrandID(signed[fixedSize:]),
	}
	if !l.now().Before(t.Until) {
		return t, ErrExpired
	}
	return t, nil
}
