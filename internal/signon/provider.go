package signon

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// AwayFor is for how long somebody may be away at the provider.
const AwayFor = 10 * time.Minute

// answerWait is how long the provider may take to answer us.
const answerWait = 10 * time.Second

// MostCarried is how much may be kept for somebody who is away, in bytes.
const MostCarried = 64 << 10

// ErrEnded says that an answer came too late, a second time, or from another browser than the one that was sent away.
var ErrEnded = errors.New("this sign-in has ended or was begun elsewhere")

// ErrTooMuch says that more was to be kept for somebody who goes away than MostCarried.
var ErrTooMuch = errors.New("too much was typed to be kept during single sign-on")

// RefusedError says that the provider let nobody in, or that its answer does not hold. The reason is for the log.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "single sign-on refused: " + e.Reason }

// NoRoleError says that somebody is who they are and has no group that is worth anything here.
type NoRoleError struct{ Identity string }

func (e *NoRoleError) Error() string { return "no group of this account has a role here" }

// Provider is a deployment's provider of single sign-on. It is safe for concurrent use.
type Provider struct {
	config Config
	db     store.DB
	key    vault.Key
	now    func() time.Time
	client *http.Client

	mu    sync.Mutex     // guards:
	found *oidc.Provider // nil until the provider has told of itself
}

// New returns a provider by its configuration. It is asked about itself when somebody first signs in, so that a server
// starts without it.
func New(c Config, db store.DB, key vault.Key, now func() time.Time) (*Provider, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("single sign-on: %w", err)
	}
	return &Provider{config: c, db: db, key: key, now: now, client: &http.Client{Timeout: answerWait}}, nil
}

// Name names the way in, for people.
func (p *Provider) Name() string { return p.config.Name }

// discover asks the provider about itself, once it has answered never again.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("ask the provider of single sign-on about itself: %w", err)
	}
	p.found = found
	return found, nil
}

func (p *Provider) oauth(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Endpoint: found.Endpoint(),
		RedirectURL: p.config.Address + ReturnPath, Scopes: append([]string{oidc.ScopeOpenID, "profile", "email"}, p.config.Scopes...),
	}
}

// away is what is kept of somebody who was sent away.
type away struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Carried  []byte `json:"carried"`
}

// Send returns the address to send a browser to, and the token that the browser must bring back. What is carried is
// kept sealed meanwhile.
func (p *Provider) Send(ctx context.Context, carried []byte) (address, token string, err error) {
	if len(carried) > MostCarried {
		return "", "", ErrTooMuch
	}
	found, err := p.discover(ctx)
	if err != nil {
		return "", "", err
	}
	token = oauth2.GenerateVerifier() // 256 random bits each
	a := away{State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier(), Carried: carried}
	if err := p.keep(ctx, token, a); err != nil {
		return "", "", err
	}
	return p.oauth(found).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), token, nil
}

func (p *Provider) keep(ctx context.Context, token string, a away) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("keep who goes to single sign-on: %w", err)
	}
	hash, now := digest(token), p.now()
	sealed := p.key.Seal(text, placeOf(hash))
	err = p.db.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM sign_ons WHERE expires_at <= $1", now.UnixMicro()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO sign_ons (token, sealed, expires_at) VALUES ($1, $2, $3)", hash, sealed, now.Add(AwayFor).UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("keep who goes to single sign-on: %w", err)
	}
	return nil
}

