// Package signon lets staff sign in at their organisation's own provider: single sign-on by OpenID Connect, with the
// authorization code flow, PKCE, state and nonce.
//
// It stores the table sign_ons: who was sent away, until they come back or ten minutes are over. Others may rely on
// this: an answer is taken once, from the browser that was sent away, and says who somebody is only if the provider's
// signature, issuer, audience, nonce and times are right; the groups that the provider names decide over role and
// brands, and without one that is known nobody comes in.
package signon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
)

// Config says where staff sign in, and what their groups are worth here.
type Config struct {
	Name         string `json:"name"`    // of the way in, for people: Example login
	Address      string `json:"address"` // under which browsers see this deployment: https://consent.example
	Issuer       string `json:"issuer"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`

	Scopes      []string `json:"scopes"`       // besides openid, profile and email
	GroupsClaim string   `json:"groups_claim"` // empty: groups
	Grants      []Grant  `json:"grants"`       // the first whose group somebody has decides
}

// Grant is what a group of the provider is worth here.
type Grant struct {
	Group  string            `json:"group"`
	Role   access.Role       `json:"role"`
	Brands []consent.BrandID `json:"brands"` // empty: all
}

// ReturnPath is where the provider sends browsers back to; it must know Address and this as a redirect URI.
const ReturnPath = "/console/sign-in/return"

// Parse reads a configuration as JSON. What it does not know is an error, so that nothing misspelt is passed over.
func Parse(r io.Reader) (c Config, err error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("read the configuration of single sign-on: %w", err)
	}
	if d.More() {
		return c, errors.New("read the configuration of single sign-on: there is more than one object")
	}
	return c, c.validate()
}

func (c *Config) validate() error {
	if c.Name == "" {
		c.Name = "single sign-on"
	}
	if c.GroupsClaim == "" {
		c.GroupsClaim = "groups"
	}
	c.Address = strings.TrimRight(c.Address, "/")
	switch {
	case !safeAddress(c.Address):
		return errors.New("address: want https://HOST as browsers see this deployment; http only on this machine")
	case !safeAddress(c.Issuer):
		return errors.New("issuer: want the provider's https:// address; http only on this machine")
	case c.ClientID == "":
		return errors.New("client_id: is missing: the provider gives it")
	case len(c.Grants) == 0:
		return errors.New("grants: say which group has which role here; without one nobody comes in")
	}
	for i, g := range c.Grants {
		if g.Group == "" || !slices.Contains(access.PeopleRoles, g.Role) {
			return fmt.Errorf("grants[%d]: want a group, and one of the roles %v", i, access.PeopleRoles)
		}
	}
	return nil
}

// safeAddress reports whether an address is one at which secrets can be sent.
func safeAddress(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// grantFor returns what somebody with these groups may do here.
func (c *Config) grantFor(groups []string) (Grant, bool) {
	i := slices.IndexFunc(c.Grants, func(g Grant) bool { return slices.Contains(groups, g.Group) })
	if i < 0 {
		return Grant{}, false
	}
	return c.Grants[i], true
}
