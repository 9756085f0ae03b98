package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/scrub"
	"github.com/consentline/consentline/internal/transfer"
)

var scope = consent.Scope{Brand: "default", Purpose: "marketing", Channel: consent.SMS}

// madeUp is the i-th of many numbers that are valid, so that they are parsed as real ones are. Too few numbers are
// reserved for fiction to fill an index; these stay in memory.
func madeUp(i int) phone.Number {
	const perArea = 7_000_000
	return phone.Number(1_201_200_0000 + uint64(i/perArea)*10_000_000 + uint64(i%perArea))
}

func inMemory(ctx context.Context, o Options) ([]Figure, error) {
	o.Progress(fmt.Sprintf("filling an index with %d records", o.Records))
	x, size, err := fill(ctx, o.Records, nil, consent.Express)
	if err != nil {
		return nil, err
	}
	figures := []Figure{size}
	for _, measure := range []func() ([]Figure, error){
		func() ([]Figure, error) { return inProcess(ctx, o, x, time.Time{}) },
		func() ([]Figure, error) { return scrubbing(ctx, o, x) },
		func() ([]Figure, error) { x = nil; return ruled(ctx, o) }, // the first index makes room for the second
	} {
		f, err := measure()
		if err != nil {
			return figures, err
		}
		figures = append(figures, f...)
	}
	return figures, nil
}

// fill makes an index of which every second of the made-up numbers has a record, and says what a record takes.
func fill(ctx context.Context, records int, rules check.Rules, level consent.Level) (*check.Index, Figure, error) {
	f := Figure{Name: "memory of a record", Unit: "bytes", Note: "the index's slots, empty ones included, by its records"}
	x := check.New(check.Config{Seed: rand.Uint64(), Records: records, Rules: rules})
	b := check.Batch{
		Seq: 1, Brands: []check.BrandChange{{Brand: scope.Brand}},
		Purposes: []check.PurposeChange{{Purpose: scope.Purpose, Class: consent.Marketing}},
	}
	granted := check.State{Status: consent.StatusGranted, Level: level, GrantedAt: 1_700_000_000, Seq: 1}
	for i := range records {
		b.Records = append(b.Records, check.RecordChange{Number: madeUp(2 * i), Scope: scope, State: granted})
		if len(b.Records) < 8192 && i < records-1 {
			continue
		}
		if err := errors.Join(x.Apply(b), ctx.Err()); err != nil {
			return nil, f, err
		}
		b.Records = b.Records[:0]
	}
	f.Rounds = []float64{float64(x.Stats().TableBytes) / float64(records)}
	return x, f, nil
}

// timed is how many checks pass between two looks at the clock.
const timed = 1000

// inProcess measures one check after the other by one goroutine, half of them of numbers that have a record. The zero
// moment asks about now.
func inProcess(ctx context.Context, o Options, x *check.Index, at time.Time) ([]Figure, error) {
	took := Figure{Name: "check in process", Unit: "ns", Note: fmt.Sprintf("median over stretches of %d checks, one goroutine, %d records", timed, o.Records)}
	allocated := Figure{Name: "allocations of a check", Unit: "objects"}
	q := check.Question{Brand: []byte(scope.Brand), Purpose: []byte(scope.Purpose), Channel: scope.Channel, At: at}
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	numbers := make([]phone.Number, timed)
	var before, after runtime.MemStats
	for i := range o.Rounds {
		o.Progress(fmt.Sprintf("checks in process, round %d", i+1))
		var stretches []float64
		var allocations uint64
		for began := time.Now(); time.Since(began) < o.Round; {
			for j := range numbers {
				numbers[j] = madeUp(random.IntN(2 * o.Records))
			}
			runtime.ReadMemStats(&before)
			start := time.Now()
			for _, q.Number = range numbers {
				x.Check(q)
			}
			stretches = append(stretches, float64(time.Since(start))/timed)
			runtime.ReadMemStats(&after)
			allocations += after.Mallocs - before.Mallocs
		}
		took.Rounds = append(took.Rounds, median(stretches))
		allocated.Rounds = append(allocated.Rounds, float64(allocations/uint64(len(stretches))/timed))
	}
	return []Figure{took, allocated}, ctx.Err()
}

// scrubbing measures a scrub of a file in memory, beside splitting it into fields and beside counting its lines.
func scrubbing(ctx context.Context, o Options, x *check.Index) ([]Figure, error) {
	file := export(o.Rows, o.Records)
	rows := func(began time.Time) float64 { return float64(o.Rows) / time.Since(began).Seconds() }
	f := Figure{
		Name: "scrub", Unit: "rows/s", Reference: "splitting the same file into fields",
		Note: fmt.Sprintf("%d rows of %d bytes against %d records", o.Rows, len(file)/(o.Rows+1), o.Records),
	}
	lines := Figure{Name: "lines counted, as wc -l does", Unit: "rows/s", Note: "what reading the file's bytes costs at least"}
	for i := range o.Rounds {
		o.Progress(fmt.Sprintf("scrubs, round %d", i+1))
		began := time.Now()
		counts, err := scrub.CSV(ctx, x, bytes.NewReader(file), io.Discard, scrub.Options{Brand: scope.Brand, Purpose: scope.Purpose, Channel: scope.Channel})
		if err != nil {
			return nil, err
		}
		if counts.Rows != o.Rows || counts.Invalid > 0 || counts.Allow == 0 {
			return nil, fmt.Errorf("scrub: %+v of %d rows", counts, o.Rows)
		}
		f.Rounds = append(f.Rounds, rows(began))
		began = time.Now()
		if err := split(file, o.Rows+1); err != nil {
			return nil, err
		}
		f.Beside = append(f.Beside, rows(began))
		began = time.Now()
		if n := bytes.Count(file, []byte{'\n'}); n != o.Rows+1 {
			return nil, fmt.Errorf("count lines: %d of %d", n, o.Rows+1)
		}
		lines.Rounds = append(lines.Rounds, rows(began))
	}
	return []Figure{f, lines}, nil
}

// export is a file such as a customer system writes.
func export(rows, records int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	out := []byte("customer_id,phone,first_name,city\n")
	for i := range rows {
		out = append(strconv.AppendInt(out, int64(i), 10), ',')
		out = append(madeUp(random.IntN(2*records)).AppendE164(out), ",Example,Springfield\n"...)
	}
	return out
}

func split(file []byte, want int) error {
	r := transfer.NewReader(bytes.NewReader(file), transfer.Options{})
	for n := 0; ; n++ {
		_, err := r.Read()
		switch {
		case errors.Is(err, io.EOF) && n == want:
			return nil
		case err != nil:
			return fmt.Errorf("split row %d of %d: %w", n, want, err)
		}
	}
}
