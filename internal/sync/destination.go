package sync

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// Destination is an outside system that is kept in step, as operators define it.
type Destination struct {
	ID   string `json:"id"`
	Kind string `json:"kind"` // of connector, see package kinds
	Name string `json:"name"`

	Filter

	// Settings are what the kind wants to know, Mapping which of the system's fields or groups hold which scope. Secrets
	// are taken with a definition and never shown again; Sealed is what is kept of them.
	Settings map[string]string `json:"settings,omitempty"`
	Mapping  map[string]string `json:"mapping,omitempty"`
	Secrets  map[string]string `json:"-"`
	Sealed   []byte            `json:"sealed,omitempty"`

	// Numbers says that the system may be told numbers where it could do without them.
	Numbers bool `json:"numbers,omitempty"`

	// Alert is after how many seconds an act that restricts and was not acknowledged raises an alert; zero means an hour.
	Alert int64 `json:"alert_seconds,omitempty"`

	// ReconcileHours is how often the system's own list is held against the ledger, zero for never; ReconcileRepair says
	// that what differs is mended then.
	ReconcileHours  int64 `json:"reconcile_hours,omitempty"`
	ReconcileRepair bool  `json:"reconcile_repair,omitempty"`

	Paused  bool `json:"paused,omitempty"`
	Removed bool `json:"removed,omitempty"`

	// What is to be done once, when this definition takes effect: begin again after an entry, or send everything on
	// record.
	ReplayAfter *uint64 `json:"replay_after,omitempty"`
	Backfill    bool    `json:"backfill,omitempty"`
}

// Overdue is after how long an act that restricts and was not acknowledged is overdue.
func (d *Destination) Overdue() time.Duration {
	if d.Alert <= 0 {
		return time.Hour
	}
	return time.Duration(d.Alert) * time.Second
}

// Filter chooses what a destination is told. An empty list chooses everything.
type Filter struct {
	Brands   []consent.BrandID   `json:"brands,omitempty"`
	Purposes []consent.PurposeID `json:"purposes,omitempty"`
	Channels []consent.Channel   `json:"channels,omitempty"`
	Regions  []string            `json:"regions,omitempty"` // ISO 3166-1 alpha-2
}

// Wants reports whether a change passes. A scope with a wildcard passes wherever it covers something that does.
func (f *Filter) Wants(n phone.Number, s consent.Scope) bool {
	return (len(f.Brands) == 0 || s.Brand == consent.Any || slices.Contains(f.Brands, s.Brand)) &&
		(len(f.Purposes) == 0 || s.Purpose == consent.Any || slices.Contains(f.Purposes, s.Purpose)) &&
		(len(f.Channels) == 0 || s.Channel == consent.AnyChannel || slices.Contains(f.Channels, s.Channel)) &&
		(len(f.Regions) == 0 || slices.Contains(f.Regions, phone.Region(n)))
}

// InvalidError says which field of a destination is wrong, and what would be right.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return fmt.Sprintf("field %q: %s", e.Field, e.Reason) }

var (
	idPattern     = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	regionPattern = regexp.MustCompile(`^[A-Z]{2}$`)
)

// validate looks at what is the same for all kinds.
func (d *Destination) validate() error {
	var errs []error
	if !idPattern.MatchString(d.ID) {
		errs = append(errs, &InvalidError{"id", "want 1 to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit"})
	}
	if d.Name == "" || len(d.Name) > 200 {
		errs = append(errs, &InvalidError{"name", "want 1 to 200 bytes"})
	}
	for _, r := range d.Regions {
		if !regionPattern.MatchString(r) {
			errs = append(errs, &InvalidError{"regions", "want ISO 3166-1 alpha-2 codes, such as FI"})
			break
		}
	}
	if slices.Contains(d.Channels, consent.AnyChannel) {
		errs = append(errs, &InvalidError{"channels", "want sms, whatsapp, voice_live, voice_auto, or none for all"})
	}
	if d.Alert < 0 {
		errs = append(errs, &InvalidError{"alert_seconds", "want a number of seconds, or none for an hour"})
	}
	if d.ReconcileHours < 0 || d.ReconcileHours == 0 && d.ReconcileRepair {
		errs = append(errs, &InvalidError{"reconcile_hours", "want a number of hours, or none, and then nothing is mended"})
	}
	return errors.Join(errs...)
}

// Config is what a connector is made from.
type Config struct {
	Destination
	Clients Clients
	Now     func() time.Time
}

// Setting returns a setting, or what stands where none is given.
func (c *Config) Setting(name, otherwise string) string {
	if v := c.Settings[name]; v != "" {
		return v
	}
	return otherwise
}

// Yes reads a setting that is yes or no; no if none is given.
func (c *Config) Yes(name string) (bool, error) {
	switch c.Settings[name] {
	case "yes":
		return true, nil
	case "", "no":
		return false, nil
	}
	return false, &InvalidError{name, "want yes or no"}
}

// Kind is a kind of destination.
type Kind struct {
	Name string
	Doc  string // one line, for people who choose

	Settings []Setting
	Provider bool   // it sends messages: what it tells comes from a provider, and not from a CRM
	Mapping  string // what the mapping's keys and values are; empty: the kind has none

	// New makes a connector, or says by an *InvalidError which setting is wrong. It does not go out.
	New func(Config) (Connector, error)
}

// Setting is one thing that a kind wants to know.
type Setting struct {
	Name     string
	Doc      string
	Required bool
	Secret   bool
}

// settle holds settings and secrets against what the kind knows.
func (k *Kind) settle(d *Destination) error {
	var errs []error
	for _, s := range k.Settings {
		given := d.Settings
		if s.Secret {
			given = d.Secrets
		}
		if s.Required && given[s.Name] == "" {
			errs = append(errs, &InvalidError{s.Name, "is needed: " + s.Doc})
		}
	}
	for _, given := range []struct {
		values map[string]string
		secret bool
	}{{d.Settings, false}, {d.Secrets, true}} {
		for name := range given.values {
			known := slices.ContainsFunc(k.Settings, func(s Setting) bool { return s.Name == name && s.Secret == given.secret })
			if !known {
				errs = append(errs, &InvalidError{name, fmt.Sprintf("is no setting of %s: it has %s", k.Name, k.names(given.secret))})
			}
		}
	}
	if k.Mapping == "" && len(d.Mapping) > 0 {
		errs = append(errs, &InvalidError{"mapping", k.Name + " has none"})
	}
	return errors.Join(errs...)
}

func (k *Kind) names(secret bool) string {
	out := "none"
	for _, s := range k.Settings {
		switch {
		case s.Secret != secret:
		case out == "none":
			out = s.Name
		default:
			out += ", " + s.Name
		}
	}
	return out
}

func encodeSecrets(secrets map[string]string) []byte {
	raw, err := json.Marshal(secrets)
	if err != nil {
		panic(err) // a map of strings
	}
	return raw
}
