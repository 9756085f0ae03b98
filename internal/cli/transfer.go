package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/consentline/consentline/internal/relocation"
	"github.com/consentline/consentline/internal/server"
)

type transferCmd struct {
	From      string `required:"" placeholder:"PLACE" help:"Where the deployment is: a data directory, or postgres://user@host/database."`
	To        string `placeholder:"PLACE" help:"Where it goes: a new data directory, or an empty PostgreSQL database or schema."`
	MasterKey string `env:"CONSENTLINE_MASTER_KEY" placeholder:"FILE" help:"The deployment's key file. Left out: master.key in the directory that it comes from, else in the one that it goes to."`
	Abandon   bool   `help:"Give up the transfer that began at --from, so that it may be served again. What was copied stays where it is: empty it."`
	jsonFlag
}

// Help implements kong.HelpProvider.
func (transferCmd) Help() string {
	return `Copies every table (entries, subjects, records, definitions, lists, the public log with its checkpoints, and how far each follower has come), then reads the copy back: every row, every entry against its commitment, and the tree over all entries against every signed checkpoint. The log goes on under its name; if the servers were given --origin, give the same to the new ones.

Stop the servers first. From the beginning on neither place can be served; in the end only the copy can. The original keeps its data, and says where its ledger went. If the transfer is interrupted, however that happens, run the same command again: it goes on where it was.

The key file goes along to a data directory. To PostgreSQL it does not: start the nodes with the file that there is, by --master-key. A folder of rules and the configuration of providers are files: copy them yourself.

Examples:
  consentline transfer --from ./consentline-data --to postgres://consentline_owner@db/consentline
  consentline transfer --from postgres://consentline_owner@db/consentline --master-key master.key --to ./back
  consentline transfer --abandon --from ./consentline-data`
}

// Run transfers, or gives it up.
func (c *transferCmd) Run(ctx context.Context, a *App) error {
	if c.Abandon != (c.To == "") {
		return usage("say where to with --to, or give up a transfer with --abandon")
	}
	if c.Abandon {
		return c.abandon(ctx, a)
	}
	watch := &transferWatch{app: a}
	done, err := server.Transfer(ctx, server.TransferConfig{From: c.From, To: c.To, MasterKeyFile: c.MasterKey, Now: a.Now, Progress: watch.at})
	watch.end()
	if err != nil {
		return c.refused(err)
	}
	if c.JSON {
		return json.NewEncoder(a.Out).Encode(done)
	}
	return c.tell(a, done)
}

func (c *transferCmd) refused(err error) error {
	if errors.Is(err, server.ErrInUse) && !server.IsAddress(c.From) {
		return describeOwner(c.From, err)
	}
	return err
}

func (c *transferCmd) tell(a *App, done server.Transferred) error {
	t := newTable(a.Out)
	t.pair("ledger", done.Deployment)
	t.pair("rows", fmt.Sprintf("%s in %d tables, all as they were read", count(done.Rows), done.Tables))
	t.pair("entries", fmt.Sprintf("%s, each held against its commitment", count(done.Entries)))
	if done.Erased > 0 {
		t.pair("", fmt.Sprintf("%s of them of people who were erased: their commitments stand, their content is gone", count(done.Erased)))
	}
	t.pair("checkpoints", fmt.Sprintf("%s, each with the root that the entries give; the last of size %s", count(done.Checked), count(done.Checkpoint)))
	t.pair("tree root", done.Root)
	t.pair("master key", done.MasterKeyFile)
	if err := t.flush(); err != nil {
		return err
	}
	next := "consentline serve --data " + c.To
	if server.IsAddress(c.To) {
		next = "consentline serve --database '" + withoutPassword(c.To) + "' --master-key " + done.MasterKeyFile
	}
	if done.RulesFolder != "" {
		next += "  (the rules stay in " + done.RulesFolder + ": name them with --rules, or copy them)"
	}
	_, err := fmt.Fprintf(a.Out, "The ledger goes on there:\n  %s\n", next)
	return err
}

// withoutPassword writes an address as it may be shown.
func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "postgres://…"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	q.Del("password")
	u.RawQuery = q.Encode()
	return u.String()
}

func (c *transferCmd) abandon(ctx context.Context, a *App) error {
	other, err := server.Abandon(ctx, c.From)
	if err != nil {
		return c.refused(err)
	}
	if c.JSON {
		return json.NewEncoder(a.Out).Encode(map[string]string{"abandoned": other})
	}
	_, err = fmt.Fprintf(a.Out, "The transfer to %s is given up: the ledger may be served here again. Empty what was copied there.\n", other)
	return err
}

// transferWatch draws how far each step has come.
type transferWatch struct {
	app  *App
	what string
	bar  *progress
}

func (w *transferWatch) at(step relocation.Step, table string, n int64) {
	if what := fmt.Sprint(step, " ", table); what != w.what {
		w.end()
		w.what, w.bar = what, w.app.newProgress(what, -1, "rows")
	}
	w.bar.at(n, n)
}

func (w *transferWatch) end() {
	if w.bar != nil {
		w.bar.finish()
	}
}
