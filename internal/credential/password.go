package credential

import (
	"context"
	"crypto/subtle"
	_ "embed" // for the common passwords
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/store"
)

// Argon2id with the parameters that OWASP's Password Storage Cheat Sheet gives as the least: 19 MiB, two passes, one
// lane. A stored hash names its own, so they can be raised.
const (
	hashKiB    = 19 * 1024
	hashPasses = 2
	hashLanes  = 1
	hashSize   = 32
	saltSize   = 16

	hashersAtOnce = 4
)

// Lengths of passwords: NIST SP 800-63B asks for a long least length and no rules of composition.
const (
	shortestPassword = 12   // characters
	longestPassword  = 1024 // bytes
)

//go:embed common.txt
var commonText string

// common are passwords of twelve characters and more that everybody tries first.
var common = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(commonText) {
		out[strings.TrimSpace(line)] = true
	}
	return out
})

// ValidPassword says what is wrong with a password that somebody wants to have, as an InvalidError.
func ValidPassword(text, login string) error {
	lower := strings.ToLower(text)
	name, _, _ := strings.Cut(login, "@")
	switch {
	case utf8.RuneCountInString(text) < shortestPassword:
		return &InvalidError{"password", fmt.Sprintf("want at least %d characters; several words in a row are good", shortestPassword)}
	case len(text) > longestPassword:
		return &InvalidError{"password", fmt.Sprintf("want at most %d bytes", longestPassword)}
	case common()[lower], strings.Contains(lower, "consentline"), repeats(lower):
		return &InvalidError{"password", "is one that is tried first: choose another"}
	case login != "" && strings.Contains(lower, login), len(name) > 3 && strings.Contains(lower, name):
		return &InvalidError{"password", "holds your login: choose another"}
	}
	return nil
}

// repeats reports whether a text has at most three different characters.
func repeats(text string) bool {
	seen := map[rune]bool{}
	for _, r := range text {
		seen[r] = true
	}
	return len(seen) <= 3
}

// SetPassword gives a person a password, in the place of the one they had.
func (c *Credentials) SetPassword(ctx context.Context, by *access.Caller, p access.Person, text string) error {
	if err := ValidPassword(text, p.Login); err != nil {
		return err
	}
	hash, err := c.hash(ctx, text)
	if err != nil {
		return err
	}
	return c.change(ctx, by, p.ID, kindNames[password], "set", func(ctx context.Context, tx store.Tx) error {
		return c.put(ctx, tx, row{id: only(password, p.ID), person: p.ID, kind: password, secret: []byte(hash)})
	})
}

// CheckPassword returns nil if the password is the person's, and else ErrWrong. It takes as long for a person who has
// none, and for nobody.
func (c *Credentials) CheckPassword(ctx context.Context, personID, text string) error {
	r, err := c.byID(ctx, only(password, personID))
	stored := string(r.secret)
	if errors.Is(err, store.ErrNotFound) {
		stored, err = c.decoy, nil
	}
	if err != nil {
		return err
	}
	right, err := c.matches(ctx, stored, text)
	if err != nil {
		return err
	}
	if !right || r.id == nil {
		return ErrWrong
	}
	return nil
}

// hash returns a password's hash in the PHC string format.
func (c *Credentials) hash(ctx context.Context, text string) (string, error) {
	if err := c.waitForTurn(ctx); err != nil {
		return "", err
	}
	defer func() { <-c.hashing }()
	salt := random(saltSize)
	sum := argon2.IDKey([]byte(text), salt, hashPasses, hashKiB, hashLanes, hashSize)
	return phc(salt, sum), nil
}

func phc(salt, sum []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashKiB, hashPasses, hashLanes, b64.EncodeToString(salt), b64.EncodeToString(sum))
}

// decoyHash is a hash that no password has.
func decoyHash() string { return phc(random(saltSize), random(hashSize)) }

func (c *Credentials) waitForTurn(ctx context.Context) error {
	select {
	case c.hashing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// matches reports whether a password has a hash, with the parameters that the hash names.
func (c *Credentials) matches(ctx context.Context, stored, text string) (bool, error) {
	var version, kib, passes, lanes int
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errors.New("a stored password has a form that this program does not know")
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &kib, &passes, &lanes); err != nil || version != argon2.Version || passes < 1 || lanes < 1 || lanes > 255 {
		return false, errors.New("a stored password has parameters that this program does not know")
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("the salt of a stored password: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, fmt.Errorf("the hash of a stored password: %w", err)
	}
	if len(text) > longestPassword {
		return false, nil
	}
	if err := c.waitForTurn(ctx); err != nil {
		return false, err
	}
	defer func() { <-c.hashing }()
	got := argon2.IDKey([]byte(text), salt, uint32(passes), uint32(kib), uint8(lanes), uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}
