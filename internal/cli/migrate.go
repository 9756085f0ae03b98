package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/consentline/consentline/internal/server"
)

type migrateCmd struct {
	Data      string `default:"./consentline-data" env:"CONSENTLINE_DATA" placeholder:"DIR" help:"The data directory, where the database is SQLite in it."`
	Database  string `env:"CONSENTLINE_DATABASE" placeholder:"URL" help:"The PostgreSQL database, postgres://user@host/database."`
	MasterKey string `env:"CONSENTLINE_MASTER_KEY" placeholder:"FILE" help:"The key file, to be held against the data first. Left out: master.key in the data directory, if it is there; the schema itself needs no key."`
	Check     bool   `help:"Change nothing; tell whether the schema is the one that this program needs, by the exit code too."`
	jsonFlag
}

// Help implements kong.HelpProvider.
func (migrateCmd) Help() string {
	return `Brings the database's schema to what this program needs, one step in one transaction each; what is done stays done if it is interrupted. A server does the same when it starts; run it by hand where the servers' role may not create tables, or to choose the hour. Servers of the release before go on running meanwhile. Of several that migrate at once one does the work.

A database of another program or deployment, or of a later release, is refused and left as it was.

With --check the exit code is 0 if the schema is current and 1 if it is not.

Examples:
  consentline migrate --database postgres://consentline_owner@db/consentline
  consentline migrate --check --data /var/lib/consentline`
}

// Run migrates, or looks.
func (c *migrateCmd) Run(ctx context.Context, a *App) error {
	config := server.Config{DataDir: c.Data, Database: c.Database, MasterKeyFile: c.MasterKey}
	do := server.Migrate
	if c.Check {
		do = server.Schema
	}
	m, err := do(ctx, config)
	switch {
	case errors.Is(err, server.ErrInUse):
		return fmt.Errorf("%w; a server brings the schema up to date when it starts", describeOwner(c.Data, err))
	case errors.Is(err, server.ErrNoLedger):
		return fmt.Errorf("%w: make one with consentline serve --data %s, or name a database with --database", err, c.Data)
	case err != nil:
		return err
	}
	if err := c.tell(a, m); err != nil {
		return err
	}
	if c.Check && !m.Current() {
		return &exitError{code: exitFailed}
	}
	return nil
}

func (c *migrateCmd) tell(a *App, m server.Migration) (err error) {
	switch {
	case c.JSON:
		return json.NewEncoder(a.Out).Encode(struct {
			server.Migration
			Current bool `json:"current"`
		}{m, m.Current() || !c.Check})
	case m.Current():
		_, err = fmt.Fprintf(a.Out, "The schema is current: %d.\n", m.To)
	case c.Check:
		_, err = fmt.Fprintf(a.Out, "The schema is %d, and this program needs %d: run consentline migrate.\n", m.From, m.To)
	default:
		_, err = fmt.Fprintf(a.Out, "The schema was %d and is now %d.\n", m.From, m.To)
	}
	return err
}