func digest(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func placeOf(hash []byte) uint64 { return binary.BigEndian.Uint64(hash) }

// take uses up what is kept under a token; ErrEnded if there is nothing, or somebody else was faster.
func (p *Provider) take(ctx context.Context, token string) (a away, err error) {
	hash := digest(token)
	var sealed []byte
	err = p.db.InTx(ctx, func(tx store.Tx) error {
		sealed = nil
		rows := tx.Query(ctx, "SELECT sealed FROM sign_ons WHERE token = $1 AND expires_at > $2", hash, p.now().UnixMicro())
		if err := store.One(rows, func(r store.Row) { sealed = append(sealed, r.Bytes(0)...) }); err != nil {
			return err
		}
		used, err := tx.Exec(ctx, "DELETE FROM sign_ons WHERE token = $1", hash)
		if err == nil && used != 1 {
			return store.ErrNotFound
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return a, ErrEnded
	}
	if err != nil {
		return a, fmt.Errorf("find who comes from single sign-on: %w", err)
	}
	text, err := p.key.Open(sealed, placeOf(hash))
	if err != nil {
		return a, fmt.Errorf("find who comes from single sign-on: %w", err)
	}
	return a, json.Unmarshal(text, &a)
}

// Receive takes a browser that came back: with the token it was given, and what the provider put into its address. It
// returns who it is, with the role and brands that their groups give them, and what was carried.
func (p *Provider) Receive(ctx context.Context, token string, query url.Values) (who access.Person, carried []byte, err error) {
	a, err := p.take(ctx, token)
	if err != nil {
		return who, nil, err
	}
	if subtle.ConstantTimeCompare([]byte(a.State), []byte(query.Get("state"))) != 1 {
		return who, nil, ErrEnded
	}
	if iss := query.Get("iss"); iss != "" && iss != p.config.Issuer { // RFC 9207: the answer of another provider
		return who, nil, &RefusedError{"the answer comes from another issuer"}
	}
	if code := query.Get("error"); code != "" {
		return who, nil, &RefusedError{"the provider says " + word(code)}
	}
	claims, err := p.redeem(ctx, a, query.Get("code"))
	if err != nil {
		return who, nil, err
	}
	who, err = p.person(claims)
	return who, a.Carried, err
}

// word lets nothing but the short codes of RFC 6749 through.
func word(text string) string {
	if len(text) > 40 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "something unknown"
	}
	return text
}

// claims are what the provider says of somebody.
type claims map[string]any

func (c claims) text(name string) string {
	text, _ := c[name].(string)
	return strings.TrimSpace(text)
}

// list returns a claim that is a list of texts, or one text.
func (c claims) list(name string) (out []string) {
	switch v := c[name].(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			if text, ok := one.(string); ok {
				out = append(out, text)
			}
		}
	}
	return out
}

// redeem exchanges the code for what the provider says of somebody, and holds its signature against what was asked.
func (p *Provider) redeem(ctx context.Context, a away, code string) (claims, error) {
	found, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	tokens, err := p.oauth(found).Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return nil, &RefusedError{"the code is not taken: " + word(refused.ErrorCode)}
	}
	if err != nil {
		return nil, fmt.Errorf("exchange the code of single sign-on: %w", err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := found.Verifier(&oidc.Config{ClientID: p.config.ClientID, Now: p.now}).Verify(ctx, raw)
	if err != nil {
		return nil, &RefusedError{"the ID token does not hold: " + err.Error()}
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) != 1 {
		return nil, &RefusedError{"the ID token answers another sign-in"}
	}
	out := claims{}
	if err := id.Claims(&out); err != nil {
		return nil, &RefusedError{"the ID token cannot be read"}
	}
	if _, told := out[p.config.GroupsClaim]; told || found.UserInfoEndpoint() == "" {
		return out, nil
	}
	return p.more(ctx, found, tokens, out)
}

// more adds what the provider tells only at its second address.
func (p *Provider) more(ctx context.Context, found *oidc.Provider, tokens *oauth2.Token, out claims) (claims, error) {
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return nil, fmt.Errorf("ask the provider of single sign-on about somebody: %w", err)
	}
	if info.Subject != out.text("sub") { // OpenID Connect Core, section 5.3.2
		return nil, &RefusedError{"the provider tells of somebody else"}
	}
	added := claims{}
	if err := info.Claims(&added); err != nil {
		return nil, &RefusedError{"what the provider tells cannot be read"}
	}
	for name, value := range added {
		if _, told := out[name]; !told {
			out[name] = value
		}
	}
	return out, nil
}

// person returns who somebody is here by what the provider says of them.
func (p *Provider) person(c claims) (access.Person, error) {
	who := access.Person{Identity: p.config.Issuer + " " + c.text("sub"), Name: c.text("name")}
	for _, login := range []string{c.text("preferred_username"), c.text("email"), c.text("sub")} {
		if login != "" && !strings.ContainsAny(login, " \t\r\n") {
			who.Login = login
			break
		}
	}
	g, ok := p.config.grantFor(c.list(p.config.GroupsClaim))
	if !ok {
		return who, &NoRoleError{who.Identity}
	}
	who.Role, who.Brands = g.Role, g.Brands
	return who, nil
}
