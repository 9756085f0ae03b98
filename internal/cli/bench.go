package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/consentline/consentline/internal/bench"
)

type benchCmd struct {
	Dir      string        `default:"." type:"existingdir" placeholder:"DIR" help:"Where to make the temporary ledgers: on the disk that is to be measured."`
	Records  int           `default:"10000000" help:"How many records the index holds for the figures in memory (32 bytes each)."`
	Rows     int           `default:"1000000" help:"How many rows the file has that is scrubbed."`
	Imported int           `default:"1000000" help:"How many acts are imported into an empty ledger."`
	Rounds   int           `default:"5" help:"How many rounds each figure is measured in."`
	Time     time.Duration `default:"2s" help:"How long a round of a timed figure takes."`
	Write    string        `placeholder:"FILE" help:"Write the report to this file, as Markdown."`
	jsonFlag
}

// Help implements kong.HelpProvider.
func (benchCmd) Help() string {
	return `Makes temporary ledgers, measures, and removes them. Each figure is of this machine as it is now, with the load generator running beside the server; where there is a reference, it takes turns with the product in the same run.

Example:
  consentline bench --dir /var/lib --records 1000000 --rounds 3`
}

// Run measures.
func (c *benchCmd) Run(ctx context.Context, a *App) error {
	if c.Time <= 0 || c.Rounds < 1 || c.Records < 1 || c.Rows < 1 || c.Imported < 1 {
		return usage("--time, --rounds, --records, --rows and --imported must be positive")
	}
	report, err := bench.Run(ctx, bench.Options{
		Dir: c.Dir, Records: c.Records, Rows: c.Rows, Imported: c.Imported, Rounds: c.Rounds, Round: c.Time,
		Progress: func(doing string) {
			if a.Terminal {
				fmt.Fprintf(a.Err, "\r\x1b[K%s", doing)
			}
		},
	})
	if a.Terminal {
		fmt.Fprint(a.Err, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	if c.Write != "" {
		err = os.WriteFile(c.Write, []byte(report.Markdown()), 0o644) //nolint:gosec // a report is for everybody to read
	}
	if c.JSON {
		return errors.Join(err, json.NewEncoder(a.Out).Encode(report))
	}
	_, printed := fmt.Fprint(a.Out, report.Markdown())
	return errors.Join(err, printed)
}
