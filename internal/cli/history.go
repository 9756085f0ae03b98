package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

type historyCmd struct {
	Who    string `arg:"" name:"number|subject" help:"The number, with a plus sign and the country code, or a subject's id."`
	Region string `placeholder:"CC" help:"The country of a number without a country code, such as US."`
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (historyCmd) Help() string {
	return `Shows every entry about the person, oldest first: what was done, when, who told it, in which words and with what evidence; then what stands now. With --json each entry is one line.

Examples:
  consentline history +12025550123
  consentline history +12025550123 --json | jq .act`
}

// historyEntry is an entry as GET /v1/subjects/{subject}/history tells it.
type historyEntry struct {
	Seq         uint64     `json:"seq"`
	RecordedAt  time.Time  `json:"recorded_at"`
	Kind        string     `json:"kind"`
	By          string     `json:"by"`
	Actor       string     `json:"actor"`
	Act         string     `json:"act"`
	Brand       string     `json:"brand"`
	Purpose     string     `json:"purpose"`
	Channel     string     `json:"channel"`
	Level       string     `json:"level"`
	Source      string     `json:"source"`
	Via         string     `json:"via"`
	Method      string     `json:"method"`
	EffectiveAt *time.Time `json:"effective_at"`
	Disclosure  string     `json:"disclosure"`
	Wording     *struct {
		Text     string `json:"text"`
		Language string `json:"language"`
	} `json:"wording"`
	Evidence string `json:"evidence"`
}

// heldSubject is what POST /v1/lookups tells.
type heldSubject struct {
	Subject      string       `json:"subject"`
	Number       string       `json:"number"`
	Records      []wireRecord `json:"records"`
	Suppressions []struct {
		List string `json:"list"`
		Kind string `json:"kind"`
	} `json:"suppressions"`
}

// Run looks the person up and pages through their history.
func (c *historyCmd) Run(ctx context.Context, a *App) (err error) {
	conn, err := c.connect(ctx, a, mustExist)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	held, err := c.lookUp(ctx, conn)
	if err != nil {
		return err
	}
	if held.Subject == "" {
		if !c.JSON {
			_, err = fmt.Fprintf(a.Out, "Nothing is recorded about %s.\n", held.Number)
		}
		return errors.Join(err, c.printSuppressions(a, held))
	}
	if !c.JSON {
		if _, err := fmt.Fprintf(a.Out, "%s  subject %s\n\n", held.Number, held.Subject); err != nil {
			return err
		}
	}
	if err := c.entries(ctx, a, conn, held.Subject); err != nil {
		return err
	}
	if c.JSON {
		return nil
	}
	return c.printRecords(a, held)
}

func (c *historyCmd) lookUp(ctx context.Context, conn *connection) (held heldSubject, err error) {
	if isSubject(c.Who) {
		_, err = conn.call(ctx, http.MethodGet, "/v1/subjects/"+c.Who, nil, &held)
		return held, err
	}
	_, err = conn.call(ctx, http.MethodPost, "/v1/lookups", map[string]string{"number": c.Who, "region": c.Region}, &held)
	return held, err
}

// isSubject tells a subject's id, 32 hexadecimal digits, from a number.
func isSubject(text string) bool {
	if len(text) != 32 {
		return false
	}
	for _, r := range text {
		if (r < '0' || r > '9') && (r < 'a' || r > 'f') {
			return false
		}
	}
	return true
}

func (c *historyCmd) entries(ctx context.Context, a *App, conn *connection, subject string) error {
	return pages(ctx, conn.client, "/v1/subjects/"+subject+"/history", func(items []json.RawMessage) error {
		for _, raw := range items {
			if c.JSON {
				if err := writeJSON(a.Out, raw); err != nil {
					return err
				}
				continue
			}
			var e historyEntry
			if err := json.Unmarshal(raw, &e); err != nil {
				return err
			}
			if err := e.print(a); err != nil {
				return err
			}
		}
		return nil
	})
}

// pages calls fn with the items of each page of a list.
func pages(ctx context.Context, c *client, path string, fn func([]json.RawMessage) error) error {
	query := url.Values{"limit": {"500"}}
	for {
		var page struct {
			Items []json.RawMessage `json:"items"`
			Next  string            `json:"next"`
		}
		if _, err := c.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &page); err != nil {
			return err
		}
		if err := fn(page.Items); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		query.Set("cursor", page.Next)
	}
}

func (e *historyEntry) print(a *App) error {
	t := newTable(a.Out)
	at := e.RecordedAt
	if e.EffectiveAt != nil {
		at = *e.EffectiveAt
	}
	what := e.Act
	if what == "" {
		what = e.Kind
	}
	if e.Level != "" {
		what += " (" + e.Level + ")"
	}
	t.row(fmt.Sprintf("entry %d", e.Seq), localTime(at), what, e.Brand+"/"+e.Purpose+"/"+e.Channel)
	if err := t.flush(); err != nil {
		return err
	}
	t = newTable(a.Out)
	for _, p := range []struct{ name, value string }{
		{"source", joined(e.Source, e.Method)}, {"via", e.Via}, {"told by", joined(e.By, e.Actor)}, {"evidence", e.Evidence}, {"wording", e.Disclosure},
	} {
		if p.value != "" {
			t.row("    "+p.name, p.value)
		}
	}
	if e.Wording != nil {
		t.row("    words", fmt.Sprintf("%q (%s)", e.Wording.Text, e.Wording.Language))
	}
	if at != e.RecordedAt {
		t.row("    recorded", localTime(e.RecordedAt))
	}
	return t.flush()
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ": " + b
}

func (c *historyCmd) printRecords(a *App, held heldSubject) error {
	if _, err := fmt.Fprintln(a.Out, "\nnow"); err != nil {
		return err
	}
	t := newTable(a.Out)
	for i := range held.Records {
		r := &held.Records[i]
		t.row("  "+r.Brand+"/"+r.Purpose+"/"+r.Channel, r.summary(), fmt.Sprintf("entry %d", r.Entry))
	}
	if err := t.flush(); err != nil {
		return err
	}
	return c.printSuppressions(a, held)
}

func (c *historyCmd) printSuppressions(a *App, held heldSubject) error {
	if c.JSON {
		return nil
	}
	for _, s := range held.Suppressions {
		if _, err := fmt.Fprintf(a.Out, "  suppressed by list %s (%s)\n", printable(s.List), printable(s.Kind)); err != nil {
			return err
		}
	}
	return nil
}
