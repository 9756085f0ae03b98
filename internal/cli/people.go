package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type peopleCmd struct {
	Invite  peopleInviteCmd  `cmd:"" help:"Let a person in, and show the link by which they enter once."`
	List    peopleListCmd    `cmd:"" help:"List the people, those who are shut out included."`
	Change  peopleChangeCmd  `cmd:"" help:"Change a person's name, role or brands."`
	Link    peopleLinkCmd    `cmd:"" help:"Make a new link for a person who lost their way in."`
	SignOut peopleSignOutCmd `cmd:"" help:"End a person's sessions and links."`
	Disable peopleDisableCmd `cmd:"" help:"Shut a person out, at once."`
	Enable  peopleEnableCmd  `cmd:"" help:"Let a person who was shut out in again."`
}

// Help implements kong.HelpProvider.
func (peopleCmd) Help() string {
	return `People sign in to the console, with a password, a passkey or single sign-on. Their role says what they may do, as a key's does; systems have keys instead. A person is named by their login or their id.`
}

// wirePerson is a person as the interface tells of them.
type wirePerson struct {
	ID           string     `json:"id"`
	Login        string     `json:"login"`
	Name         string     `json:"name"`
	Role         string     `json:"role"`
	Brands       []string   `json:"brands"`
	Disabled     bool       `json:"disabled"`
	SingleSignOn bool       `json:"single_sign_on"`
	JoinedAt     *time.Time `json:"joined_at"`
	DisabledAt   *time.Time `json:"disabled_at"`
}

func (p *wirePerson) state() string {
	switch {
	case p.DisabledAt != nil:
		return "disabled " + localTime(*p.DisabledAt)
	case p.JoinedAt == nil:
		return "invited"
	}
	return "active"
}

// wireEntrance is a link that lets a person in.
type wireEntrance struct {
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expires_at"`
}

// tell shows a link, whole where the address of the console is known.
func (e *wireEntrance) tell(a *App, t *target) error {
	_, err := fmt.Fprintln(a.Out, t.console()+e.Link)
	if err == nil {
		_, err = fmt.Fprintf(a.Err, "This link lets them in once, until %s. It is shown only now.\n", localTime(e.ExpiresAt))
	}
	return err
}

// console is the address under which the console answers; empty where no server runs.
func (t *target) console() string {
	if t.Server != "" {
		return strings.TrimRight(t.Server, "/")
	}
	if o, ok := ownerOf(t.Data); ok && o.Listen != "" {
		return "http://" + o.Listen
	}
	return ""
}

type peopleInviteCmd struct {
	Login  string   `arg:"" help:"What they sign in with, such as an e-mail address."`
	Role   string   `required:"" enum:"admin,compliance,marketer,agent,viewer" placeholder:"ROLE" help:"What they may do: ${enum}."`
	Name   string   `placeholder:"NAME" help:"Their name, as others see it; left out: the login."`
	Brands []string `placeholder:"ID,…" help:"The only brands for which they may act; left out: all."`
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (peopleInviteCmd) Help() string {
	return `Examples:
  consentline people invite ada@example.org --role admin --name "Ada Example"
  consentline people invite bo@example.org --role agent --brands harbour-coffee`
}

// Run lets the person in.
func (c *peopleInviteCmd) Run(ctx context.Context, a *App) error {
	body := map[string]any{"login": c.Login, "name": c.Name, "role": c.Role}
	if len(c.Brands) > 0 {
		body["brands"] = c.Brands
	}
	var made wireEntrance
	raw, err := c.ask(ctx, a, mayCreate, http.MethodPost, "/v1/people", body, &made)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.Out, raw)
	}
	return made.tell(a, &c.target)
}

type peopleListCmd struct {
	target
	jsonFlag
}

// Run lists the people.
func (c *peopleListCmd) Run(ctx context.Context, a *App) error {
	t := newTable(a.Out)
	if !c.JSON {
		t.row("ID", "LOGIN", "NAME", "ROLE", "BRANDS", "SIGNS IN", "STATE")
	}
	err := c.each(ctx, a, "/v1/people", func(raw json.RawMessage) error {
		if c.JSON {
			return writeJSON(a.Out, raw)
		}
		var p wirePerson
		if err := json.Unmarshal(raw, &p); err != nil {
			return err
		}
		brands, how := strings.Join(p.Brands, ","), "here"
		if brands == "" {
			brands = "all"
		}
		if p.SingleSignOn {
			how = "single sign-on"
		}
		t.row(p.ID, p.Login, p.Name, p.Role, brands, how, p.state())
		return nil
	})
	return errors.Join(err, t.flush())
}

