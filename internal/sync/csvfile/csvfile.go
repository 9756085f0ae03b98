// Package csvfile writes changes as CSV files with manifests, to a folder of the server or to a bucket that speaks S3.
//
// Others may rely on this: a file is there whole or not at all, and its manifest after it; a batch that is written again
// after a crash has the same name, and replaces itself; no cell is a formula to a spreadsheet, so that numbers are
// written as tel:+1…. It stores nothing else.
package csvfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/sync"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "csvfile",
	Doc:  "CSV files of changes, with manifests: to a folder, or a bucket that speaks S3, on a schedule.",
	Settings: []sync.Setting{
		{Name: "folder", Doc: "below the server's folder of exports; or a bucket is given"},
		{Name: "bucket_url", Doc: "https://BUCKET.s3.REGION.amazonaws.com or https://HOST/BUCKET, with a path for a prefix"},
		{Name: "region", Doc: "of the bucket; us-east-1 unless given"},
		{Name: "access_key_id", Doc: "for the bucket"},
		{Name: "secret_access_key", Doc: "for the bucket", Secret: true},
		{Name: "every", Doc: "how often files are written, such as 1h; at once unless given"},
	},
	New: open,
}

// sink keeps files. What it is given by one name twice it holds once.
type sink interface {
	put(ctx context.Context, name string, content []byte) error
}

type connector struct {
	to      sink
	every   time.Duration
	numbers bool
	now     func() time.Time
}

func open(c sync.Config) (sync.Connector, error) {
	f := &connector{numbers: c.Numbers, now: c.Now}
	if text := c.Settings["every"]; text != "" {
		every, err := time.ParseDuration(text)
		if err != nil || every < time.Minute || every > 24*time.Hour {
			return nil, &sync.InvalidError{Field: "every", Reason: "want a duration from 1m to 24h"}
		}
		f.every = every
	}
	var err error
	switch folder, bucket := c.Settings["folder"], c.Settings["bucket_url"]; {
	case (folder == "") == (bucket == ""):
		return nil, &sync.InvalidError{Field: "folder", Reason: "want either a folder or a bucket_url"}
	case folder != "":
		f.to, err = openFolder(&c)
	default:
		f.to, err = openBucket(&c)
	}
	return f, err
}

// Limits wants one file after the other, so that their names tell their order.
func (f *connector) Limits() sync.Limits { return sync.Limits{Batch: 10_000, InFlight: 1} }

// Deliver writes one file, when the schedule has come.
func (f *connector) Deliver(ctx context.Context, changes []sync.Change) []error {
	if err := f.wait(ctx); err != nil {
		return sync.Every(len(changes), err)
	}
	content, err := f.table(changes)
	if err != nil {
		return sync.Every(len(changes), err)
	}
	sum := sha256.Sum256(content)
	from, to := changes[0].Seq, changes[0].Seq
	id := sha256.New()
	for i := range changes {
		from, to = min(from, changes[i].Seq), max(to, changes[i].Seq)
		fmt.Fprintln(id, changes[i].ID)
	}
	name := fmt.Sprintf("consent-%020d-%x", to, id.Sum(nil)[:6])
	manifest, err := json.Marshal(map[string]any{
		"file": name + ".csv", "rows": len(changes), "bytes": len(content), "sha256": hex.EncodeToString(sum[:]),
		"first_seq": from, "last_seq": to, "written_at": ledger.FormatTime(f.now()),
	})
	if err != nil {
		return sync.Every(len(changes), err)
	}
	if err = f.to.put(ctx, name+".csv", content); err == nil {
		err = f.to.put(ctx, name+".manifest.json", manifest)
	}
	return sync.Every(len(changes), err)
}

// wait returns when files may be written: during the first tenth of each period, up to a minute.
func (f *connector) wait(ctx context.Context) error {
	if f.every == 0 {
		return nil
	}
	now := f.now()
	begun := now.Truncate(f.every)
	if now.Sub(begun) < min(f.every/10, time.Minute) {
		return nil
	}
	due := time.NewTimer(begun.Add(f.every).Sub(now))
	defer due.Stop()
	select {
	case <-due.C:
		return nil
	case <-ctx.Done():
		return &sync.LaterError{Code: "schedule", Reason: "the time for the next file has not come", All: true}
	}
}

var header = []string{"seq", "recorded_at", "subject", "phone_number", "brand", "purpose", "channel", "status", "granted", "effective_at", "source"}

// table writes the changes as RFC 4180 says.
func (f *connector) table(changes []sync.Change) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.UseCRLF = true
	rows := [][]string{header}
	now := f.now()
	for i := range changes {
		c, number, recorded := &changes[i], "", ""
		if f.numbers {
			number = "tel:" + c.Number.String()
		}
		if !c.RecordedAt.IsZero() { // else of a backfill
			recorded = ledger.FormatTime(c.RecordedAt)
		}
		row := []string{
			strconv.FormatUint(c.Seq, 10), recorded, hex.EncodeToString(c.Subject[:]), number, string(c.Scope.Brand), string(c.Scope.Purpose),
			c.Scope.Channel.String(), c.Status(now).String(), strconv.FormatBool(c.Granted(now)), ledger.FormatTime(c.Record.LastEffectiveAt()), c.Record.Source.String(),
		}
		for n := range row {
			row[n] = plain(row[n])
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("write rows: %w", err)
	}
	return out.Bytes(), nil
}

// plain keeps a cell from being a formula (OWASP, "CSV Injection").
func plain(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
