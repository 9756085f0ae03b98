package verify

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// Policy is whom a verifier trusts: a log, by its origin and public keys, and, if asked for, a quorum of witnesses.
type Policy struct {
	origin    string
	logKeys   []key
	witnesses []key
	quorum    int
}

// NewPolicy trusts checkpoints with this origin that one of the log's Ed25519 verifier keys signed. It fails on a key
// that is malformed, of another type, or given twice.
func NewPolicy(origin string, logKeys ...string) (*Policy, error) {
	if origin == "" {
		return nil, fmt.Errorf("policy: the log's origin is empty")
	}
	if len(logKeys) == 0 {
		return nil, fmt.Errorf("policy: log %s has no verifier key", origin)
	}
	p := &Policy{origin: origin}
	for _, vkey := range logKeys {
		k, err := p.parse(vkey, algEd25519)
		if err != nil {
			return nil, fmt.Errorf("policy: log key: %w", err)
		}
		p.logKeys = append(p.logKeys, k)
	}
	return p, nil
}

// WithWitnesses returns a policy that also asks for cosignatures by at least quorum of these witnesses' verifier keys
// (type 0x04). It fails on an unusable key and on a quorum that is not between 1 and their number.
func (p *Policy) WithWitnesses(quorum int, witnessKeys ...string) (*Policy, error) {
	q := &Policy{origin: p.origin, logKeys: p.logKeys, quorum: quorum}
	for _, vkey := range witnessKeys {
		k, err := q.parse(vkey, algCosignature)
		if err != nil {
			return nil, fmt.Errorf("policy: witness key: %w", err)
		}
		q.witnesses = append(q.witnesses, k)
	}
	if quorum < 1 || quorum > len(q.witnesses) {
		return nil, fmt.Errorf("policy: quorum of %d among %d witnesses", quorum, len(q.witnesses))
	}
	return q, nil
}

// Origin returns the pinned origin: the first line of every checkpoint that the policy accepts.
func (p *Policy) Origin() string { return p.origin }

// parse refuses a public key that the policy has under another name, or one operator could count twice.
func (p *Policy) parse(vkey string, alg byte) (key, error) {
	k, err := parseKey(vkey, alg)
	if err != nil {
		return key{}, err
	}
	for _, have := range append(append([]key(nil), p.logKeys...), p.witnesses...) {
		if bytes.Equal(have.pub, k.pub) {
			return key{}, fmt.Errorf("%w %q: same public key as %s", ErrKey, vkey, have.label())
		}
	}
	return k, nil
}

// verifiers returns every trusted key, for note.Open.
func (p *Policy) verifiers() note.Verifiers {
	all := make([]note.Verifier, 0, len(p.logKeys)+len(p.witnesses))
	for _, k := range p.logKeys {
		all = append(all, k)
	}
	for _, k := range p.witnesses {
		all = append(all, k)
	}
	return note.VerifierList(all...)
}

// logKey returns the log's public key with this label.
func (p *Policy) logKey(label string) (ed25519.PublicKey, bool) {
	if k, ok := findKey(p.logKeys, label); ok {
		return k.pub, true
	}
	return nil, false
}

func findKey(keys []key, label string) (key, bool) {
	for _, k := range keys {
		if k.label() == label {
			return k, true
		}
	}
	return key{}, false
}
