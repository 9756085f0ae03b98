// Package scrub says of every row of a file whether its number may be contacted: it reads CSV or NDJSON and writes the
// same rows with verdict, reason and next_allowed_at added.
//
// It stores nothing and holds a few blocks of the file in memory, however long the file is. Others may rely on this: no
// row is lost, moved or changed besides what is added; a row that cannot be read is marked invalid and kept (of a line
// of NDJSON beyond the limit only its place is); each row is answered by the index with its own look at the lease, so a
// node that falls silent answers stale from then on.
package scrub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/transfer"
)

// Options say what is asked about every row. Brand, purpose and channel must be given.
type Options struct {
	Brand   consent.BrandID
	Purpose consent.PurposeID
	Channel consent.Channel
	At      time.Time // zero: the moment at which each row is answered

	Column string // the name of the column or member with the numbers; empty: found by its name
	Prefix string // of the names of what is added, such as consent_; empty: none
	Region string // ISO 3166-1 alpha-2, of numbers without a country code; empty: such are invalid

	MaxRow  int          // bytes of a row that is still looked into; zero: 1 MiB
	Workers int          // zero: one for each processor
	Flush   func() error // called when what was written should be sent on; nil: never
}

// Counts are how many rows came to what.
type Counts struct{ Rows, Allow, Deny, Defer, Invalid int }

func (c *Counts) add(d Counts) {
	c.Rows += d.Rows
	c.Allow += d.Allow
	c.Deny += d.Deny
	c.Defer += d.Defer
	c.Invalid += d.Invalid
}

// The verdict of a row that holds no number that could be asked about, and reasons that are not those of a check.
const (
	invalid       = "invalid"
	rounded       = "scientific_notation"
	numberMissing = "missing_number"
	nameTaken     = "name_taken"      // the line holds what would be added
	duplicateName = "duplicate_field" // a name stands twice, so which value holds is anybody's guess
)

// asker answers for one goroutine.
type asker struct {
	index  *check.Index
	q      check.Question
	region string
	counts Counts
}

func newAsker(x *check.Index, o *Options) asker {
	return asker{index: x, region: o.Region, q: check.Question{
		Brand: []byte(o.Brand), Purpose: []byte(o.Purpose), Channel: o.Channel, At: o.At,
	}}
}

// ask returns what is added to the row of a number.
func (a *asker) ask(number []byte) (verdict, reason string, next time.Time) {
	n, ok := phone.ParseE164(number)
	if !ok {
		if n, reason = a.parse(string(number)); reason != "" {
			return a.refuse(reason)
		}
	}
	a.q.Number = n
	v := a.index.Check(a.q)
	a.counts.Rows++
	switch v.Outcome {
	case check.Allow:
		a.counts.Allow++
	case check.Defer:
		a.counts.Defer++
	default:
		a.counts.Deny++
	}
	return v.Outcome.String(), v.Code().String(), v.NextAllowedAt
}

func (a *asker) refuse(reason string) (string, string, time.Time) {
	a.counts.Rows++
	a.counts.Invalid++
	return invalid, reason, time.Time{}
}

// parse reads a number as people and spreadsheets write it; reason says why there is none.
func (a *asker) parse(text string) (n phone.Number, reason string) {
	text, whole := transfer.CleanNumber(text)
	if !whole {
		return 0, rounded
	}
	n, err := phone.Parse(text, a.region)
	var flaw *phone.InvalidError
	switch {
	case errors.As(err, &flaw):
		return 0, string(flaw.Reason)
	case err != nil:
		return 0, numberMissing
	}
	return n, ""
}

// block is a stretch of the file on its way through.
type block struct {
	in, out []byte
	part    transfer.Part
	done    chan struct{} // gets a token when the block is worked on
	counts  Counts
}

// worker turns what was read into what is written.
type worker interface {
	work(*block)
}

// run cuts a file into blocks, has them worked on at once, and writes them in order. It returns when nothing uses r or w
// any more.
func run(ctx context.Context, w io.Writer, o *Options, cut func() ([]byte, transfer.Part, error), newWorker func() worker) (total Counts, err error) {
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	free := make(chan *block, 2*workers+1)
	for range cap(free) {
		free <- &block{done: make(chan struct{}, 1)}
	}
	todo, ordered := make(chan *block, cap(free)), make(chan *block, cap(free))
	for range workers {
		go func() {
			worker := newWorker()
			for b := range todo {
				worker.work(b)
				b.done <- struct{}{}
			}
		}()
	}
	cutting := make(chan error, 1)
	go func() {
		defer close(ordered)
		defer close(todo)
		cutting <- distribute(ctx, cut, free, todo, ordered)
	}()
	for b := range ordered {
		<-b.done
		if err == nil {
			total.add(b.counts)
			if err = write(w, b, o.Flush, len(ordered) == 0); err != nil {
				stop(err)
			}
		}
		free <- b
	}
	return total, errors.Join(err, <-cutting)
}

// distribute reads blocks until the file ends.
func distribute(ctx context.Context, cut func() ([]byte, transfer.Part, error), free <-chan *block, todo, ordered chan<- *block) error {
	for {
		in, part, err := cut()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the file: %w", err)
		}
		select {
		case b := <-free:
			b.in, b.part = append(b.in[:0], in...), part
			todo <- b
			ordered <- b
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func write(w io.Writer, b *block, flush func() error, last bool) error {
	if _, err := w.Write(b.out); err != nil {
		return fmt.Errorf("write the rows: %w", err)
	}
	if last && flush != nil {
		return flush()
	}
	return nil
}
