package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

type destinationsCmd struct {
	Kinds    destinationsKindsCmd    `cmd:"" help:"List what can be kept in step, and what each kind wants to know."`
	List     destinationsListCmd     `cmd:"" help:"List the destinations, and how far each is in step."`
	Define   destinationsDefineCmd   `cmd:"" help:"Define a destination, or change one."`
	Show     destinationsShowCmd     `cmd:"" help:"Tell how far a destination is in step."`
	Parked   destinationsParkedCmd   `cmd:"" help:"List what a destination refused for good, with its reasons."`
	Retry    destinationsRetryCmd    `cmd:"" help:"Try what was refused again."`
	Pause    destinationsPauseCmd    `cmd:"" help:"Leave a destination alone for a while."`
	Resume   destinationsResumeCmd   `cmd:"" help:"Go on where it was paused."`
	Replay   destinationsReplayCmd   `cmd:"" help:"Tell it again what was recorded after an entry."`
	Backfill destinationsBackfillCmd `cmd:"" help:"Send it everything on record."`
	Remove   destinationsRemoveCmd   `cmd:"" help:"End a destination's use."`
}

// Help implements kong.HelpProvider.
func (destinationsCmd) Help() string {
	return `Outside systems are kept in step: each is told of every act that concerns it, restrictions first.

Examples:
  consentline destinations kinds
  consentline destinations define crm --kind webhook --name "Our CRM" --set url=https://crm.example.com/consent --secrets - < secrets.txt
  consentline destinations show crm`
}

// wireDestination is a destination as the interface tells of it.
type wireDestination struct {
	ID       string            `json:"id"`
	Kind     string            `json:"kind"`
	Name     string            `json:"name"`
	Brands   []string          `json:"brands,omitempty"`
	Purposes []string          `json:"purposes,omitempty"`
	Channels []string          `json:"channels,omitempty"`
	Regions  []string          `json:"regions,omitempty"`
	Settings map[string]string `json:"settings,omitempty"`
	Mapping  map[string]string `json:"mapping,omitempty"`
	Secrets  map[string]string `json:"secrets,omitempty"`
	Numbers  bool              `json:"numbers,omitempty"`
	Alert    int64             `json:"alert_seconds,omitempty"`
	Hours    int64             `json:"reconcile_hours,omitempty"`
	Repair   bool              `json:"reconcile_repair,omitempty"`
	Paused   bool              `json:"paused,omitempty"`
}

type wireDestinationStatus struct {
	Cursor      uint64 `json:"cursor"`
	Head        uint64 `json:"head"`
	Waiting     int64  `json:"waiting"`
	Parked      int64  `json:"parked"`
	Backfilling bool   `json:"backfilling"`
	Oldest      string `json:"oldest_unacknowledged"`
	Overdue     bool   `json:"overdue"`
	Failures    int    `json:"failures"`
	Until       string `json:"retry_at"`
}

// state says in a word or two how far it is in step.
func (s *wireDestinationStatus) state(paused bool) string {
	switch {
	case paused:
		return "paused"
	case s.Overdue:
		return "overdue"
	case s.Failures > 0:
		return "failing"
	case s.Cursor < s.Head:
		return fmt.Sprintf("%d entries behind", s.Head-s.Cursor)
	case s.Waiting > 0 || s.Parked > 0:
		return "in step but for what it did not take"
	}
	return "in step"
}

func destinationPath(id string) string { return "/v1/destinations/" + url.PathEscape(id) }

type destinationsKindsCmd struct {
	target
	jsonFlag
}

// Run lists the kinds with their settings.
func (c *destinationsKindsCmd) Run(ctx context.Context, a *App) error {
	var out struct {
		Items []struct {
			Name, Description, Mapping string
			Settings                   []struct {
				Name, Description string
				Required, Secret  bool
			}
		}
	}
	raw, err := c.ask(ctx, a, mustExist, http.MethodGet, "/v1/destination-kinds", nil, &out)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.Out, raw)
	}
	t := newTable(a.Out)
	for _, k := range out.Items {
		t.row(k.Name, k.Description)
		for _, s := range k.Settings {
			how := "--set"
			if s.Secret {
				how = "secret"
			}
			if s.Required {
				how += ", needed"
			}
			t.row("  "+s.Name+" ("+how+")", s.Description)
		}
		if k.Mapping != "" {
			t.row("  --map", k.Mapping)
		}
	}
	return t.flush()
}

type destinationsListCmd struct {
	target
	jsonFlag
}

