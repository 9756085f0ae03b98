package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
)

type attemptCmd struct {
	Report  attemptReportCmd  `cmd:"" help:"Report a contact that was made or tried, or a file of them."`
	Confirm attemptConfirmCmd `cmd:"" help:"Say that a reserved contact was made."`
	Release attemptReleaseCmd `cmd:"" help:"Say that a reserved contact was not made, so that it counts no more."`
}

type attemptReportCmd struct {
	Number  string `arg:"" optional:"" help:"The number, with a plus sign and the country code."`
	Brand   string `default:"default" placeholder:"ID" help:"On whose behalf."`
	Purpose string `placeholder:"ID" help:"What the contact was for."`
	Channel string `placeholder:"NAME" help:"By what means: sms, whatsapp, voice_live or voice_auto."`
	At      string `placeholder:"TIME" help:"When it was made; left out: now."`
	EventID string `name:"event-id" placeholder:"ID" help:"Your name for it: reported again under it, it counts once."`
	Outcome string `placeholder:"WORD" help:"What became of it: made, unanswered or conversation."`
	Contact string `placeholder:"KIND" help:"What it was: ordinary, consent_request or opt_out_confirmation."`
	Matter  string `placeholder:"NAME" help:"What it was about, for caps that count by it."`
	Event   string `placeholder:"NAME" help:"The event that it was about, for caps that count by it."`
	File    string `placeholder:"FILE" help:"Report the contacts of a file instead, one JSON object a line, - for standard input."`
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (attemptReportCmd) Help() string {
	return `Caps of the rules count what is reported. Contacts that a check reserved are confirmed, not reported.

Examples:
  consentline attempt report +12025550123 --purpose marketing --channel sms --event-id msg-1
  consentline attempt report --file sent.ndjson`
}

// Run reports one contact, or those of a file.
func (c *attemptReportCmd) Run(ctx context.Context, a *App) error {
	if (c.File == "") == (c.Number == "") {
		return usage("name a number, or a file of contacts with --file")
	}
	if c.File != "" {
		return c.stream(ctx, a)
	}
	body := map[string]any{"number": c.Number, "brand": c.Brand, "purpose": c.Purpose, "channel": c.Channel}
	for name, text := range map[string]string{
		"event_id": c.EventID, "outcome": c.Outcome, "contact": c.Contact, "matter": c.Matter, "event": c.Event,
	} {
		if text != "" {
			body[name] = text
		}
	}
	if c.At != "" {
		at, err := normalMoment(c.At)
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("--at: %w", err)}
		}
		body["at"] = at
	}
	return tell(ctx, a, &c.target, c.JSON, "/v1/attempts", body, "is counted")
}

// stream sends the lines of a file, and says how many were counted and what was wrong with the others.
func (c *attemptReportCmd) stream(ctx context.Context, a *App) (err error) {
	in := a.In
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	conn, err := c.connect(ctx, a, mustExist)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	answer, err := conn.do(ctx, request{method: http.MethodPost, path: "/v1/attempts/batch", contentType: "application/x-ndjson", body: in})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	counted, wrong := 0, 0
	lines := json.NewDecoder(answer.Body)
	for {
		var line struct {
			Line    int64
			Attempt string
			Problem *problemError
		}
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read the answer of %s after %d contacts: %w", conn.where, counted, err)
		}
		if line.Problem == nil {
			counted++
			continue
		}
		wrong++
		if _, err := fmt.Fprintf(a.Err, "line %d: %v\n", line.Line, line.Problem); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(a.Out, "%s contacts are counted, %s are not\n", count(counted), count(wrong)); err != nil {
		return err
	}
	if wrong > 0 {
		return &exitError{code: exitFailed}
	}
	return nil
}

type attemptConfirmCmd struct {
	Attempt string `arg:"" help:"The reservation, as the check told it."`
	Outcome string `placeholder:"WORD" help:"What became of it: made, unanswered or conversation."`
	target
	jsonFlag
}

// Run confirms the contact.
func (c *attemptConfirmCmd) Run(ctx context.Context, a *App) error {
	body := map[string]any{}
	if c.Outcome != "" {
		body["outcome"] = c.Outcome
	}
	return tell(ctx, a, &c.target, c.JSON, "/v1/attempts/"+url.PathEscape(c.Attempt)+"/confirm", body, "is confirmed")
}

type attemptReleaseCmd struct {
	Attempt string `arg:"" help:"The reservation, as the check told it."`
	target
	jsonFlag
}

// Run releases the contact.
func (c *attemptReleaseCmd) Run(ctx context.Context, a *App) error {
	return tell(ctx, a, &c.target, c.JSON, "/v1/attempts/"+url.PathEscape(c.Attempt)+"/release", nil, "is released")
}

func tell(ctx context.Context, a *App, t *target, asJSON bool, path string, body any, done string) error {
	var said struct{ Attempt string }
	raw, err := t.ask(ctx, a, mustExist, http.MethodPost, path, body, &said)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(a.Out, bytes.TrimSpace(raw))
	}
	_, err = fmt.Fprintf(a.Out, "contact %s %s\n", said.Attempt, done)
	return err
}
