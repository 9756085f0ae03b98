package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

type reportCmd struct {
	Propagation reportPropagationCmd `cmd:"" help:"Tell how long withdrawals took to reach each destination."`
}

type reportPropagationCmd struct {
	Since       string `placeholder:"TIME" help:"Tell of what was recorded from then on: a day or RFC 3339; left out: 30 days ago."`
	Destination string `placeholder:"ID" help:"Tell of this destination alone."`
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (reportPropagationCmd) Help() string {
	return `Each withdrawal, and every other act that restricts, is timed from its record to the acknowledgement of each destination. The slowest are told with how far they stand from the deadline that the law of their number sets.

The exit code is 1 if a destination is overdue.

Examples:
  consentline report propagation
  consentline report propagation --since 2026-03-01 --destination crm --json`
}

type wirePropagation struct {
	Items []struct {
		Destination  string  `json:"destination"`
		Acknowledged int     `json:"acknowledged"`
		Waiting      int     `json:"waiting"`
		Overdue      int     `json:"overdue"`
		P50          float64 `json:"p50_seconds"`
		P99          float64 `json:"p99_seconds"`
		Max          float64 `json:"max_seconds"`
		Behind       uint64  `json:"behind"`
		Oldest       string  `json:"oldest_unacknowledged"`
		Slowest      []struct {
			Seq     uint64   `json:"seq"`
			Subject string   `json:"subject"`
			Acked   string   `json:"acknowledged_at"`
			Seconds float64  `json:"seconds"`
			Rule    string   `json:"rule"`
			Margin  *float64 `json:"margin_seconds"`
		} `json:"slowest"`
	} `json:"items"`
}

// Run reports how restrictions propagated.
func (c *reportPropagationCmd) Run(ctx context.Context, a *App) error {
	query := url.Values{}
	if err := fileQuery(query, "", "", "since", c.Since); err != nil {
		return err
	}
	if c.Destination != "" {
		query.Set("destination", c.Destination)
	}
	path := "/v1/propagation"
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var p wirePropagation
	raw, err := c.ask(ctx, a, mustExist, http.MethodGet, path, nil, &p)
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(a.Out, raw)
	} else {
		err = p.write(a)
	}
	if err != nil {
		return err
	}
	for _, d := range p.Items {
		if d.Overdue > 0 {
			return &exitError{code: exitFailed}
		}
	}
	return nil
}

// write tells of each destination in a line, and then of the slowest.
func (p *wirePropagation) write(a *App) error {
	t := newTable(a.Out)
	t.row("DESTINATION", "ACKNOWLEDGED", "WAITING", "OVERDUE", "P50", "P99", "MAX", "BEHIND", "OWES SINCE")
	for _, d := range p.Items {
		t.row(d.Destination, d.Acknowledged, d.Waiting, d.Overdue, seconds(d.P50), seconds(d.P99), seconds(d.Max), d.Behind, d.Oldest)
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, d := range p.Items {
		if len(d.Slowest) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(a.Out, "\nslowest at %s\n", printable(d.Destination)); err != nil {
			return err
		}
		t := newTable(a.Out)
		t.row("ENTRY", "SUBJECT", "STATE", "TOOK", "TO THE DEADLINE", "RULE")
		for _, r := range d.Slowest {
			state, margin := "waits", "no deadline"
			if r.Acked != "" {
				state = "acknowledged"
			}
			if r.Margin != nil {
				margin = seconds(*r.Margin)
			}
			t.row(r.Seq, r.Subject, state, seconds(r.Seconds), margin, r.Rule)
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	return nil
}

// seconds writes a number of seconds as people read durations.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d.Abs() < time.Second:
		return d.Round(time.Millisecond).String()
	case d.Abs() < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d.Abs() < 48*time.Hour:
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
