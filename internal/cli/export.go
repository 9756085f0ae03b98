package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/consentline/consentline/internal/transfer"
)

type exportCmd struct {
	Format string `enum:"csv,ndjson" default:"csv" help:"The format of the records: csv, or ndjson."`
	Plain  bool   `help:"Write CSV for programs: numbers as +…, nothing guarded against spreadsheets."`
	Reason string `placeholder:"TEXT" help:"Why numbers in full are needed; it is recorded. A server wants one."`
	Output string `short:"o" placeholder:"FILE" help:"Where to write; left out: standard output. It appears only when it is complete."`
	Log    string `placeholder:"DIR" xor:"what" help:"Write a copy of the public log to this directory, in place of records; an earlier copy is continued."`
	Proof  uint64 `placeholder:"ENTRY" xor:"what" help:"Write the proof that this entry is in the public log, in place of records."`
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (exportCmd) Help() string {
	return `Writes one row for each person and scope, as it stands now. Numbers are shown in full only to those who may see them. CSV is made so that a spreadsheet takes it as it is (numbers as tel:+…, nothing that it would run as a formula), and import takes it back.

That data was exported, by whom, why and how much, is itself recorded in the ledger. A server wants --reason before numbers in full leave it.

With --log it copies the log that verify checks, and continues a copy that is there. A copy holds no personal data. With --proof it writes a .tlog-proof, which verify checks against the entry as history tells it.

Examples:
  consentline export -o records.csv
  consentline export --server https://consent.example --reason 'yearly audit' -o records.csv
  consentline export --format ndjson | jq 'select(.status == "granted")'
  consentline export --log ./copy && consentline verify ./copy`
}

// Run exports records, or the log.
func (c *exportCmd) Run(ctx context.Context, a *App) (err error) {
	conn, err := c.connect(ctx, a, mustExist)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	if c.Log != "" {
		return c.copyLog(ctx, a, conn)
	}
	if c.Proof > 0 {
		proof, err := conn.fetch(ctx, fmt.Sprintf("/v1/entries/%d/proof", c.Proof))
		if err != nil {
			return err
		}
		return a.writeOutput(c.Output, func(out io.Writer) error {
			_, err := out.Write(proof)
			return err
		})
	}
	return c.records(ctx, a, conn)
}

// records streams every record out in the format that was asked for.
func (c *exportCmd) records(ctx context.Context, a *App, conn *connection) error {
	ask := request{method: http.MethodGet, path: "/v1/export", accept: "application/x-ndjson"}
	if c.Reason != "" {
		ask.header = map[string]string{"Consentline-Reason": c.Reason}
	}
	answer, err := conn.do(ctx, ask)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	total, err := strconv.ParseInt(answer.Header.Get("Consentline-Records"), 10, 64)
	if err != nil {
		total = -1
	}
	bar := a.newProgress("export", total, "records")
	n := int64(0)
	err = a.writeOutput(c.Output, func(out io.Writer) error {
		sink := c.sink(out)
		in := bufio.NewScanner(answer.Body)
		in.Buffer(make([]byte, 64<<10), 1<<20)
		for in.Scan() {
			if err := sink.write(in.Bytes()); err != nil {
				return err
			}
			n++
			bar.at(n, n)
		}
		return errors.Join(in.Err(), sink.flush())
	})
	bar.finish()
	if err == nil {
		err = c.complete(answer, n)
	}
	if err != nil {
		return fmt.Errorf("the export is not complete: %w", err)
	}
	return nil
}

// complete holds what came against what the server says, at the end, that it sent.
func (c *exportCmd) complete(answer *http.Response, n int64) error {
	said := answer.Trailer.Get("Consentline-Exported")
	if said != strconv.FormatInt(n, 10) {
		return fmt.Errorf("%d records came, and the server ended with %q", n, said)
	}
	return nil
}

// recordSink writes records in one format.
type recordSink struct {
	out  *bufio.Writer
	csv  *transfer.Writer
	seen bool
}

func (c *exportCmd) sink(out io.Writer) *recordSink {
	if c.Format == "ndjson" || c.JSON {
		return &recordSink{out: bufio.NewWriterSize(out, 64<<10)}
	}
	return &recordSink{csv: transfer.NewWriter(out, transfer.WriterOptions{Spreadsheet: !c.Plain})}
}

// exported is one line of GET /v1/export.
type exported struct {
	Number string `json:"number"`
	wireRecord
	Source     string     `json:"source"`
	ReviewAt   *time.Time `json:"review_at"`
	Disclosure string     `json:"disclosure"`
}

// columns are those of the dialect by which import takes an export back, and what stands beside them.
var columns = []string{
	"number", "brand", "purpose", "channel", "act", "effective_at", "level", "confirmed", "source", "valid_until", "review_at", "disclosure",
	"correlation_id", "status", "conflict",
}

func (s *recordSink) write(line []byte) error {
	if s.csv == nil {
		_, err := s.out.Write(append(line, '\n'))
		return err
	}
	if err := s.header(); err != nil {
		return err
	}
	var r exported
	if err := json.Unmarshal(line, &r); err != nil {
		return err
	}
	conflict := ""
	if r.Conflict > 0 {
		conflict = strconv.FormatUint(r.Conflict, 10)
	}
	act, at := r.lastAct()
	return s.csv.Write(s.csv.Number(r.Number), r.Brand, r.Purpose, r.Channel, act, optional(at), r.Level, strconv.FormatBool(r.Confirmed), r.Source,
		optional(r.ValidUntil), optional(r.ReviewAt), r.Disclosure, "entry-"+strconv.FormatUint(r.Entry, 10), r.Status, conflict)
}

func (s *recordSink) header() error {
	if s.seen {
		return nil
	}
	s.seen = true
	return s.csv.Write(columns...)
}

func (s *recordSink) flush() error {
	if s.csv == nil {
		return s.out.Flush()
	}
	if err := s.header(); err != nil {
		return err
	}
	return s.csv.Flush()
}

// lastAct is the act that the record's status is the outcome of, and when it happened.
func (r *exported) lastAct() (act string, at *time.Time) {
	switch r.Status {
	case "pending":
		return "requested", r.RequestedAt
	case "granted":
		return r.Status, r.GrantedAt
	case "expired":
		if r.GrantedAt != nil {
			return "granted", r.GrantedAt // and valid_until says the rest
		}
		return r.Status, nil
	}
	return r.Status, r.RestrictedAt
}

func optional(t *time.Time) string {
	if t == nil {
		return ""
	}
	return wireTime(*t)
}
