package credential

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/store"
)

// Site is where a browser sees the console: passkeys are bound to it.
type Site struct {
	Origin string // such as https://consent.example
	Host   string // such as consent.example, without a port
}

// TakesPasskeys reports whether browsers make passkeys for a site: it needs a name, and TLS unless it is this machine.
func (s Site) TakesPasskeys() bool {
	return net.ParseIP(strings.Trim(s.Host, "[]")) == nil && (strings.HasPrefix(s.Origin, "https://") || s.Host == "localhost")
}

// challengeFor is for how long a challenge may be answered.
const challengeFor = 10 * time.Minute

const (
	challengeRandom = 16
	challengeSize   = challengeRandom + 8 + challengeMAC
	challengeMAC    = 16

	mostPasskeys = 20
	longestName  = 60
)

// newChallenge draws a challenge that needs not be remembered until it is answered: it says itself how long it holds.
func (c *Credentials) newChallenge() []byte {
	out := binary.BigEndian.AppendUint64(random(challengeRandom), uint64(c.now().Add(challengeFor).Unix()))
	return append(out, c.mac("challenge", out)[:challengeMAC]...)
}

// spend uses a challenge of ours up. ErrWrong: it is not ours, too old, or was answered before.
func (c *Credentials) spend(ctx context.Context, text string) ([]byte, error) {
	challenge, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(challenge) != challengeSize {
		return nil, ErrWrong
	}
	body, mac := challenge[:challengeSize-challengeMAC], challenge[challengeSize-challengeMAC:]
	until, now := int64(binary.BigEndian.Uint64(body[challengeRandom:])), c.now().Unix()
	if !hmac.Equal(mac, c.mac("challenge", body)[:challengeMAC]) || now >= until {
		return nil, ErrWrong
	}
	sum := sha256.Sum256(challenge)
	var first int64
	err = c.db.InTx(ctx, func(tx store.Tx) (err error) {
		if _, err := tx.Exec(ctx, "DELETE FROM spent_challenges WHERE expires_at <= $1", now); err != nil {
			return err
		}
		first, err = tx.Exec(ctx, "INSERT INTO spent_challenges (digest, expires_at) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING", sum[:], until)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("use a challenge up: %w", err)
	}
	if first != 1 {
		return nil, ErrWrong
	}
	return challenge, nil
}

// relying returns the library's view of a site. A passkey must verify its holder, so that it stands for two factors,
// and must know whose it is, so that nobody types a login.
func relying(s Site) (*webauthn.WebAuthn, error) {
	w, err := webauthn.New(&webauthn.Config{
		RPID: s.Host, RPDisplayName: issuer, RPOrigins: []string{s.Origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys for this site: %w", err)
	}
	return w, nil
}

// holder is a person as the library sees them.
type holder struct {
	access.Person
	handle []byte
	keys   []webauthn.Credential
}

// WebAuthnID implements webauthn.User.
func (h *holder) WebAuthnID() []byte { return h.handle }

// WebAuthnName implements webauthn.User.
func (h *holder) WebAuthnName() string { return h.Login }

// WebAuthnDisplayName implements webauthn.User.
func (h *holder) WebAuthnDisplayName() string { return h.Name }

// WebAuthnCredentials implements webauthn.User.
func (h *holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

func (c *Credentials) holder(ctx context.Context, p access.Person) (*holder, error) {
	rows, err := c.of(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	h := &holder{Person: p, handle: c.mac("handle of a person", []byte(p.ID))}
	for _, r := range rows {
		if r.kind != passkey {
			continue
		}
		var k webauthn.Credential
		if err := json.Unmarshal(r.secret, &k); err != nil {
			return nil, fmt.Errorf("a passkey: %w", err)
		}
		h.keys = append(h.keys, k)
	}
	return h, nil
}

// AskForNew returns the options under which a browser makes a passkey for a person, as JSON.
func (c *Credentials) AskForNew(ctx context.Context, s Site, p access.Person) ([]byte, error) {
	h, err := c.holder(ctx, p)
	if err != nil {
		return nil, err
	}
	options, _, err := beginNew(s, h, c.newChallenge())
	if err != nil {
		return nil, err
	}
	return json.Marshal(options.Response)
}

func beginNew(s Site, h *holder, challenge []byte) (*protocol.CredentialCreation, *webauthn.SessionData, error) {
	w, err := relying(s)
	if err != nil {
		return nil, nil, err
	}
	known := make([]protocol.CredentialDescriptor, len(h.keys))
	for i := range h.keys {
		known[i] = h.keys[i].Descriptor()
	}
	return w.BeginRegistration(h, webauthn.WithExclusions(known), func(o *protocol.PublicKeyCredentialCreationOptions) error {
		o.Challenge = challenge
		return nil
	})
}

// AddPasskey keeps the passkey that a browser made, under a name for its owner. ErrWrong: the answer is not good.
func (c *Credentials) AddPasskey(ctx context.Context, s Site, p access.Person, name, answer string) error {
	if name = strings.TrimSpace(name); name == "" || len(name) > longestName {
		return &InvalidError{"name", fmt.Sprintf("want 1 to %d bytes by which you know it", longestName)}
	}
	parsed, err := protocol.ParseCredentialCreationResponseBody(strings.NewReader(answer))
	if err != nil || !s.TakesPasskeys() {
		return ErrWrong
	}
	challenge, err := c.spend(ctx, parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return err
	}
	h, err := c.holder(ctx, p)
	if err != nil {
		return err
	}
	if len(h.keys) >= mostPasskeys {
		return &InvalidError{"name", fmt.Sprintf("you have %d passkeys: remove one first", mostPasskeys)}
	}
	_, session, err := beginNew(s, h, challenge)
	if err != nil {
		return err
	}
	w, err := relying(s)
	if err != nil {
		return err
	}
	made, err := w.CreateCredential(h, *session, parsed)
	if err != nil {
		return ErrWrong
	}
	id := passkeyID(made.ID)
	if _, err := c.byID(ctx, id); !errors.Is(err, store.ErrNotFound) {
		return errors.Join(ErrWrong, err)
	}
	secret, err := json.Marshal(made)
	if err != nil {
		return fmt.Errorf("keep a passkey: %w", err)
	}
	return c.change(ctx, &access.Caller{ID: p.CallerID()}, p.ID, kindNames[passkey], "set", func(ctx context.Context, tx store.Tx) error {
		return c.put(ctx, tx, row{id: id, person: p.ID, kind: passkey, name: name, secret: secret})
	})
}

func passkeyID(credential []byte) []byte {
	sum := sha256.Sum256(append([]byte("passkey\x00"), credential...))
	return sum[:]
}

func (r *row) passkey() Passkey {
	return Passkey{ID: hex.EncodeToString(r.id[:8]), Name: r.name, CreatedAt: r.createdAt, UsedAt: r.lastUsed}
}

// Ask returns the options under which a browser proves by any of its passkeys who somebody is, as JSON.
func (c *Credentials) Ask(s Site) ([]byte, error) {
	w, err := relying(s)
	if err != nil {
		return nil, err
	}
	options, _, err := w.BeginDiscoverableLogin(webauthn.WithChallenge(c.newChallenge()))
	if err != nil {
		return nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	return json.Marshal(options.Response)
}

// CheckPasskey returns the ID of the person whom a browser's answer proves to be there, or ErrWrong. Find must return
// what is kept of the person with an ID.
func (c *Credentials) CheckPasskey(ctx context.Context, s Site, answer string, find func(personID string) (access.Person, error)) (string, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBody(strings.NewReader(answer))
	if err != nil || !s.TakesPasskeys() {
		return "", ErrWrong
	}
	challenge, err := c.spend(ctx, parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return "", err
	}
	r, err := c.byID(ctx, passkeyID(parsed.RawID))
	if errors.Is(err, store.ErrNotFound) || err == nil && r.kind != passkey {
		return "", ErrWrong
	}
	if err != nil {
		return "", err
	}
	p, err := find(r.person)
	if err != nil {
		return "", ErrWrong
	}
	h, err := c.holder(ctx, p)
	if err != nil {
		return "", err
	}
	used, err := verifyPasskey(s, h, challenge, parsed)
	if err != nil {
		return "", err
	}
	return p.ID, c.usedPasskey(ctx, r, used)
}

func verifyPasskey(s Site, h *holder, challenge []byte, answer *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
	w, err := relying(s)
	if err != nil {
		return nil, err
	}
	_, session, err := w.BeginDiscoverableLogin(webauthn.WithChallenge(challenge))
	if err != nil {
		return nil, fmt.Errorf("check a passkey: %w", err)
	}
	_, used, err := w.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		if !bytes.Equal(handle, h.handle) {
			return nil, ErrWrong
		}
		return h, nil
	}, *session, answer)
	if err != nil || used.Authenticator.CloneWarning {
		return nil, ErrWrong // a counter that runs backwards: two devices hold the same key
	}
	return used, nil
}

// usedPasskey keeps the passkey's counter.
func (c *Credentials) usedPasskey(ctx context.Context, r row, used *webauthn.Credential) error {
	secret, err := json.Marshal(used)
	if err != nil {
		return fmt.Errorf("keep a passkey: %w", err)
	}
	sealed := c.key.Seal(secret, placeOf(r.id))
	err = c.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE credentials SET secret = $1, used_at = $2 WHERE id = $3", sealed, c.now().UnixMicro(), r.id)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep a passkey's counter: %w", err)
	}
	return nil
}

// RemovePasskey takes one of a person's passkeys away; one that is not there stays away.
func (c *Credentials) RemovePasskey(ctx context.Context, by *access.Caller, personID, id string) error {
	rows, err := c.of(ctx, personID)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.kind == passkey && r.passkey().ID == id {
			return c.change(ctx, by, personID, kindNames[passkey], "removed", func(ctx context.Context, tx store.Tx) error {
				_, err := tx.Exec(ctx, "DELETE FROM credentials WHERE id = $1", r.id)
				return err
			})
		}
	}
	return nil
}
