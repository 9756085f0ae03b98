package messaging

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"
)

// ErrBadSignature says that a callback does not carry the signature of the secret that is shared with the provider.
var ErrBadSignature = errors.New("the signature does not hold")

// ErrReplayed says that a callback's signature is too old, or from the future: it may be a repetition by somebody else.
var ErrReplayed = errors.New("the signature is outside the time in which it counts")

// ErrUnsigned says that a callback came without a signature from a provider that sends some so and repeats them signed
// when told of a failure.
var ErrUnsigned = errors.New("the callback came without a signature: it is to be sent again")

// ErrNotRelayed says that an application did not take a callback that was committed here: its sender is to know.
var ErrNotRelayed = errors.New("the callback was taken in, and the application did not take it")

// MalformedError says what is wrong with a callback whose signature holds. It repeats nothing of it.
type MalformedError struct{ Why string }

func (e *MalformedError) Error() string { return "the callback is malformed: " + e.Why }

// Decode reads a callback's JSON. What is not known is ignored, since providers add to their payloads.
func Decode(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return &MalformedError{"the JSON cannot be decoded"} // the decoder's own text would repeat the body
	}
	return nil
}

// Window is how far the time in a signature may be from now where the provider names no other bound.
const Window = 5 * time.Minute

// Fresh returns ErrReplayed unless the moment lies within Window of now.
func Fresh(at, now time.Time) error {
	if at.IsZero() || at.Before(now.Add(-Window)) || at.After(now.Add(Window)) {
		return ErrReplayed
	}
	return nil
}

// Equal compares what was sent with what was computed, in a time that tells nothing of either.
func Equal(sent, computed string) bool {
	return subtle.ConstantTimeCompare([]byte(sent), []byte(computed)) == 1
}

// MAC returns the HMAC of the parts, one after the other.
func MAC(newHash func() hash.Hash, secret string, parts ...string) []byte {
	mac := hmac.New(newHash, []byte(secret))
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}

// SHA1Base64 is the HMAC-SHA-1 of the parts in standard base64.
func SHA1Base64(secret string, parts ...string) string {
	return base64.StdEncoding.EncodeToString(MAC(sha1.New, secret, parts...))
}

// SHA256Base64 is the HMAC-SHA-256 of the parts in standard base64.
func SHA256Base64(secret string, parts ...string) string {
	return base64.StdEncoding.EncodeToString(MAC(sha256.New, secret, parts...))
}

// SHA256Hex is the HMAC-SHA-256 of the parts in lower-case hex.
func SHA256Hex(secret string, parts ...string) string {
	return hex.EncodeToString(MAC(sha256.New, secret, parts...))
}

// BodyHash is the SHA-256 of a body in lower-case hex, as several providers put it into what they sign.
func BodyHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// leeway is how much the clocks of two sides may differ when a token says from when and until when it counts.
const leeway = 60 * time.Second

// Claims are what a token states that providers' callbacks use.
type Claims struct {
	Issuer      string  `json:"iss"`
	IssuedAt    float64 `json:"iat"`
	NotBefore   float64 `json:"nbf"`
	Expires     float64 `json:"exp"`
	ID          string  `json:"jti"`
	APIKey      string  `json:"api_key"`
	PayloadHash string  `json:"payload_hash"`
	URLHash     string  `json:"url_hash"`
}

// ParseToken verifies a JSON Web Token (RFC 7519) signed with HS256, HS384 or HS512 and returns its claims. Tokens whose
// time has passed are ErrReplayed, all others that do not hold ErrBadSignature.
func ParseToken(token, secret string, now time.Time) (Claims, error) {
	var c Claims
	parts := strings.Split(token, ".")
	if len(parts) != 3 || secret == "" {
		return c, ErrBadSignature
	}
	newHash, err := tokenHash(parts[0])
	if err != nil {
		return c, err
	}
	want := base64.RawURLEncoding.EncodeToString(MAC(newHash, secret, parts[0], ".", parts[1]))
	if !Equal(parts[2], want) {
		return c, ErrBadSignature
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &c) != nil {
		return c, &MalformedError{"the token's claims cannot be decoded"}
	}
	return c, c.fresh(now)
}

// tokenHash reads the algorithm that a token names. "none" and asymmetric ones are none of ours (RFC 8725, section 3.1).
func tokenHash(header string) (func() hash.Hash, error) {
	var h struct {
		Algorithm string `json:"alg"`
	}
	raw, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil || json.Unmarshal(raw, &h) != nil {
		return nil, ErrBadSignature
	}
	switch h.Algorithm {
	case "HS256":
		return sha256.New, nil
	case "HS384":
		return sha512.New384, nil
	case "HS512":
		return sha512.New, nil
	}
	return nil, fmt.Errorf("%w: the token's algorithm is not one of HS256, HS384, HS512", ErrBadSignature)
}

func (c *Claims) fresh(now time.Time) error {
	seconds := func(s float64) time.Time { return time.Unix(int64(s), 0) }
	switch {
	case c.Expires == 0 && c.IssuedAt == 0:
		return ErrReplayed // a token that never ages can be repeated for ever
	case c.Expires != 0 && now.After(seconds(c.Expires).Add(leeway)):
		return ErrReplayed
	case c.NotBefore != 0 && now.Before(seconds(c.NotBefore).Add(-leeway)):
		return ErrReplayed
	case c.IssuedAt != 0:
		return Fresh(seconds(c.IssuedAt), now)
	}
	return nil
}
