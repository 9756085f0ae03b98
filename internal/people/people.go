// Package people lets members of staff in, and out again: it invites them, signs them in by whatever they prove who they
// are with, and ends what they have when they go.
//
// It puts together who may do what (package access), how people prove who they are (package credential), and who is
// signed in (package session), and stores nothing itself. Others may rely on this: whoever is disabled has no session,
// no link and no half-finished sign-in from then on, on any node, and gets none back by being enabled again.
package people

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/credential"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/session"
)

// LinkLasts is for how long a link lets an invited person in.
const LinkLasts = 72 * time.Hour

// ErrElsewhere says that a person signs in at a provider of single sign-on, so that nothing here lets them in.
var ErrElsewhere = errors.New("this person signs in with single sign-on, not here")

// ErrDisabled says that a person is disabled, so that there is no way in for them.
var ErrDisabled = errors.New("this person is disabled: enable them first")

// Appender takes the entries that links make.
type Appender interface {
	AppendOne(context.Context, ledger.Item) (ledger.Result, error)
}

// People lets the staff of one deployment in. It is safe for concurrent use.
type People struct {
	gate        *access.Gate
	sessions    *session.Sessions
	credentials *credential.Credentials
	ledger      Appender
}

// New returns the staff that a gate knows.
func New(g *access.Gate, s *session.Sessions, c *credential.Credentials, l Appender) *People {
	return &People{gate: g, sessions: s, credentials: c, ledger: l}
}

// Credentials keeps how people prove who they are.
func (p *People) Credentials() *credential.Credentials { return p.credentials }

// Invite lets a person in and returns the token of a link by which they enter once and choose how to sign in.
func (p *People) Invite(ctx context.Context, by *access.Caller, who access.Person) (access.Person, string, error) {
	who.JoinedAt = nil
	made, err := p.gate.Invite(ctx, by, who)
	if err != nil {
		return made, "", err
	}
	link, err := p.sessions.Link(ctx, made.CallerID(), LinkLasts) // the entry of the person is that of the link, too
	return made, link, err
}

// Link returns the token of a new link by which a person enters once; an earlier one ends. That it was made is recorded.
func (p *People) Link(ctx context.Context, by *access.Caller, id string) (string, error) {
	who, err := p.gate.Person(id)
	switch {
	case err != nil:
		return "", err
	case who.Identity != "":
		return "", ErrElsewhere
	case who.DisabledAt != nil:
		return "", ErrDisabled
	}
	_, err = p.ledger.AppendOne(ctx, ledger.Item{
		Kind: ledger.KindAccess, By: by.ID, Widens: true, Detail: map[string]string{"made": "link that lets a person in", "person": id},
	})
	if err != nil {
		return "", fmt.Errorf("record a link: %w", err)
	}
	return p.sessions.Link(ctx, who.CallerID(), LinkLasts)
}

// Change changes a person. Disabling ends all that they have.
func (p *People) Change(ctx context.Context, by *access.Caller, id string, change access.PersonChange) (access.Person, error) {
	who, err := p.gate.ChangePerson(ctx, by, id, change)
	if err != nil || who.DisabledAt == nil {
		return who, err
	}
	return who, p.sessions.EndAll(ctx, who.CallerID(), "")
}

// EndSessions signs a person out everywhere. That it was done is recorded.
func (p *People) EndSessions(ctx context.Context, by *access.Caller, id string) error {
	who, err := p.gate.Person(id)
	if err != nil {
		return err
	}
	_, err = p.ledger.AppendOne(ctx, ledger.Item{
		Kind: ledger.KindAccess, By: by.ID, Widens: true, Detail: map[string]string{"made": "an end of all sessions", "person": id},
	})
	if err != nil {
		return fmt.Errorf("record the end of sessions: %w", err)
	}
	return p.sessions.EndAll(ctx, who.CallerID(), "")
}

// FirstLink returns the token of a link by which the first person lets themselves in, as an admin.
func (p *People) FirstLink(ctx context.Context, valid time.Duration) (string, error) {
	return p.sessions.Link(ctx, "", valid)
}

// LinkFor returns whom a link lets in, without using it up; nil for the link of the first person. ErrEnded: it has ended.
func (p *People) LinkFor(ctx context.Context, link string) (*access.Caller, error) {
	callerID, err := p.sessions.LinkFor(ctx, link)
	if err != nil || callerID == "" {
		return nil, err
	}
	return p.callerOf(callerID)
}

func (p *People) callerOf(id string) (*access.Caller, error) {
	caller, err := p.gate.Caller(id)
	if errors.Is(err, access.ErrUnknownKey) {
		return nil, session.ErrEnded
	}
	return caller, err
}

// Enter uses a link up and signs in whom it lets in.
func (p *People) Enter(ctx context.Context, link, browser string) (token string, err error) {
	who, err := p.LinkFor(ctx, link)
	if err != nil {
		return "", err
	}
	if who == nil {
		return "", session.ErrEnded // it is for Found
	}
	callerID, err := p.sessions.Redeem(ctx, link)
	if err != nil {
		return "", err
	}
	return p.begin(ctx, callerID, ByLink, browser)
}

// Found uses the first link up: it makes the first person, an admin, with a password, and signs them in.
func (p *People) Found(ctx context.Context, link string, who access.Person, password, browser string) (token string, err error) {
	first, err := p.LinkFor(ctx, link)
	if err != nil {
		return "", err
	}
	if first != nil {
		return "", session.ErrEnded
	}
	who.Login, who.Role, who.Brands = access.NormalLogin(who.Login), access.Admin, nil
	if err := credential.ValidPassword(password, who.Login); err != nil {
		return "", err
	}
	// The person comes before the link is used up: a mistyped login can be corrected. Who has the link may do this anyway.
	made, err := p.gate.Invite(ctx, &access.Caller{ID: "first link"}, who)
	if err != nil {
		return "", err
	}
	if _, err := p.sessions.Redeem(ctx, link); err != nil {
		yes := true
		_, undo := p.gate.ChangePerson(ctx, access.Local, made.ID, access.PersonChange{Disabled: &yes})
		return "", errors.Join(err, undo)
	}
	if err := p.credentials.SetPassword(ctx, &access.Caller{ID: made.CallerID()}, made, password); err != nil {
		return "", err
	}
	return p.begin(ctx, made.CallerID(), ByLink, browser)
}

// SetPassword gives a person a password and signs them out everywhere else than under the token.
func (p *People) SetPassword(ctx context.Context, who access.Person, password, token string) error {
	if who.Identity != "" {
		return ErrElsewhere
	}
	if err := p.credentials.SetPassword(ctx, &access.Caller{ID: who.CallerID()}, who, password); err != nil {
		return err
	}
	return p.sessions.EndAll(ctx, who.CallerID(), token)
}

// begin signs a person in and notes that an invited one has come.
func (p *People) begin(ctx context.Context, callerID, how, browser string) (string, error) {
	if id, ok := access.PersonID(callerID); ok {
		if err := p.gate.Joined(ctx, id); err != nil && !errors.Is(err, ledger.ErrChanged) {
			return "", err
		}
	}
	return p.sessions.Begin(ctx, callerID, how, browser)
}

// Browser describes a browser in a few words, for the list of sessions, from what it calls itself.
func Browser(agent string) string {
	name, on := "A browser", ""
	for _, known := range [][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}} {
		if strings.Contains(agent, known[0]) {
			name = known[1]
			break
		}
	}
	for _, known := range [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}} {
		if strings.Contains(agent, known[0]) {
			on = " on " + known[1]
			break
		}
	}
	return name + on
}