// someone names a person by login or id.
type someone struct {
	Person string `arg:"" help:"The person's login or id."`
}

// errFound stops a list that has shown what was looked for.
var errFound = errors.New("found")

// find returns the person. Among people with the same login the one who signs in here comes first.
func (s *someone) find(ctx context.Context, a *App, t *target) (out wirePerson, err error) {
	there := false
	err = t.each(ctx, a, "/v1/people", func(raw json.RawMessage) error {
		var p wirePerson
		if err := json.Unmarshal(raw, &p); err != nil {
			return err
		}
		if p.ID == s.Person || strings.EqualFold(p.Login, strings.TrimSpace(s.Person)) {
			if out, there = p, true; p.ID == s.Person || !p.SingleSignOn {
				return errFound
			}
		}
		return nil
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	if err == nil && !there {
		err = errors.New("there is nobody with this login or id: see consentline people list")
	}
	return out, err
}

func (p *wirePerson) path() string { return "/v1/people/" + url.PathEscape(p.ID) }

// put sends a person as they are to be.
func (p *wirePerson) put(ctx context.Context, a *App, t *target, asJSON bool) error {
	body := map[string]any{"name": p.Name, "role": p.Role, "disabled": p.Disabled}
	if len(p.Brands) > 0 {
		body["brands"] = p.Brands
	}
	var after wirePerson
	raw, err := t.ask(ctx, a, mustExist, http.MethodPut, p.path(), body, &after)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(a.Out, raw)
	}
	brands := strings.Join(after.Brands, ", ")
	if brands == "" {
		brands = "all brands"
	}
	_, err = fmt.Fprintf(a.Out, "%s is %s, for %s: %s.\n", printable(after.Login), after.Role, brands, after.state())
	return err
}

type peopleChangeCmd struct {
	someone
	Name      *string  `placeholder:"NAME" help:"Their name, as others see it."`
	Role      string   `enum:",admin,compliance,marketer,agent,viewer" default:"" placeholder:"ROLE" help:"What they may do: admin, compliance, marketer, agent or viewer."`
	Brands    []string `xor:"brands" placeholder:"ID,…" help:"The only brands for which they may act."`
	AllBrands bool     `xor:"brands" help:"They may act for all brands."`
	target
	jsonFlag
}

// Run changes the person. What is not named stays.
func (c *peopleChangeCmd) Run(ctx context.Context, a *App) error {
	p, err := c.find(ctx, a, &c.target)
	if err != nil {
		return err
	}
	if c.Name != nil {
		p.Name = *c.Name
	}
	if c.Role != "" {
		p.Role = c.Role
	}
	if len(c.Brands) > 0 || c.AllBrands {
		p.Brands = c.Brands
	}
	return p.put(ctx, a, &c.target, c.JSON)
}

type peopleLinkCmd struct {
	someone
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (peopleLinkCmd) Help() string {
	return `The link lets the person in once, without password and code, to choose new ones: send it only to them. An earlier link ends.`
}

// Run makes the link.
func (c *peopleLinkCmd) Run(ctx context.Context, a *App) error {
	p, err := c.find(ctx, a, &c.target)
	if err != nil {
		return err
	}
	var made wireEntrance
	raw, err := c.ask(ctx, a, mustExist, http.MethodPost, p.path()+"/link", nil, &made)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.Out, raw)
	}
	return made.tell(a, &c.target)
}

type peopleSignOutCmd struct {
	someone
	target
	jsonFlag
}

// Run ends the person's sessions.
func (c *peopleSignOutCmd) Run(ctx context.Context, a *App) error {
	p, err := c.find(ctx, a, &c.target)
	if err != nil {
		return err
	}
	raw, err := c.ask(ctx, a, mustExist, http.MethodPost, p.path()+"/sign-out", nil, nil)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.Out, raw)
	}
	_, err = fmt.Fprintf(a.Out, "%s is signed out everywhere.\n", printable(p.Login))
	return err
}

type peopleDisableCmd struct {
	someone
	target
	jsonFlag
}

// Run shuts the person out.
func (c *peopleDisableCmd) Run(ctx context.Context, a *App) error {
	p, err := c.find(ctx, a, &c.target)
	if err != nil {
		return err
	}
	p.Disabled = true
	return p.put(ctx, a, &c.target, c.JSON)
}

type peopleEnableCmd struct {
	someone
	target
	jsonFlag
}

// Run lets the person in again.
func (c *peopleEnableCmd) Run(ctx context.Context, a *App) error {
	p, err := c.find(ctx, a, &c.target)
	if err != nil {
		return err
	}
	p.Disabled = false
	return p.put(ctx, a, &c.target, c.JSON)
}
