package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/rulebook"
)

// ruled measures what the rules cost: one more index, whose checks they all judge, the search for the next moment that
// they admit, and reading all packs at the start.
func ruled(ctx context.Context, o Options) ([]Figure, error) {
	packs, err := rulebook.Load("")
	if err != nil {
		return nil, err
	}
	book, err := rulebook.New(rulebook.Config{Packs: packs, Attempts: attempt.NewCounter()})
	if err != nil {
		return nil, err
	}
	o.Progress(fmt.Sprintf("filling an index with %d records, under the rules", o.Records))
	x, _, err := fill(ctx, o.Records, book, consent.ExpressWritten)
	if err != nil {
		return nil, err
	}
	figures, err := inProcess(ctx, o, x, workday)
	if err != nil {
		return nil, err
	}
	for i, name := range []string{"check in process, by the rules", "allocations of a check by the rules"} {
		figures[i].Name = name
	}
	figures[0].Note += fmt.Sprintf("; %d packs, %d rules", len(packs), len(book.Rules().All()))
	return append(figures, searching(o, book.Rules()), loading(o)), ctx.Err()
}

// workday is a Monday's noon in the zones of the made-up numbers, at which the rules deny nobody for the hour.
var workday = time.Date(2026, time.November, 23, 17, 0, 0, 0, time.UTC)

// searching measures a judgement that has to look for the next moment: from before a weekend, and over holidays.
func searching(o Options, rules *policy.Rules) Figure {
	f := Figure{Name: "next allowed moment", Unit: "ns", Note: "a whole judgement that ends in a defer, median of stretches: the slower of a weekend in London and Christmas in Paris"}
	questions := []policy.Question{
		{Number: 442079460143, At: time.Date(2026, time.November, 21, 22, 0, 0, 0, time.UTC)},
		{Number: 33199000123, At: time.Date(2026, time.December, 24, 20, 0, 0, 0, time.UTC)},
	}
	for range o.Rounds {
		slowest := 0.0
		for i := range questions {
			q := &questions[i]
			q.Channel, q.Class, q.Status, q.Level = consent.VoiceLive, consent.Marketing, consent.StatusGranted, consent.ExpressWritten
			q.Confirmed, q.GrantedAt = true, q.At.AddDate(0, -1, 0)
			slowest = max(slowest, stretches(o.Round/2, timed/10, func() { rules.Judge(q, &policy.Judgement{}) }))
		}
		f.Rounds = append(f.Rounds, slowest)
	}
	return f
}

// loading measures what the packs take at the start: reading, and compiling to tables.
func loading(o Options) Figure {
	f := Figure{Name: "all packs loaded", Unit: "ms", Note: "read, held against each other and compiled; median of stretches"}
	for range o.Rounds {
		f.Rounds = append(f.Rounds, stretches(o.Round, 1, func() {
			packs, err := rulebook.Load("")
			if err == nil {
				_, err = policy.Compile(packs)
			}
			if err != nil {
				panic(err) // they were loaded a moment ago
			}
		})/1e6)
	}
	return f
}

// stretches calls do over and over for a time and returns the median time of a call in nanoseconds, over stretches of n.
func stretches(during time.Duration, n int, do func()) float64 {
	var took []float64
	for began := time.Now(); time.Since(began) < during || len(took) == 0; {
		start := time.Now()
		for range n {
			do()
		}
		took = append(took, float64(time.Since(start))/float64(n))
	}
	return median(took)
}
