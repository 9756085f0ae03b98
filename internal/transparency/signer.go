package transparency

import (
	"crypto/ed25519"
	"fmt"

	"github.com/consentline/consentline/verify"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Signer holds the log's key. It signs checkpoints for the Tree, and receipts for whoever answers checks.
type Signer struct {
	origin string
	vkey   string
	id     uint32
	priv   ed25519.PrivateKey
}

// NewSigner makes the log's signer from its origin, such as "consentline.example/log", and a secret seed of 32 bytes.
func NewSigner(origin string, seed []byte) (*Signer, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("log key: seed of %d bytes, want %d", len(seed), ed25519.SeedSize)
	}
	s := &Signer{origin: origin, priv: ed25519.NewKeyFromSeed(seed)}
	vkey, err := note.NewEd25519VerifierKey(origin, s.priv.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("log key: %w", err)
	}
	// The origin is also the key's name, which must have no space and no plus.
	if _, err := verify.NewPolicy(origin, vkey); err != nil {
		return nil, fmt.Errorf("log key: origin %q: %w", origin, err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("log key: origin %q: %w", origin, err)
	}
	s.vkey, s.id = vkey, v.KeyHash()
	return s, nil
}

// String returns the public key's name and id, so that printing a signer shows nothing secret.
func (s *Signer) String() string { return fmt.Sprintf("%s+%08x", s.origin, s.id) }

// Origin returns the log's origin: the first line of its checkpoints and the name of its key.
func (s *Signer) Origin() string { return s.origin }

// VerifierKey returns the public key as auditors need it: <origin>+<key id>+<base64>.
func (s *Signer) VerifierKey() string { return s.vkey }

// Name implements note.Signer.
func (s *Signer) Name() string { return s.origin }

// KeyHash implements note.Signer.
func (s *Signer) KeyHash() uint32 { return s.id }

// Sign implements note.Signer. It does not look at what it signs: checkpoints must come from a Tree.
func (s *Signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.priv, msg), nil }

// SignReceipt signs a statement in the log's name and fills in its origin; proof and opening are the caller's to add.
func (s *Signer) SignReceipt(st verify.Statement) (verify.Receipt, error) {
	st.Origin = s.origin
	msg, err := st.SigningBytes()
	if err != nil {
		return verify.Receipt{}, fmt.Errorf("sign receipt: %w", err)
	}
	return verify.Receipt{
		Statement: st,
		Signature: verify.Signature{Key: s.String(), Ed25519: ed25519.Sign(s.priv, msg)},
	}, nil
}

// checkpoint signs a tree. The caller has made sure that the tree continues every tree signed before.
func (s *Signer) checkpoint(tree tlog.Tree) (string, error) {
	c := verify.Checkpoint{Origin: s.origin, Size: tree.N, Root: tree.Hash}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, s)
	if err != nil {
		return "", fmt.Errorf("sign checkpoint of size %d: %w", tree.N, err)
	}
	return string(signed), nil
}
