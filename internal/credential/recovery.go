package credential

import (
	"context"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/store"
)

const (
	recoveryCodes = 10
	recoverySize  = 10 // bytes: 80 bits need no slow hash
)

var recoveryEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewRecoveryCodes gives a person ten codes, in the place of those they had. Each stands in for a code generator once.
func (c *Credentials) NewRecoveryCodes(ctx context.Context, by *access.Caller, personID string) ([]string, error) {
	codes := make([]string, recoveryCodes)
	for i := range codes {
		text := recoveryEncoding.EncodeToString(random(recoverySize))
		codes[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
	}
	return codes, c.change(ctx, by, personID, kindNames[recovery], "set", func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM credentials WHERE person = $1 AND kind = $2", personID, int64(recovery)); err != nil {
			return err
		}
		for _, text := range codes {
			if err := c.put(ctx, tx, row{id: c.recoveryID(personID, text), person: personID, kind: recovery}); err != nil {
				return err
			}
		}
		return nil
	})
}

// recoveryID is the keyed hash by which a code is found. What is easily misread is read as what it was.
func (c *Credentials) recoveryID(personID, text string) []byte {
	text = strings.NewReplacer("-", "", " ", "", "o", "0", "i", "1", "l", "1").Replace(strings.ToLower(text))
	return c.mac("recovery code", []byte(personID), []byte(text))
}

// UseRecoveryCode uses one of a person's codes up; ErrWrong if it is none of theirs, or was used before.
func (c *Credentials) UseRecoveryCode(ctx context.Context, personID, text string) error {
	var used int64
	err := c.db.InTx(ctx, func(tx store.Tx) (err error) {
		used, err = tx.Exec(ctx, "DELETE FROM credentials WHERE id = $1 AND kind = $2", c.recoveryID(personID, text), int64(recovery))
		return err
	})
	if err != nil {
		return fmt.Errorf("use a recovery code up: %w", err)
	}
	if used != 1 {
		return ErrWrong
	}
	return nil
}
