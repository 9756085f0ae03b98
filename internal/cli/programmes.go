package cli

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
)

type programmesCmd struct {
	List   programmesListCmd   `cmd:"" help:"List the keywords by which people opt in."`
	Define programmesDefineCmd `cmd:"" help:"Define a keyword, or change one."`
	Retire programmesRetireCmd `cmd:"" help:"End a keyword's use."`
}

// Help implements kong.HelpProvider.
func (programmesCmd) Help() string {
	return `People opt in by texting a keyword to a sender, having read the wording where it is advertised. It costs nobody a message, and proves that whoever opts in holds the number.

Example:
  consentline programmes define pizza-club --keyword PIZZA --sender acme-us --purpose newsletter`
}

// wireProgramme is a programme as the interface tells of it.
type wireProgramme struct {
	ID         string `json:"id"`
	Keyword    string `json:"keyword"`
	Sender     string `json:"sender"`
	Purpose    string `json:"purpose"`
	Level      string `json:"level,omitempty"`
	Disclosure string `json:"disclosure,omitempty"`
	Retired    bool   `json:"retired,omitempty"`
}

func (p *wireProgramme) state() string {
	if p.Retired {
		return "retired"
	}
	return "in use"
}

func (p *wireProgramme) print(a *App) error {
	t := newTable(a.Out)
	t.pair("programme", p.ID)
	t.pair("keyword", p.Keyword)
	t.pair("sender", p.Sender)
	t.pair("purpose", p.Purpose)
	t.pair("level", p.Level)
	t.pair("wording", p.Disclosure)
	t.pair("state", p.state())
	return t.flush()
}

type programmesListCmd struct {
	target
	jsonFlag
}

// Run lists the programmes.
func (c *programmesListCmd) Run(ctx context.Context, a *App) error {
	t := newTable(a.Out)
	if !c.JSON {
		t.row("ID", "KEYWORD", "SENDER", "PURPOSE", "LEVEL", "STATE")
	}
	err := c.each(ctx, a, "/v1/programmes", func(raw json.RawMessage) error {
		if c.JSON {
			return writeJSON(a.Out, raw)
		}
		var p wireProgramme
		if err := json.Unmarshal(raw, &p); err != nil {
			return err
		}
		t.row(p.ID, p.Keyword, p.Sender, p.Purpose, p.Level, p.state())
		return nil
	})
	return errors.Join(err, t.flush())
}

type programmesDefineCmd struct {
	ID      string `arg:"" help:"The programme's id: a-z, 0-9, dot, dash, underscore."`
	Keyword string `required:"" placeholder:"WORD" help:"The word that people text."`
	Sender  string `required:"" placeholder:"ID" help:"The sender that it is texted to."`
	Purpose string `required:"" placeholder:"ID" help:"What they then consent to."`
	Level   string `placeholder:"LEVEL" help:"How strong that consent is: implied, soft_opt_in, express or express_written; left out: express."`
	Wording string `placeholder:"ID@VERSION" help:"The wording beside which the keyword is advertised."`
	target
	jsonFlag
}

// Run defines the programme, or puts the new definition in the place of the one that is there.
func (c *programmesDefineCmd) Run(ctx context.Context, a *App) error {
	p := wireProgramme{ID: c.ID, Keyword: c.Keyword, Sender: c.Sender, Purpose: c.Purpose, Level: c.Level, Disclosure: c.Wording}
	err := c.tellProgramme(ctx, a, c.JSON, http.MethodPost, "/v1/programmes", p)
	var taken *problemError
	if errors.As(err, &taken) && taken.Code == "exists" {
		return c.tellProgramme(ctx, a, c.JSON, http.MethodPut, programmePath(c.ID), p)
	}
	return err
}

type programmesRetireCmd struct {
	ID string `arg:"" help:"The programme's id."`
	target
	jsonFlag
}

// Run ends a programme's use; it stays readable.
func (c *programmesRetireCmd) Run(ctx context.Context, a *App) error {
	var p wireProgramme
	if _, err := c.ask(ctx, a, mustExist, http.MethodGet, programmePath(c.ID), nil, &p); err != nil {
		return err
	}
	p.Retired = true
	return c.tellProgramme(ctx, a, c.JSON, http.MethodPut, programmePath(c.ID), p)
}

func programmePath(id string) string { return "/v1/programmes/" + url.PathEscape(id) }

func (t *target) tellProgramme(ctx context.Context, a *App, asJSON bool, method, path string, body any) error {
	var p wireProgramme
	raw, err := t.ask(ctx, a, mustExist, method, path, body, &p)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(a.Out, raw)
	}
	return p.print(a)
}
