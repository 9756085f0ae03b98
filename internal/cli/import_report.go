package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/transfer"
)

// importReport is what an import did, or would do.
type importReport struct {
	File        string          `json:"file"`
	Dialect     string          `json:"dialect"`
	DryRun      bool            `json:"dry_run,omitempty"`
	ResumedAt   int64           `json:"resumed_after_row,omitempty"`
	Rows        transfer.Counts `json:"rows"`                   // of the whole file, earlier runs included
	Acts        map[string]int  `json:"acts"`                   // what the rows of this run state, by act
	Outcomes    map[string]int  `json:"outcomes"`               // what became of those acts
	Rejected    map[string]int  `json:"rejected"`               // reasons, by code; of the whole file, as are those below
	Skipped     map[string]int  `json:"skipped"`                // by code
	RejectsFile string          `json:"rejects_file,omitempty"` // the rows that were not taken
	Seconds     float64         `json:"seconds"`
	PerSecond   int64           `json:"acts_per_second"`

	title string
}

func newReport(path string, d *transfer.Dialect, dry bool) *importReport {
	return &importReport{
		File: path, Dialect: d.Name, DryRun: dry, title: d.Title,
		Acts: map[string]int{}, Outcomes: map[string]int{}, Rejected: map[string]int{}, Skipped: map[string]int{},
	}
}

func (r *importReport) count(o outcome) {
	r.Acts[o.act.String()]++
	r.Outcomes[o.Status]++
}

func (r *importReport) took(d time.Duration) {
	acts := 0
	for _, n := range r.Acts {
		acts += n
	}
	r.Seconds, r.PerSecond = d.Round(time.Millisecond).Seconds(), perSecond(int64(acts), d)
}

func (c *importCmd) tell(a *App, r *importReport) error {
	if c.JSON {
		return json.NewEncoder(a.Out).Encode(r)
	}
	return r.print(a)
}

func (r *importReport) print(a *App) error {
	t := newTable(a.Out)
	t.row("file", r.File)
	t.row("read as", r.title)
	if r.DryRun {
		t.row("dry run", "nothing was recorded; this is what would happen")
	}
	if r.ResumedAt > 0 {
		t.row("resumed", fmt.Sprintf("after row %d", r.ResumedAt))
	}
	t.row("rows", fmt.Sprintf("%s read, %s taken, %s there before, %s state no consent, %s rejected",
		count(r.Rows.Read), count(r.Rows.Accepted), count(r.Rows.Duplicates), count(r.Rows.Skipped), count(r.Rows.Rejected)))
	t.pair("acts", tally(r.Acts))
	t.pair("outcomes", tally(r.Outcomes))
	t.pair("rejected", tally(r.Rejected))
	t.pair("skipped", tally(r.Skipped))
	t.pair("rejected rows", r.RejectsFile)
	if !r.DryRun {
		t.row("time", fmt.Sprintf("%.1f s, %s acts/s", r.Seconds, count(r.PerSecond)))
	}
	return t.flush()
}

// tally writes counts by name, the largest first.
func tally(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	for i, n := range names {
		names[i] = count(counts[n]) + " " + n
	}
	return strings.Join(names, ", ")
}
