package people

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/credential"
	"github.com/consentline/consentline/internal/ledger"
)

// How people have proved who they are, as entries and lists of sessions say it.
const (
	ByLink         = "link"
	ByPassword     = "password"
	ByCode         = "password and code"
	ByRecovery     = "password and recovery code"
	ByPasskey      = "passkey"
	BySingleSignOn = "single sign-on"
)

// Step is where a sign-in has come to: Token is that of a session, or Halfway that of a password that waits for its
// second factor.
type Step struct{ Token, Halfway string }

// Password signs in who knows a login's password. Who has a code generator still owes its code. Neither a LockedError
// nor ErrWrong tells whether anybody has the login.
func (p *People) Password(ctx context.Context, login, password, browser string) (Step, error) {
	try, err := p.credentials.Try(ctx, login)
	if err != nil {
		return Step{}, err
	}
	who, err := p.gate.PersonByLogin(login)
	known := err == nil && who.DisabledAt == nil && who.Identity == ""
	if err != nil && !errors.Is(err, access.ErrNotFound) {
		return Step{}, err
	}
	err = p.credentials.CheckPassword(ctx, who.ID, password)
	if err == nil && !known {
		err = credential.ErrWrong
	}
	if err != nil {
		return Step{}, p.wrong(ctx, err, try, who, known)
	}
	held, err := p.credentials.Held(ctx, who.ID)
	if err != nil {
		return Step{}, err
	}
	if held.Generator {
		if err := p.credentials.Undecided(ctx, try); err != nil {
			return Step{}, err
		}
		half, err := p.sessions.Halfway(ctx, who.CallerID())
		return Step{Halfway: half}, err
	}
	if err := p.credentials.Succeeded(ctx, try); err != nil {
		return Step{}, err
	}
	token, err := p.begin(ctx, who.CallerID(), ByPassword, browser)
	return Step{Token: token}, err
}

// wrong tells of a failure to sign in, of somebody who is known or of nobody.
func (p *People) wrong(ctx context.Context, err error, try credential.Try, who access.Person, known bool) error {
	if !known || !errors.Is(err, credential.ErrWrong) {
		return err
	}
	return errors.Join(err, p.credentials.Failed(ctx, try, who))
}

// SecondFactor signs in who has given the password and gives a code, or one of the recovery codes instead.
func (p *People) SecondFactor(ctx context.Context, halfway, code, browser string) (token string, err error) {
	callerID, err := p.sessions.HalfwayFrom(ctx, halfway)
	if err != nil {
		return "", err
	}
	id, _ := access.PersonID(callerID)
	who, err := p.gate.Person(id)
	if err != nil {
		return "", err
	}
	try, err := p.credentials.Try(ctx, who.Login)
	if err != nil {
		return "", err
	}
	how, check := ByCode, p.credentials.CheckCode
	if strings.ContainsFunc(code, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' }) {
		how, check = ByRecovery, p.credentials.UseRecoveryCode
	}
	if err := check(ctx, id, code); err != nil {
		return "", p.wrong(ctx, err, try, who, true)
	}
	if callerID, err = p.sessions.Arrive(ctx, halfway); err != nil {
		return "", err
	}
	if err := p.credentials.Succeeded(ctx, try); err != nil {
		return "", err
	}
	return p.begin(ctx, callerID, how, browser)
}

// Passkey signs in whom a browser's answer proves to be there.
func (p *People) Passkey(ctx context.Context, site credential.Site, answer, browser string) (token string, err error) {
	id, err := p.credentials.CheckPasskey(ctx, site, answer, p.gate.Person)
	if err != nil {
		return "", err
	}
	who, err := p.gate.Person(id)
	if err != nil || who.DisabledAt != nil || who.Identity != "" {
		return "", errors.Join(credential.ErrWrong, err)
	}
	return p.begin(ctx, who.CallerID(), ByPasskey, browser)
}

// Recognised signs in whom a provider of single sign-on vouches for, with the role and brands that its groups give.
func (p *People) Recognised(ctx context.Context, who access.Person, browser string) (token string, err error) {
	known, err := p.gate.Recognise(ctx, who)
	if err != nil {
		return "", err
	}
	if known.DisabledAt != nil {
		return "", ErrDisabled
	}
	return p.begin(ctx, known.CallerID(), BySingleSignOn, browser)
}

// NotRecognised ends the sessions of whom a provider of single sign-on knows and gives no role any more, and records
// that they were refused.
func (p *People) NotRecognised(ctx context.Context, identity string) error {
	by := singleSignOn
	if who, err := p.gate.PersonByIdentity(identity); err == nil {
		by = who.CallerID()
		if err := p.sessions.EndAll(ctx, by, ""); err != nil {
			return err
		}
	}
	_, err := p.ledger.AppendOne(ctx, ledger.Item{Kind: ledger.KindDenial, By: by, Detail: map[string]string{"permission": "sign in without a role"}})
	if err != nil {
		return fmt.Errorf("record a refusal: %w", err)
	}
	return nil
}

// singleSignOn is who is said to have been refused when nobody here is known by an identity.
const singleSignOn = "single-sign-on"
