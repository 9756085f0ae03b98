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

type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make a key and show its secret, once."`
	List   keysListCmd   `cmd:"" help:"List the keys, revoked ones included."`
	Revoke keysRevokeCmd `cmd:"" help:"End a key; it is refused from then on."`
}

// Help implements kong.HelpProvider.
func (keysCmd) Help() string {
	return `A key is what a system needs to call the server. Its role says what it may do: admin everything; compliance all but keys and definitions; marketer import, record and check; agent record and look up; viewer read, with numbers masked; sender only check and report attempts.`
}

type keysCreateCmd struct {
	Name    string   `arg:"" help:"What the key is for, for people."`
	Role    string   `required:"" enum:"admin,compliance,marketer,agent,viewer,sender" placeholder:"ROLE" help:"What its holder may do: ${enum}."`
	Brands  []string `placeholder:"ID,…" help:"The only brands for which it may act; left out: all."`
	Expires string   `placeholder:"TIME" help:"When it stops being accepted: 2027-01-01 or RFC 3339; left out: never."`
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (keysCreateCmd) Help() string {
	return `Examples:
  consentline keys create "campaign tool" --role sender --brands default
  consentline keys create console --role admin --json | jq -r .secret > key && chmod 600 key`
}

// wireKey is an API key as the interface tells of it.
type wireKey struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Role      string     `json:"role"`
	Brands    []string   `json:"brands"`
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by"`
	ExpiresAt *time.Time `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at"`
	Secret    string     `json:"secret"`
}

// Run makes the key.
func (c *keysCreateCmd) Run(ctx context.Context, a *App) error {
	body := map[string]any{"name": c.Name, "role": c.Role}
	if len(c.Brands) > 0 {
		body["brands"] = c.Brands
	}
	if c.Expires != "" {
		at, err := normalMoment(c.Expires)
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("--expires: %w", err)}
		}
		body["expires_at"] = at
	}
	var key wireKey
	raw, err := c.ask(ctx, a, mayCreate, http.MethodPost, "/v1/keys", body, &key)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.Out, raw)
	}
	_, err = fmt.Fprintf(a.Out, "%s\n", key.Secret)
	if err == nil {
		_, err = fmt.Fprintf(a.Err, "This is the secret of key %s (%s). It is shown only now.\n", key.ID, key.Role)
	}
	return err
}

type keysListCmd struct {
	target
	jsonFlag
}

// Run lists the keys.
func (c *keysListCmd) Run(ctx context.Context, a *App) error {
	t := newTable(a.Out)
	if !c.JSON {
		t.row("ID", "ROLE", "NAME", "BRANDS", "CREATED", "STATE")
	}
	err := c.each(ctx, a, "/v1/keys", func(raw json.RawMessage) error {
		if c.JSON {
			return writeJSON(a.Out, raw)
		}
		var k wireKey
		if err := json.Unmarshal(raw, &k); err != nil {
			return err
		}
		brands := strings.Join(k.Brands, ",")
		if brands == "" {
			brands = "all"
		}
		t.row(k.ID, k.Role, k.Name, brands, localTime(k.CreatedAt), k.state(a.Now()))
		return nil
	})
	return errors.Join(err, t.flush())
}

func (k *wireKey) state(now time.Time) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked " + localTime(*k.RevokedAt)
	case k.ExpiresAt != nil && !now.Before(*k.ExpiresAt):
		return "expired " + localTime(*k.ExpiresAt)
	case k.ExpiresAt != nil:
		return "until " + localTime(*k.ExpiresAt)
	}
	return "in force"
}

type keysRevokeCmd struct {
	ID string `arg:"" help:"The key's id, as the list shows it."`
	target
	jsonFlag
}

// Run revokes the key.
func (c *keysRevokeCmd) Run(ctx context.Context, a *App) error {
	var key wireKey
	raw, err := c.ask(ctx, a, mustExist, http.MethodDelete, "/v1/keys/"+url.PathEscape(c.ID), nil, &key)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.Out, raw)
	}
	_, err = fmt.Fprintf(a.Out, "Key %s (%s) is revoked.\n", key.ID, printable(key.Name))
	return err
}

// ask makes one call and closes the connection.
func (t *target) ask(ctx context.Context, a *App, o opening, method, path string, body, out any) (raw json.RawMessage, err error) {
	conn, err := t.connect(ctx, a, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	return conn.call(ctx, method, path, body, out)
}

// each calls fn with every item of a list.
func (t *target) each(ctx context.Context, a *App, path string, fn func(json.RawMessage) error) (err error) {
	conn, err := t.connect(ctx, a, mustExist)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	return pages(ctx, conn.client, path, func(items []json.RawMessage) error {
		for _, raw := range items {
			if err := fn(raw); err != nil {
				return err
			}
		}
		return nil
	})
}
