// Package bench measures what this machine makes of the product, each figure beside a reference in the same run: checks
// in memory and over HTTP, durable acts, streams and scrubs, what people write and what goes through the gateways.
//
// It stores nothing but a ledger in a directory of its own, which it removes. Others may rely on this: product and
// reference take turns, so that whatever else the machine does falls on both; a run ends within a time that its options
// bound; numbers that it makes up are shown to nobody.
package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
)

// Options say how much is measured. The zero value of each is a full run, of a few minutes.
type Options struct {
	Records  int           // in the index; zero: 10,000,000
	Rows     int           // of the file that is scrubbed; zero: 1,000,000
	Imported int           // acts that are imported into an empty ledger; zero: 1,000,000
	Rounds   int           // of each figure; zero: 5
	Round    time.Duration // of what is measured by time; zero: 2 s
	Dir      string        // where a ledger is made and removed again; empty: the system's directory for such
	Progress func(doing string)
}

func (o *Options) complete() {
	o.Records = cmp.Or(o.Records, 10_000_000)
	o.Rows = cmp.Or(o.Rows, 1_000_000)
	o.Imported = cmp.Or(o.Imported, 1_000_000)
	o.Rounds = cmp.Or(o.Rounds, 5)
	o.Round = cmp.Or(o.Round, 2*time.Second)
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
}

// Figure is one thing measured in several rounds, and in the same rounds its reference.
type Figure struct {
	Name      string    `json:"name"`
	Unit      string    `json:"unit"`
	Rounds    []float64 `json:"rounds"`
	Reference string    `json:"reference,omitempty"`
	Beside    []float64 `json:"beside,omitempty"` // the reference, round by round
	Note      string    `json:"note,omitempty"`
}

// Median returns the middle one of the rounds.
func (f Figure) Median() float64 { return median(f.Rounds) }

// Spread returns the lowest and the highest of the rounds.
func (f Figure) Spread() (low, high float64) { return slices.Min(f.Rounds), slices.Max(f.Rounds) }

// Share returns the median over the rounds of figure by reference; zero without one.
func (f Figure) Share() float64 {
	if len(f.Beside) == 0 {
		return 0
	}
	shares := make([]float64, len(f.Rounds))
	for i := range f.Rounds {
		shares[i] = f.Rounds[i] / f.Beside[i]
	}
	return median(shares)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// Report is a whole run on one machine.
type Report struct {
	At         time.Time `json:"at"`
	Go         string    `json:"go"`
	Machine    string    `json:"machine"`
	Processors int       `json:"processors"`
	Records    int       `json:"records"`
	Figures    []Figure  `json:"figures"`
}

// Run measures everything. It is bounded by its options: rounds times the time of a round for each figure, besides what
// it takes to fill the index.
func Run(ctx context.Context, o Options) (r Report, err error) {
	o.complete()
	r = Report{At: time.Now().UTC(), Go: runtime.Version(), Machine: machine(), Processors: runtime.GOMAXPROCS(0), Records: o.Records}
	dir, err := os.MkdirTemp(o.Dir, "consentline-bench-")
	if err != nil {
		return r, fmt.Errorf("make a directory to measure in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// What needs the caches and the memory for itself is measured before the large index is there.
	served, err := overHTTP(ctx, o, dir)
	if err != nil {
		return r, err
	}
	filled, err := imported(ctx, o, dir)
	if err != nil {
		return r, err
	}
	talked, err := conversed(ctx, o, dir)
	if err != nil {
		return r, err
	}
	held, err := inMemory(ctx, o)
	r.Figures = slices.Concat(held, served, talked, filled)
	return r, err
}

func machine() string {
	return runtime.GOOS + "/" + runtime.GOARCH
}
