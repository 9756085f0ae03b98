package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/server"
)

// importBatch is how many acts an import appends at once; two batches are on their way at any time.
const importBatch = 4000

// imported measures an import into an empty ledger, as a CSV file is imported on the machine that holds the data: each
// act validated, sealed, folded, indexed and given its leaf. Then it measures how long the ledger takes to open.
func imported(ctx context.Context, o Options, dir string) ([]Figure, error) {
	rate := Figure{Name: "import", Unit: "acts/s", Note: fmt.Sprintf("%d new numbers into an empty ledger, one round for each; disk and all", o.Imported)}
	start := Figure{Name: "start to ready", Unit: "ms", Note: fmt.Sprintf("a ledger of %d records, each with its own number", o.Imported)}
	size := Figure{Name: "disk of an act", Unit: "bytes", Note: "the whole database file, after an import of new numbers"}
	for i := range min(o.Rounds, 3) {
		at := filepath.Join(dir, "import-"+strconv.Itoa(i))
		o.Progress(fmt.Sprintf("import of %d acts, round %d", o.Imported, i+1))
		perSecond, err := importInto(ctx, at, o.Imported)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		s, err := server.Open(ctx, server.Config{DataDir: at, Rules: server.NoRules})
		if err != nil {
			return nil, err
		}
		opened := time.Since(began)
		info, err := os.Stat(filepath.Join(at, "consentline.db"))
		if err := errors.Join(err, s.Close(), os.RemoveAll(at)); err != nil {
			return nil, err
		}
		rate.Rounds = append(rate.Rounds, perSecond)
		start.Rounds = append(start.Rounds, float64(opened.Microseconds())/1000)
		size.Rounds = append(size.Rounds, float64(info.Size())/float64(o.Imported))
	}
	return []Figure{rate, start, size}, nil
}

func importInto(ctx context.Context, dir string, acts int) (perSecond float64, err error) {
	s, err := server.Open(ctx, server.Config{DataDir: dir, Rules: server.NoRules})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	began := time.Now()
	running, failed := make(chan struct{}, 2), make(chan error, acts/importBatch+1)
	for first := 0; first < acts; first += importBatch {
		reports := importReports(first, min(importBatch, acts-first), began)
		running <- struct{}{}
		go func() {
			results, err := s.Recorder.Record(ctx, access.Local, reports)
			for i := range results {
				err = errors.Join(err, results[i].Err)
			}
			failed <- err
			<-running
		}()
	}
	for range cap(running) {
		running <- struct{}{}
	}
	took := time.Since(began)
	close(failed)
	for err := range failed {
		if err != nil {
			return 0, err
		}
	}
	return float64(acts) / took.Seconds(), nil
}

func importReports(first, count int, now time.Time) []act.Report {
	reports := make([]act.Report, count)
	for i := range reports {
		// A made-up number's place in the file says nothing of its place in the ledger.
		reports[i] = act.Report{
			Number: madeUp((first + i) * 7919 % 14_000_000).String(), Purpose: "marketing", Channel: consent.SMS, Act: consent.Granted,
			Source: consent.WebForm, Via: consent.ViaImport, Method: "checkbox", EffectiveAt: now.Add(-24 * time.Hour),
			EventID: "bench-" + strconv.Itoa(first+i),
		}
	}
	return reports
}
