package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

type checkCmd struct {
	Number string `arg:"" help:"The number, with a plus sign and the country code."`
	scopeFlags
	At      string `placeholder:"TIME" help:"Ask as of this moment; left out: now."`
	KnownAt string `placeholder:"TIME" help:"Answer on what was known at this moment; left out: now."`
	Receipt bool   `help:"Add a signed statement, which verify checks offline; with --json."`
	Explain bool   `help:"Add every rule that speaks about the contact, and where the person may be."`
	Quiet   bool   `short:"q" help:"Write nothing; the exit code tells."`
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (checkCmd) Help() string {
	return `Exit codes: 0 allow, 1 deny, 3 defer (a deny that ends by itself), 2 a question that makes no sense or could not be asked. What could not be asked is not allowed.

Examples:
  consentline check +12025550123 --purpose marketing --channel sms
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

	explained *wireApplicable // nil unless asked for
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
	if c.Explain && c.JSON {
		return nil, v, errors.New("--explain is for people: ask POST /v1/rules/applicable for JSON")
	}
	conn, err := c.connect(ctx, a, mustExist)
	if err != nil {
		return nil, v, err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	if raw, err = conn.call(ctx, http.MethodPost, "/v1/checks", question, &v); err == nil && c.Explain {
		_, said, failed := conn.applicable(ctx, c.Number, c.Purpose, c.Channel)
		v.explained, err = &said, failed
	}
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
	if err := t.flush(); err != nil || v.explained == nil {
		return err
	}
	return v.explained.print(a)
}
