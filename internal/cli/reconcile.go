package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"
)

type reconcileCmd struct {
	Destination string `arg:"" help:"The destination's id."`
	File        string `type:"existingfile" placeholder:"FILE" help:"A CSV file that was exported from it; left out: it is asked itself, if its kind can be."`
	Repair      bool   `help:"Mend what differs: tell it again, and take in each no that it holds."`
	Out         string `short:"o" placeholder:"FILE" help:"Where to write every difference, as CSV. It appears only when it is complete."`
	Reason      string `placeholder:"TEXT" help:"Why --out needs numbers in full; it is recorded. A server wants one."`

	AsOf    string `placeholder:"TIME" help:"When the file was exported; left out: when it was last changed."`
	Dialect string `placeholder:"NAME" help:"Which system wrote the file; left out: found by the header."`
	Map     string `placeholder:"FIELD=COLUMN,…" help:"Which column holds which field, for files of no known dialect: at least number and status."`
	Brand   string `placeholder:"ID" help:"The brand of rows that name none."`
	Purpose string `placeholder:"ID" help:"The purpose of rows that name none."`
	Channel string `placeholder:"NAME" help:"The channel of rows that name none: sms, whatsapp, voice_live, voice_auto."`
	Region  string `placeholder:"CC" help:"The country of numbers without a country code, such as US."`
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (reconcileCmd) Help() string {
	return `Holds what another system says of each number against the ledger. People of whom it says yes, and who said no here or are not known here, are told of first.

--repair never turns a no into a yes here: it tells the system again how matters stand, and records each no that it holds. Numbers that nobody here knows are left as they are.

The exit code is 1 if people are treated otherwise there than here.

Examples:
  consentline reconcile crm --out differences.csv
  consentline reconcile crm --file contacts.csv --map 'number=Phone,status=SMS consent' --brand default --purpose marketing --channel sms
  consentline reconcile crm --repair`
}

type wireReconciliation struct {
	Rows     int64            `json:"rows"`
	Counts   map[string]int64 `json:"counts"`
	InStep   bool             `json:"in_step"`
	Repaired *struct {
		ToldAgain int `json:"told_again"`
		TakenIn   int `json:"taken_in"`
		Left      int `json:"left"`
	} `json:"repaired"`
	Samples []struct {
		Difference string `json:"difference"`
		Number     string `json:"number"`
		Brand      string `json:"brand"`
		Purpose    string `json:"purpose"`
		Channel    string `json:"channel"`
	} `json:"samples"`
	Flaws []struct {
		Row  int64  `json:"row"`
		Code string `json:"code"`
	} `json:"malformed_rows"`
}

// Run compares a destination with the ledger.
func (c *reconcileCmd) Run(ctx context.Context, a *App) (err error) {
	r := request{method: http.MethodPost, accept: "application/json", header: map[string]string{}}
	query, err := c.query()
	if err != nil {
		return err
	}
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if query.Get("as_of") == "" {
			query.Set("as_of", info.ModTime().UTC().Format(time.RFC3339Nano))
		}
		bar := a.newProgress("reconcile", info.Size(), "bytes")
		defer bar.finish()
		r.contentType, r.body = "text/csv", &counting{Reader: f, bar: bar}
	}
	if c.Out != "" {
		r.accept = "text/csv"
	}
	if c.Reason != "" {
		r.header["Consentline-Reason"] = c.Reason
	}
	r.path = destinationPath(c.Destination) + "/reconciliations?" + query.Encode()
	raw, err := c.send(ctx, a, r)
	if err != nil {
		return err
	}
	var out wireReconciliation
	if err := json.Unmarshal(raw, &out); err != nil {
		return fmt.Errorf("read the outcome: %w", err)
	}
	if c.JSON {
		err = writeJSON(a.Out, raw)
	} else {
		err = out.write(a)
	}
	if err == nil && !out.InStep {
		err = &exitError{code: exitFailed}
	}
	return err
}

func (c *reconcileCmd) query() (url.Values, error) {
	query := url.Values{}
	for name, value := range map[string]string{
		"dialect": c.Dialect, "map": c.Map, "brand": c.Brand, "purpose": c.Purpose, "channel": c.Channel,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if c.Repair {
		query.Set("repair", "true")
	}
	return query, fileQuery(query, "", c.Region, "as_of", c.AsOf)
}

// send returns the outcome, which stands beside the differences if those are written to a file.
func (c *reconcileCmd) send(ctx context.Context, a *App, r request) (raw json.RawMessage, err error) {
	conn, err := c.connect(ctx, a, mustExist)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	answer, err := conn.do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if c.Out == "" {
		return io.ReadAll(answer.Body)
	}
	err = a.writeOutput(c.Out, func(out io.Writer) error {
		_, err := io.Copy(out, answer.Body)
		return err
	})
	return json.RawMessage(answer.Header.Get("Consentline-Reconciliation")), err
}

func (r *wireReconciliation) write(a *App) error {
	t := newTable(a.Out)
	t.row("rows", r.Rows)
	for _, one := range []struct{ name, text string }{
		{"yes_there_no_here", "yes there, no here"}, {"yes_there_unknown_here", "yes there, unknown here"}, {"no_there_yes_here", "no there, yes here"},
		{"missing_there", "missing there"}, {"no_there_unknown_here", "no there, unknown here"}, {"changed_since", "changed since"},
		{"malformed", "malformed"}, {"not_concerned", "not concerned"}, {"agreed", "agreed"},
	} {
		t.row(one.text, r.Counts[one.name])
	}
	if r.Repaired != nil {
		t.row("told again", r.Repaired.ToldAgain)
		t.row("taken in", r.Repaired.TakenIn)
		t.row("left as they are", r.Repaired.Left)
	}
	for _, s := range r.Samples {
		t.row(s.Difference, s.Number, s.Brand+"/"+s.Purpose+"/"+s.Channel)
	}
	for _, f := range r.Flaws {
		t.row("malformed", "row "+strconv.FormatInt(f.Row, 10), f.Code)
	}
	return t.flush()
}
