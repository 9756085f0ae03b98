package cli

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/transfer"
)

// parcel is a run of rows on its way through an import.
type parcel struct {
	rows    []parcelRow
	reports []act.Report

	row, offset int64 // where the next parcel begins

	taken    chan struct{} // closed when outcomes, or err, are set
	outcomes []outcome
	err      error
}

// parcelRow is one row of the file: what it states, or why it does not.
type parcelRow struct {
	number  int64
	raw     []byte
	reports int // of the parcel's, in order
	skips   []transfer.Skip
	errs    []*transfer.FieldError
}

// run passes the file through: one goroutine reads, several take in, and this one settles in the order of the file.
func (r *importRun) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	work, order := make(chan *parcel), make(chan *parcel, hands)
	var others sync.WaitGroup
	var reading error
	others.Go(func() {
		defer close(work)
		defer close(order)
		reading = r.read(ctx, work, order)
	})
	for range hands {
		others.Go(func() {
			for p := range work {
				if len(p.reports) > 0 {
					p.outcomes, p.err = r.intake.take(ctx, p.reports)
				}
				close(p.taken)
			}
		})
	}
	settling := r.settle(order)
	if settling != nil {
		stop()
		for range order { //nolint:revive // what was read and is not settled is left to the next run
		}
	}
	others.Wait()
	if settling != nil {
		return settling
	}
	return reading
}

// read splits the file into parcels.
func (r *importRun) read(ctx context.Context, work, order chan<- *parcel) error {
	for {
		p, err := r.parcel()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(p.rows) > 0 {
			select {
			case work <- p:
				order <- p
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err != nil {
			return nil
		}
	}
}

// parcel reads the next rows and maps them. It returns io.EOF with the last of them.
func (r *importRun) parcel() (*parcel, error) {
	p := &parcel{taken: make(chan struct{}), rows: make([]parcelRow, 0, parcelRows)}
	var err error
	for len(p.rows) < parcelRows {
		var rec *transfer.Record
		if rec, err = r.next(); err != nil {
			break
		}
		mapped := r.mapper.Map(rec)
		row := parcelRow{number: rec.Row, skips: mapped.Skips, errs: mapped.Errors, reports: len(mapped.Rows)}
		if len(mapped.Errors) > 0 {
			row.reports = 0 // a row is taken as a whole or mended as a whole
		} else {
			p.reports = append(p.reports, r.reports(rec.Row, mapped.Rows)...)
		}
		if row.reports+len(row.errs) > 0 {
			row.raw = append([]byte(nil), rec.Raw...)
		}
		p.rows = append(p.rows, row)
	}
	p.row, p.offset = r.reader.Position()
	return p, err
}

// settle counts what became of each parcel, in the order of the file, writes down what was rejected, and moves the
// checkpoint. A crash between the two writes repeats rejects, which the next run takes out again.
func (r *importRun) settle(order <-chan *parcel) error {
	for p := range order {
		<-p.taken
		if p.err != nil {
			return p.err
		}
		outcomes := p.outcomes
		for i := range p.rows {
			row := &p.rows[i]
			if err := r.settleRow(row, outcomes[:row.reports]); err != nil {
				return err
			}
			outcomes = outcomes[row.reports:]
		}
		r.checkpoint.Row, r.checkpoint.Offset = p.row, p.offset
		if err := r.save(); err != nil {
			return err
		}
		r.bar.at(p.offset, r.checkpoint.Counts.Read)
	}
	return nil
}

func (r *importRun) save() error {
	now := r.app.Now()
	if r.cmd.DryRun || now.Sub(r.saved) < saveEvery {
		return nil
	}
	r.saved = now
	if err := r.rejects.flush(); err != nil {
		return err
	}
	return r.checkpoint.Save(checkpointPath(r.path))
}

func (r *importRun) settleRow(row *parcelRow, outcomes []outcome) error {
	errs := row.errs
	duplicates := 0
	for _, o := range outcomes {
		r.report.count(o)
		switch o.Status {
		case statusRejected:
			errs = append(errs, &transfer.FieldError{Row: row.number, Column: o.Field, Code: transfer.Code(o.Code), Message: o.Text})
		case statusDuplicate:
			duplicates++
		}
	}
	for _, s := range row.skips {
		r.report.Skipped[string(s.Code)]++
	}
	counts := &r.checkpoint.Counts
	counts.Read++
	switch {
	case len(errs) > 0:
		counts.Rejected++
	case row.reports == 0:
		counts.Skipped++
	case duplicates == row.reports:
		counts.Duplicates++
	default:
		counts.Accepted++
	}
	for _, e := range errs {
		r.report.Rejected[string(e.Code)]++
		if err := r.rejects.add(e, row.raw); err != nil {
			return err
		}
	}
	return nil
}
