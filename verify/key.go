package verify

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// Signature types of C2SP signed-note that are understood here.
const (
	algEd25519     = 0x01
	algCosignature = 0x04
)

// ErrKey is what every error about a malformed or unsuitable verifier key wraps.
var ErrKey = errors.New("unusable verifier key")

// key is one trusted public key; it implements note.Verifier for its signature type.
type key struct {
	name string
	id   uint32
	alg  byte
	pub  ed25519.PublicKey
}

// parseKey reads a verifier key, <name>+<key id>+base64(<type> <public key>), of the given type.
func parseKey(vkey string, alg byte) (key, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	id16, key64, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.Strict().DecodeString(key64)
	if err != nil || !validName(name) || len(raw) != 1+ed25519.PublicKeySize {
		return key{}, fmt.Errorf("%w %q: want <name>+<key id>+<base64 of an Ed25519 key>", ErrKey, vkey)
	}
	if raw[0] != alg {
		return key{}, fmt.Errorf("%w %q: type %#02x, want %#02x", ErrKey, vkey, raw[0], alg)
	}
	k := key{name: name, id: keyID(name, raw), alg: alg, pub: raw[1:]}
	if want := k.label(); name+"+"+id16 != want {
		return key{}, fmt.Errorf("%w %q: key id does not fit name and key, want %s", ErrKey, vkey, want)
	}
	return k, nil
}

// validName reports whether a key name is one that C2SP signed-note allows: not empty, no spaces, no plus, and none of the
// control characters that no note may hold.
func validName(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return r < 0x20 || r == '+' || unicode.IsSpace(r)
	})
}

// keyID returns the key id of C2SP signed-note: the start of SHA-256(name, newline, type, public key).
func keyID(name string, typedKey []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write([]byte("\n"))
	h.Write(typedKey)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// label names the key as an operator sees it: <name>+<key id>.
func (k key) label() string { return fmt.Sprintf("%s+%08x", k.name, k.id) }

// Name implements note.Verifier.
func (k key) Name() string { return k.name }

// KeyHash implements note.Verifier.
func (k key) KeyHash() uint32 { return k.id }

// Verify implements note.Verifier.
func (k key) Verify(text, sig []byte) bool {
	if k.alg == algEd25519 {
		return len(sig) == ed25519.SignatureSize && ed25519.Verify(k.pub, text, sig)
	}
	timestamp, ok := cosignedAt(sig)
	return ok && ed25519.Verify(k.pub, CosignatureMessage(timestamp, text), sig[8:])
}

// cosignedAt returns the Unix seconds in a timestamped_signature of C2SP tlog-cosignature.
func cosignedAt(sig []byte) (uint64, bool) {
	if len(sig) != 8+ed25519.SignatureSize {
		return 0, false
	}
	t := binary.BigEndian.Uint64(sig)
	return t, t <= math.MaxInt64
}

// CosignatureMessage returns what a witness signs with Ed25519 to cosign a note's text at a Unix time in seconds.
func CosignatureMessage(timestamp uint64, text []byte) []byte {
	m := append([]byte("cosignature/v1\ntime "), strconv.FormatUint(timestamp, 10)...)
	return append(append(m, '\n'), text...)
}

// WitnessKey returns the verifier key of a witness, of type 0x04, from its name and Ed25519 public key.
func WitnessKey(name string, pub ed25519.PublicKey) (string, error) {
	if !validName(name) || len(pub) != ed25519.PublicKeySize {
		return "", fmt.Errorf("%w: name %q with %d bytes of key", ErrKey, name, len(pub))
	}
	raw := append([]byte{algCosignature}, pub...)
	return fmt.Sprintf("%s+%08x+%s", name, keyID(name, raw), base64.StdEncoding.EncodeToString(raw)), nil
}

var _ note.Verifier = key{}
