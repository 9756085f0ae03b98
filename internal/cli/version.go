package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/server"
)

// program is what the build left in the executable about itself.
type program struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // there were changes that the commit does not have
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Schema   int    `json:"schema"` // of the database, up to which this program knows it
	Rules    rules  `json:"rules"`
}

// rules are the packs that are built in: how many, and the latest day on which the facts of one were looked at.
type rules struct {
	Packs int    `json:"packs"`
	Count int    `json:"rules"`
	AsOf  string `json:"as_of"`
}

func builtInRules() (r rules, err error) {
	packs, err := policy.Load(policy.BuiltIn())
	if err != nil {
		return r, err
	}
	latest := int64(0)
	for _, p := range packs {
		r.Count += len(p.Rules)
		latest = max(latest, p.AsOf)
	}
	r.Packs, r.AsOf = len(packs), time.Unix(latest*24*60*60, 0).UTC().Format(time.DateOnly)
	return r, nil
}

func buildVersion() program {
	p := program{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Schema: server.SchemaVersion()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return p
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		p.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			p.Commit = s.Value
		case "vcs.modified":
			p.Modified = s.Value == "true"
		}
	}
	return p
}

type versionCmd struct {
	jsonFlag
}

// Help implements kong.HelpProvider.
func (versionCmd) Help() string {
	return "Shows the version and commit of this program, the Go release that built it, the newest database schema it knows, and the rules built in."
}

// Run says which program this is.
func (c *versionCmd) Run(a *App) error {
	p := buildVersion()
	var err error
	if p.Rules, err = builtInRules(); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(a.Out).Encode(p)
	}
	commit := p.Commit
	if commit == "" {
		commit = "unknown"
	}
	if p.Modified {
		commit += " (modified)"
	}
	t := newTable(a.Out)
	t.pair("version", p.Version)
	t.pair("commit", commit)
	t.pair("go", p.Go)
	t.pair("platform", p.Platform)
	t.pair("schema", p.Schema)
	t.pair("rules", fmt.Sprintf("%d in %d packs, as of %s", p.Rules.Count, p.Rules.Packs, p.Rules.AsOf))
	return t.flush()
}