// Run lists the destinations with their states.
func (c *destinationsListCmd) Run(ctx context.Context, a *App) error {
	var all []wireDestination
	err := c.each(ctx, a, "/v1/destinations", func(raw json.RawMessage) error {
		if c.JSON {
			return writeJSON(a.Out, raw)
		}
		var d wireDestination
		all = append(all, d)
		return json.Unmarshal(raw, &all[len(all)-1])
	})
	if err != nil || c.JSON {
		return err
	}
	t := newTable(a.Out)
	t.row("ID", "KIND", "NAME", "STATE")
	for _, d := range all {
		var s wireDestinationStatus
		if _, err := c.ask(ctx, a, mustExist, http.MethodGet, destinationPath(d.ID)+"/status", nil, &s); err != nil {
			return err
		}
		t.row(d.ID, d.Kind, d.Name, s.state(d.Paused))
	}
	return t.flush()
}

type destinationsDefineCmd struct {
	ID       string            `arg:"" help:"The destination's id: a-z, 0-9, dot, dash, underscore."`
	Kind     string            `required:"" placeholder:"KIND" help:"What it is: one of 'consentline destinations kinds'."`
	Name     string            `required:"" placeholder:"NAME" help:"Its name, for people."`
	Set      map[string]string `placeholder:"NAME=VALUE" help:"What its kind wants to know; may be given again."`
	Map      map[string]string `placeholder:"SCOPE=FIELD" help:"Which of its fields or groups hold which scope, as its kind says."`
	Secrets  string            `placeholder:"FILE" help:"Keys and tokens: a file, or - for standard input, with NAME=VALUE on each line. Those that are left out stay."`
	Brands   []string          `placeholder:"ID" help:"Tell it of these brands only."`
	Purposes []string          `placeholder:"ID" help:"Tell it of these purposes only."`
	Channels []string          `placeholder:"CHANNEL" help:"Tell it of these channels only: sms, whatsapp, voice_live, voice_auto."`
	Regions  []string          `placeholder:"REGION" help:"Tell it of numbers of these regions only (ISO 3166-1)."`
	Numbers  bool              `help:"Tell it numbers where it could do without them."`
	Hours    int64             `name:"reconcile-hours" placeholder:"HOURS" help:"How often its own list is held against the ledger; 0: never."`
	Repair   bool              `name:"reconcile-repair" help:"Mend what differs then."`
	Alert    int64             `placeholder:"SECONDS" help:"After how long a withdrawal that it has not acknowledged raises an alert; 0: an hour."`
	target
	jsonFlag
}

// Run defines the destination, or puts the new definition in the place of the one that is there.
func (c *destinationsDefineCmd) Run(ctx context.Context, a *App) error {
	d := wireDestination{
		ID: c.ID, Kind: c.Kind, Name: c.Name, Brands: c.Brands, Purposes: c.Purposes, Channels: c.Channels, Regions: c.Regions, Settings: c.Set,
		Mapping: c.Map, Numbers: c.Numbers, Alert: c.Alert, Hours: c.Hours, Repair: c.Repair,
	}
	var err error
	if d.Secrets, err = readSecrets(a, c.Secrets); err != nil {
		return err
	}
	err = c.tellDestination(ctx, a, c.JSON, http.MethodPost, "/v1/destinations", d)
	var taken *problemError
	if errors.As(err, &taken) && taken.Code == "exists" {
		return c.tellDestination(ctx, a, c.JSON, http.MethodPut, destinationPath(c.ID), d)
	}
	return err
}

// readSecrets reads NAME=VALUE lines. They come from a file, since arguments are seen by whoever lists processes.
func readSecrets(a *App, path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	in, _, err := openInput(a, path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }() // nothing was written to it
	out := map[string]string{}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("secrets, line %d: want NAME=VALUE", n)
		}
		out[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return out, lines.Err()
}

func (t *target) tellDestination(ctx context.Context, a *App, asJSON bool, method, path string, body any) error {
	var d wireDestination
	raw, err := t.ask(ctx, a, mustExist, method, path, body, &d)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(a.Out, raw)
	}
	table := newTable(a.Out)
	table.pair("destination", d.ID)
	table.pair("kind", d.Kind)
	table.pair("name", d.Name)
	state := "kept in step"
	if d.Paused {
		state = "paused"
	}
	table.pair("state", state)
	return table.flush()
}

type destinationsShowCmd struct {
	ID string `arg:"" help:"The destination's id."`
	target
	jsonFlag
}

