package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

type checkCmd struct {
	Number string `arg:"" help:"The number, with a plus sign and the country code."`
	scopeFlags
	aboutFlags
	At      string `placeholder:"TIME" help:"Ask as of this moment; left out: now."`
	KnownAt string `placeholder:"TIME" help:"Answer on what was known at this moment; left out: now."`
	Receipt bool   `help:"Add a signed statement, which verify checks offline; with --json."`
	Explain bool   `help:"Add every gate with what it came to, its citation, and whether it was verified."`
	Reserve bool   `help:"Count the contact at once, if it is allowed; then confirm or release it with consentline attempt."`
	Quiet   bool   `short:"q" help:"Write nothing; the exit code tells."`
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (checkCmd) Help() string {
	return `Exit codes: 0 allow, 1 deny, 3 defer (a deny that ends by itself), 2 a question that makes no sense or could not be asked. What could not be asked is not allowed.

Examples:
  consentline check +12025550123 --purpose marketing --channel sms
  consentline check --explain +12025550123 --purpose marketing --channel sms --country US --region FL
  if consentline check -q +12025550123 --purpose marketing --channel sms; then send; fi`
}

// verdict is the answer to POST /v1/checks.
type verdict struct {
	Verdict string `json:"verdict"`
	Reasons []struct {
		Code     string `json:"code"`
		Text     string `json:"text"`
		Rule     string `json:"rule"`
		Citation string `json:"citation"`
		List     string `json:"list"`
		Entry    uint64 `json:"entry"`
	} `json:"reasons"`
	Record        *wireRecord `json:"record"`
	NextAllowedAt *time.Time  `json:"next_allowed_at"`
	ChangesAt     *time.Time  `json:"changes_at"`
	UseWithinMS   int64       `json:"use_within_ms"`
	Revision      uint64      `json:"revision"`
	CheckedAt     time.Time   `json:"checked_at"`
	Reservation   string      `json:"reservation"`
	Gates         []wireGate  `json:"gates"`

	Place *struct {
		Regions  []string `json:"regions"`
		Zones    []string `json:"time_zones"`
		Evidence []string `json:"evidence"`
	} `json:"place"`
	Packs []struct {
		Pack    string `json:"pack"`
		Version string `json:"version"`
	} `json:"packs"`
	Verified *bool `json:"verified"`
	Past     *struct {
		Lists string `json:"lists"`
	} `json:"past"`
}

// wireGate is what one gate came to.
type wireGate struct {
	Gate     string `json:"gate"`
	Result   string `json:"result"`
	Code     string `json:"code"`
	Rule     string `json:"rule"`
	Requires string `json:"requires"`
	Evidence string `json:"evidence"`
	Citation string `json:"citation"`
	Verified *bool  `json:"verified"`
}

// Run asks, and makes the verdict the exit code.
func (c *checkCmd) Run(ctx context.Context, a *App) error {
	raw, v, err := c.ask(ctx, a)
	if err == nil && !c.Quiet {
		if c.JSON {
			err = writeJSON(a.Out, raw)
		} else {
			err = v.print(a)
		}
	}
	if err != nil {
		return &exitError{exitNoAnswer, err}
	}
	switch v.Verdict {
	case "allow":
		return nil
	case "defer":
		return &exitError{code: exitDefer}
	}
	return &exitError{code: exitDeny}
}

func (c *checkCmd) ask(ctx context.Context, a *App) (raw json.RawMessage, v verdict, err error) {
	question := map[string]any{"number": c.Number, "brand": c.scopeFlags.Brand, "purpose": c.Purpose, "channel": c.Channel}
	for name, text := range map[string]string{"at": c.At, "known_at": c.KnownAt} {
		if text == "" {
			continue
		}
		if question[name], err = normalMoment(text); err != nil {
			return nil, v, err
		}
	}
	if c.Receipt {
		if !c.JSON {
			return nil, v, errors.New("a receipt is JSON: ask for it with --json")
		}
		question["receipt"] = true
	}
	if question["about"], err = c.told(); err != nil {
		return nil, v, err
	}
	for name, asked := range map[string]bool{"explain": c.Explain, "reserve": c.Reserve} {
		if asked {
			question[name] = true
		}
	}
	conn, err := c.connect(ctx, a, mustExist)
	if err != nil {
		return nil, v, err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	raw, err = conn.call(ctx, http.MethodPost, "/v1/checks", question, &v)
	return raw, v, err
}

func (v *verdict) print(a *App) error {
	t := newTable(a.Out)
	for i, r := range v.Reasons {
		first := ""
		if i == 0 {
			first = v.Verdict
		}
		t.row(first, r.Code, r.Text)
		if r.Rule != "" {
			t.row("", "", r.Rule+": "+r.Citation)
		}
		if r.List != "" {
			t.row("", "", "list "+r.List)
		}
		if r.Entry > 0 {
			t.row("", "", fmt.Sprintf("entry %d", r.Entry))
		}
	}
	if v.Record != nil {
		t.row("record", v.Record.summary())
	}
	if v.NextAllowedAt != nil {
		t.row("next allowed", localTime(*v.NextAllowedAt))
	}
	if v.ChangesAt != nil {
		t.row("changes", localTime(*v.ChangesAt))
	}
	if v.Verdict == "allow" {
		t.row("use within", time.Duration(v.UseWithinMS)*time.Millisecond)
	}
	t.pair("reservation", v.Reservation)
	v.rows(t)
	if err := t.flush(); err != nil || len(v.Gates) == 0 {
		return err
	}
	return v.explain(a)
}

// rows tell by which rules the verdict was reached, and where the person was taken to be.
func (v *verdict) rows(t *table) {
	if v.Place != nil {
		t.row("place", strings.Join(v.Place.Regions, ", "), strings.Join(v.Place.Zones, ", "))
		t.row("", "by "+strings.Join(v.Place.Evidence, ", "))
	}
	var packs []string
	for _, p := range v.Packs {
		packs = append(packs, p.Pack+" "+p.Version)
	}
	if v.Verified != nil {
		t.row("packs", strings.Join(packs, ", "))
		t.row("", choose(*v.Verified, "every rule that took part was read in its source", "not every rule that took part was read in its source"))
	}
	if v.Past != nil {
		t.row("past", "suppression lists took part as they are now")
	}
}

// explain writes the table of gates, and what to do on an allow.
func (v *verdict) explain(a *App) error {
	t := newTable(a.Out)
	t.row("")
	t.row("gate", "result", "rule", "", "evidence", "citation", "asks")
	for _, g := range v.Gates {
		name, result, verified := g.Rule, g.Result, ""
		if g.Code != "" {
			result += ": " + g.Code
		}
		if g.Verified != nil {
			verified = checked(*g.Verified)
		}
		t.row(g.Gate, result, name, verified, g.Evidence, g.Citation, g.Requires)
	}
	return t.flush()
}

func choose(yes bool, then, otherwise string) string {
	if yes {
		return then
	}
	return otherwise
}
