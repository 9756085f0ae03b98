package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/transfer"
)

// importRun is the import of one file: rows are read and mapped in order, taken in by several hands at once, and
// settled in order again, so that the checkpoint always covers a whole beginning of the file.
type importRun struct {
	cmd    *importCmd
	app    *App
	intake intake

	path   string
	file   *os.File
	size   int64
	known  time.Time // what the file tells had happened by then; it is the same when a run goes on
	print  transfer.Fingerprint
	plan   string
	ids    string // the beginning of the event ids of this file's rows
	reader *transfer.Reader
	mapper *transfer.Mapper

	checkpoint transfer.Checkpoint
	saved      time.Time
	rejects    *rejectFile
	report     *importReport
	bar        *progress
}

const (
	parcelRows = 2048
	hands      = 4 // that take parcels in: sealing one overlaps with committing another
	saveEvery  = 2 * time.Second
)

func checkpointPath(file string) string { return file + ".consentline-resume" }

// importFile imports one file. The report is nil if it was not even begun.
func (c *importCmd) importFile(ctx context.Context, a *App, conn *connection, path string, s transfer.Settings) (report *importReport, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &importRun{cmd: c, app: a, path: path, file: f, intake: conn.intake(c.DryRun)}
	if err := r.prepare(ctx, conn.where, s); err != nil {
		return nil, err
	}
	if r.rejects, err = openRejects(c.rejectsPath(path), r.checkpoint.Row); err != nil {
		return nil, err
	}
	began := a.Now()
	r.bar = a.newProgress("import", r.size, "rows")
	err = r.run(ctx)
	r.bar.finish()
	err = errors.Join(err, r.rejects.close())
	r.report.took(a.Now().Sub(began))
	r.report.Rows = r.checkpoint.Counts
	if r.rejects.count > 0 && !c.DryRun {
		r.report.RejectsFile = r.rejects.path
	}
	return r.report, r.leave(err)
}

// prepare learns what has to be known of the whole file, and where to begin.
func (r *importRun) prepare(ctx context.Context, where string, s transfer.Settings) error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return usage("it is no regular file: an import must be able to read it twice and to go on in its middle")
	}
	r.size, r.known = info.Size(), info.ModTime().UTC().Truncate(time.Microsecond)
	if now := r.app.Now().UTC().Truncate(time.Microsecond); now.Before(r.known) {
		r.known = now
	}
	if r.print, err = transfer.FingerprintOf(r.file, r.size); err != nil {
		return err
	}
	if err := r.open(s); err != nil {
		return err
	}
	plan, err := r.cmd.plan(r.mapper.Dialect().Name)
	if err != nil {
		return err
	}
	// The same rows have the same ids wherever they are imported; how far that has come is a matter of each ledger.
	sum := sha256.Sum256([]byte(r.print.Head + r.print.Tail + fmt.Sprint(r.print.Size) + plan))
	r.ids, r.plan = "file-"+hex.EncodeToString(sum[:8]), where+" "+plan
	if s.DateOrder == transfer.UnknownOrder {
		if err := r.observe(ctx); err != nil {
			return err
		}
	}
	r.report = newReport(r.path, r.mapper.Dialect(), r.cmd.DryRun)
	return r.begin()
}

// open reads the header and binds the dialect to it.
func (r *importRun) open(s transfer.Settings) error {
	header, err := r.rewind()
	if err != nil {
		return err
	}
	dialect, header, err := r.cmd.dialect(header)
	if err != nil {
		return err
	}
	r.mapper, err = transfer.NewMapper(dialect, header, s)
	return err
}

func (r *importRun) rewind() ([]string, error) {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	r.reader = transfer.NewReader(r.file, transfer.Options{})
	return r.reader.Header()
}

// observe shows the mapper every row before the first is mapped: what one row's date leaves open, another's may tell.
func (r *importRun) observe(ctx context.Context) error {
	bar := r.app.newProgress("look at the dates", r.size, "rows")
	defer bar.finish()
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			_, err = r.rewind()
			return err
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		r.mapper.Observe(rec)
		row, offset := r.reader.Position()
		bar.at(offset, row)
	}
}

