package preference

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/consentline/consentline/internal/phone"
)

// ErrNoHandle says that a handle is not one of ours, is bound to something else, or has ended.
var ErrNoHandle = errors.New("the handle is not one of ours, or has ended")

// Handles seal numbers that a page has to give back, so that no number stands in an address or a hidden field. The key
// is the deployment's, so every node can open them.
type Handles struct {
	aead cipher.AEAD
	now  func() time.Time
}

// NewHandles returns handles for one use; those of another use do not open them.
func NewHandles(t Tagger, use string, now func() time.Time) *Handles {
	key := t.Tag("handle of a number", use)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key has a right size
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has the right block size
	}
	return &Handles{aead, now}
}

// Seal returns a handle of a number that works for a while, and only together with what it is bound to.
func (h *Handles) Seal(n phone.Number, bound string, lasts time.Duration) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(h.now().Add(lasts).Unix()))
	plain = binary.BigEndian.AppendUint64(plain, uint64(n))
	return base64.RawURLEncoding.EncodeToString(h.aead.Seal(nil, nil, plain, []byte(bound)))
}

// Open returns the number of a handle, or ErrNoHandle.
func (h *Handles) Open(handle, bound string) (phone.Number, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(handle)
	if err != nil {
		return 0, ErrNoHandle
	}
	plain, err := h.aead.Open(nil, nil, sealed, []byte(bound))
	if err != nil || len(plain) != 16 || h.now().Unix() >= int64(binary.BigEndian.Uint64(plain)) {
		return 0, ErrNoHandle
	}
	return phone.Number(binary.BigEndian.Uint64(plain[8:])), nil
}
