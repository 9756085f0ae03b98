package credential

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what RFC 6238 and every app of this kind use
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/store"
)

// Codes of a generator as every app makes them: RFC 6238 with its defaults, six digits.
const (
	step       = 30 * time.Second
	digits     = 6
	modulus    = 1_000_000
	tolerated  = 1 // steps that a clock may be off, either way
	secretSize = 20

	issuer       = "Consentline"
	enrolmentFor = 15 * time.Minute
)

// code returns the code of a secret at a step (RFC 4226, section 5.3).
func code(secret []byte, at int64) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at)))
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	value := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", digits, value%modulus)
}

func stepAt(t time.Time) int64 { return t.Unix() / int64(step/time.Second) }

// Enrolment is the secret of a code generator that somebody is about to set up. It is not kept until a code of it has
// come back: Token is the secret, sealed for this person and a quarter of an hour.
type Enrolment struct {
	Secret string // for typing, in groups of four
	URL    string // for scanning, otpauth://…
	Token  string
}

var secretEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewEnrolment draws a secret for a person's code generator.
func (c *Credentials) NewEnrolment(p access.Person) Enrolment {
	secret := random(secretSize)
	plain := append(binary.BigEndian.AppendUint64(nil, uint64(c.now().Add(enrolmentFor).Unix())), secret...)
	sealed := c.key.Seal(plain, placeOf(only(generator, p.ID)))
	return c.enrolment(p, secret, base64.RawURLEncoding.EncodeToString(sealed))
}

func (c *Credentials) enrolment(p access.Person, secret []byte, token string) Enrolment {
	text := secretEncoding.EncodeToString(secret)
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + p.Login, RawQuery: "secret=" + text + "&issuer=" + issuer}
	var grouped strings.Builder
	for i, r := range text {
		if i > 0 && i%4 == 0 {
			grouped.WriteByte(' ')
		}
		grouped.WriteRune(r)
	}
	return Enrolment{Secret: grouped.String(), URL: u.String(), Token: token}
}

// OpenEnrolment returns the enrolment of a token, or ErrWrong when it is another's or too old.
func (c *Credentials) OpenEnrolment(p access.Person, token string) (Enrolment, error) {
	secret, err := c.openEnrolment(p, token)
	if err != nil {
		return Enrolment{}, err
	}
	return c.enrolment(p, secret, token), nil
}

func (c *Credentials) openEnrolment(p access.Person, token string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, ErrWrong
	}
	plain, err := c.key.Open(sealed, placeOf(only(generator, p.ID)))
	if err != nil || len(plain) != 8+secretSize || c.now().Unix() >= int64(binary.BigEndian.Uint64(plain)) {
		return nil, ErrWrong
	}
	return plain[8:], nil
}

// Enrol keeps the code generator of an enrolment, once a code shows that it is set up. ErrWrong: it is not.
func (c *Credentials) Enrol(ctx context.Context, by *access.Caller, p access.Person, token, text string) error {
	secret, err := c.openEnrolment(p, token)
	if err != nil {
		return err
	}
	at, ok := c.stepOf(secret, text, 0)
	if !ok {
		return ErrWrong
	}
	return c.change(ctx, by, p.ID, kindNames[generator], "set", func(ctx context.Context, tx store.Tx) error {
		return c.put(ctx, tx, row{id: only(generator, p.ID), person: p.ID, kind: generator, secret: secret, counter: at})
	})
}

// stepOf returns the step, later than one that was used, at which a secret has a code; ok is false if there is none near.
func (c *Credentials) stepOf(secret []byte, text string, used int64) (at int64, ok bool) {
	text = strings.ReplaceAll(strings.TrimSpace(text), " ", "")
	now := stepAt(c.now())
	for at := now - tolerated; at <= now+tolerated; at++ {
		if at > used && subtle.ConstantTimeCompare([]byte(code(secret, at)), []byte(text)) == 1 {
			return at, true
		}
	}
	return 0, false
}

// CheckCode returns nil if a person's generator shows this code now and it was not used before, and else ErrWrong.
func (c *Credentials) CheckCode(ctx context.Context, personID, text string) error {
	id := only(generator, personID)
	r, err := c.byID(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return ErrWrong
	}
	if err != nil {
		return err
	}
	at, ok := c.stepOf(r.secret, text, r.counter)
	if !ok {
		return ErrWrong
	}
	var first int64
	err = c.db.InTx(ctx, func(tx store.Tx) (err error) {
		first, err = tx.Exec(ctx, "UPDATE credentials SET counter = $1, used_at = $2 WHERE id = $3 AND counter < $4", at, c.now().UnixMicro(), id, at)
		return err
	})
	if err != nil {
		return fmt.Errorf("use a code up: %w", err)
	}
	if first != 1 {
		return ErrWrong // somebody else was faster
	}
	return nil
}

// RemoveGenerator takes a person's code generator away.
func (c *Credentials) RemoveGenerator(ctx context.Context, by *access.Caller, personID string) error {
	return c.change(ctx, by, personID, kindNames[generator], "removed", func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM credentials WHERE id = $1", only(generator, personID))
		return err
	})
}
