package verify

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// defaultParallel hides the latency of a log that is read over HTTP, and keeps several processors hashing.
const defaultParallel = 16

// Audit verifies a whole log: that its entries, its hash tiles and its checkpoint agree, and that it continues an older
// checkpoint. It streams: memory does not grow with the log.
type Audit struct {
	Source Source
	Policy *Policy

	// Checkpoint is the signed checkpoint to verify against; empty means the one that the source has.
	Checkpoint []byte

	// Trusted is a tree that an earlier audit found good, or a witness saw; the log must continue it. Nil asks for none.
	Trusted *tlog.Tree

	// Progress, unless nil, is called after every bundle of up to 256 entries. Warn, unless nil, gets every warning.
	// Both are called by one goroutine, in the order of the log.
	Progress func(done, total int64)
	Warn     func(Warning)

	// Parallel is how many bundles are read ahead; zero means 16.
	Parallel int
}

// Report is what an audit that found no fault has verified.
type Report struct {
	Checkpoint Checkpoint
	Entries    int64
	Warnings   int64 // see Warning
}

// Run audits the log. A *Fault names the first entry that does not fit, an *InconsistentError says that the log does not
// continue Trusted, ErrCheckpoint that its checkpoint is not acceptable; any other error is a failure to read.
func (a Audit) Run(ctx context.Context) (Report, error) {
	if a.Source == nil || a.Policy == nil {
		return Report{}, errors.New("audit: want a source and a policy")
	}
	signed := a.Checkpoint
	if len(signed) == 0 {
		var err error
		if signed, err = a.Source.Fetch(ctx, CheckpointPath); err != nil {
			return Report{}, fmt.Errorf("read the log's checkpoint: %w", err)
		}
	}
	c, err := a.Policy.OpenCheckpoint(signed)
	if err != nil {
		return Report{}, err
	}
	if t := a.Trusted; t != nil && (t.N == 0 || t.N >= c.Size) {
		if err := CheckConsistency(*t, c.Tree(), nil); err != nil {
			return Report{}, err
		}
	}
	tr, err := newTracer(ctx, a.Source, c.Tree())
	if err != nil {
		return Report{}, err
	}
	p := &pass{audit: a, checkpoint: c, tracer: tr}
	if err := p.run(ctx); err != nil {
		return Report{}, err
	}
	return Report{Checkpoint: c, Entries: c.Size, Warnings: p.warnings}, nil
}

// loaded is a bundle on its way from the goroutine that read it.
type loaded struct {
	bundle *bundle
	err    error
}

// run takes the log's bundles in order. No reader outlives it.
func (p *pass) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()

	for one := range p.readAhead(ctx, &readers) {
		l := <-one
		if l.err != nil {
			return p.unread(l.err)
		}
		if err := p.take(ctx, l.bundle); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.finish()
}

// readAhead reads and hashes bundles in goroutines of their own, and hands them over in order. The queue's length is
// what keeps memory from growing with the log.
func (p *pass) readAhead(ctx context.Context, readers *sync.WaitGroup) <-chan chan loaded {
	ahead := p.audit.Parallel
	if ahead <= 0 {
		ahead = defaultParallel
	}
	size := p.checkpoint.Size
	queue := make(chan chan loaded, ahead)
	readers.Go(func() {
		defer close(queue)
		for n := int64(0); n < (size+TileWidth-1)/TileWidth; n++ {
			one := make(chan loaded, 1)
			select {
			case queue <- one:
			case <-ctx.Done():
				return
			}
			readers.Go(func() {
				b, err := loadBundle(ctx, p.audit.Source, size, n)
				one <- loaded{b, err}
			})
		}
	})
	return queue
}

// unread prefers the fault that was found before something could not be read.
func (p *pass) unread(err error) error {
	if missing := (*Fault)(nil); p.suspect != nil && errors.As(err, &missing) {
		return p.suspect.fault
	}
	return err
}