// Run tells how far the destination is in step.
func (c *destinationsShowCmd) Run(ctx context.Context, a *App) error {
	var s wireDestinationStatus
	raw, err := c.ask(ctx, a, mustExist, http.MethodGet, destinationPath(c.ID)+"/status", nil, &s)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.Out, raw)
	}
	var d wireDestination
	if _, err := c.ask(ctx, a, mustExist, http.MethodGet, destinationPath(c.ID), nil, &d); err != nil {
		return err
	}
	t := newTable(a.Out)
	t.pair("destination", d.ID)
	t.pair("state", s.state(d.Paused))
	t.pair("gone through", strconv.FormatUint(s.Cursor, 10)+" of "+strconv.FormatUint(s.Head, 10)+" entries")
	t.pair("waiting", strconv.FormatInt(s.Waiting, 10))
	t.pair("parked", strconv.FormatInt(s.Parked, 10))
	if s.Oldest != "" {
		t.pair("owes since", s.Oldest)
	}
	if s.Failures > 0 {
		t.pair("failed", fmt.Sprintf("%d times in a row; asked again at %s", s.Failures, s.Until))
	}
	return t.flush()
}

type destinationsParkedCmd struct {
	ID string `arg:"" help:"The destination's id."`
	target
	jsonFlag
}

// Run lists what was refused.
func (c *destinationsParkedCmd) Run(ctx context.Context, a *App) error {
	t := newTable(a.Out)
	if !c.JSON {
		t.row("SUBJECT", "SCOPE", "ENTRY", "TRIED", "CODE", "REASON")
	}
	err := c.each(ctx, a, destinationPath(c.ID)+"/parked", func(raw json.RawMessage) error {
		if c.JSON {
			return writeJSON(a.Out, raw)
		}
		var p struct {
			Subject, Brand, Purpose, Channel, Code, Reason string
			Seq                                            uint64
			Attempts                                       int
		}
		if err := json.Unmarshal(raw, &p); err != nil {
			return err
		}
		t.row(p.Subject, p.Brand+"/"+p.Purpose+"/"+p.Channel, strconv.FormatUint(p.Seq, 10), strconv.Itoa(p.Attempts), p.Code, p.Reason)
		return nil
	})
	return errors.Join(err, t.flush())
}

type destinationsRetryCmd struct {
	ID string `arg:"" help:"The destination's id."`
	target
	jsonFlag
}

// Run lets what was refused be tried again.
func (c *destinationsRetryCmd) Run(ctx context.Context, a *App) error {
	var out struct{ Changes int64 }
	raw, err := c.ask(ctx, a, mustExist, http.MethodPost, destinationPath(c.ID)+"/retry", nil, &out)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(a.Out, raw)
	}
	_, err = fmt.Fprintf(a.Out, "%d changes are tried again\n", out.Changes)
	return err
}

type destinationAction struct {
	ID string `arg:"" help:"The destination's id."`
	target
	jsonFlag
}

func (c *destinationAction) do(ctx context.Context, a *App, method, action string, body any) error {
	return c.tellDestination(ctx, a, c.JSON, method, destinationPath(c.ID)+action, body)
}

type destinationsPauseCmd struct{ destinationAction }

// Run pauses the destination.
func (c *destinationsPauseCmd) Run(ctx context.Context, a *App) error {
	return c.do(ctx, a, http.MethodPost, "/pause", nil)
}

type destinationsResumeCmd struct{ destinationAction }

// Run lets the destination go on.
func (c *destinationsResumeCmd) Run(ctx context.Context, a *App) error {
	return c.do(ctx, a, http.MethodPost, "/resume", nil)
}

type destinationsBackfillCmd struct{ destinationAction }

// Run sends everything on record.
func (c *destinationsBackfillCmd) Run(ctx context.Context, a *App) error {
	return c.do(ctx, a, http.MethodPost, "/backfill", nil)
}

type destinationsReplayCmd struct {
	After uint64 `placeholder:"ENTRY" help:"The last entry that is not told again; left out: all are."`
	destinationAction
}

// Run tells the destination again.
func (c *destinationsReplayCmd) Run(ctx context.Context, a *App) error {
	return c.do(ctx, a, http.MethodPost, "/replay", map[string]uint64{"after_seq": c.After})
}

type destinationsRemoveCmd struct{ destinationAction }

// Run ends the destination's use.
func (c *destinationsRemoveCmd) Run(ctx context.Context, a *App) error {
	return c.do(ctx, a, http.MethodDelete, "", nil)
}