// next returns the next row, with the column that --act adds.
func (r *importRun) next() (*transfer.Record, error) {
	rec, err := r.reader.Read()
	if err == nil && r.cmd.Act != "" && rec.Flaws == 0 {
		rec.Fields = append(rec.Fields, []byte(r.cmd.Act))
	}
	return rec, err
}

// begin finds the checkpoint of a run that was cut short, and goes to where it stopped.
func (r *importRun) begin() error {
	r.checkpoint = transfer.Checkpoint{File: r.print, Plan: r.plan, Rejected: r.report.Rejected, Skipped: r.report.Skipped}
	if !r.cmd.Resume || r.cmd.DryRun {
		return nil
	}
	path := checkpointPath(r.path)
	c, err := transfer.LoadCheckpoint(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = c.Check(r.print, r.plan)
	}
	if err == nil {
		err = r.reader.Resume(c.Row, c.Offset)
	}
	if err != nil {
		return fmt.Errorf("an earlier import of this file was cut short, and cannot be continued: %w: run it as it was, or begin anew with --no-resume", err)
	}
	maps.Copy(r.report.Rejected, c.Rejected)
	maps.Copy(r.report.Skipped, c.Skipped)
	c.Rejected, c.Skipped = r.report.Rejected, r.report.Skipped
	r.checkpoint, r.report.ResumedAt = c, c.Row
	return nil
}

// leave removes the checkpoint of an import that is complete, and keeps that of one that is not.
func (r *importRun) leave(err error) error {
	if r.cmd.DryRun {
		return err
	}
	if err == nil {
		if err := os.Remove(checkpointPath(r.path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if r.checkpoint.Row > 0 {
		if saving := r.checkpoint.Save(checkpointPath(r.path)); saving != nil {
			return errors.Join(err, saving)
		}
		err = fmt.Errorf("stopped after row %d: %w: run the same command again to go on from there", r.checkpoint.Row, err)
	}
	return err
}

// reports turns what a row states into what the ledger takes.
func (r *importRun) reports(row int64, stated []transfer.Row) []act.Report {
	out := make([]act.Report, len(stated))
	for i, s := range stated {
		out[i] = act.Report{
			Number: s.Number, Region: s.Region, Brand: s.Brand, Purpose: s.Purpose, Channel: s.Channel,
			Act: s.Act, Level: s.Level, Confirmed: s.Confirmed && s.Act.Grants(), Source: s.Source, Via: consent.ViaImport, Method: s.Method,
			EffectiveAt: s.EffectiveAt, Disclosure: ledger.FormatDisclosure(s.Disclosure), Text: s.Text, Language: s.Language,
			Evidence: s.Evidence, Actor: s.Actor, EventID: s.EventID, CorrelationID: s.CorrelationID,
		}
		p := &out[i]
		capped := s.Act.Restricts() && s.EffectiveAt.Before(s.EffectiveEnd)
		if capped {
			p.EffectiveAt = latest(s.EffectiveAt, s.EffectiveEnd, r.known)
			capped = p.EffectiveAt.Before(s.EffectiveEnd)
		}
		if s.Disclosure.Version == 0 && s.Disclosure.ID != "" {
			p.Disclosure = s.Disclosure.ID // the ledger says what is missing
		}
		if p.Disclosure == "" && p.Text == "" {
			p.Disclosure = r.cmd.Disclosure
		}
		if s.Act.Grants() {
			p.ValidUntil, p.ReviewAt = s.ValidUntil, s.ReviewAt
		}
		if p.EventID == "" {
			var id strings.Builder
			fmt.Fprintf(&id, "%s-%d", r.ids, row)
			if i > 0 {
				fmt.Fprintf(&id, "-%d", i)
			}
			if capped { // a later copy of the file dates the act later in its day: that is another event
				fmt.Fprintf(&id, "-at-%d", p.EffectiveAt.UnixMicro())
			}
			p.EventID = id.String()
		}
	}
	return out
}
