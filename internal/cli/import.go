package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/transfer"
)

type importCmd struct {
	Files []string `arg:"" type:"existingfile" name:"file" help:"CSV files with a header row."`

	Dialect string `placeholder:"NAME" help:"Which system wrote the files; left out: found by the header."`
	Map     string `placeholder:"FIELD=COLUMN,…" help:"Which column holds which field, for files of no known dialect: at least number and status, or number and --act."`

	Brand      string `placeholder:"ID" help:"The brand of rows that name none."`
	Purpose    string `placeholder:"ID" help:"The purpose of rows that name none."`
	Channel    string `placeholder:"NAME" help:"The channel of rows that name none: sms, whatsapp, voice_live, voice_auto."`
	Act        string `enum:",requested,granted,refused,withdrawn,revoked,expired" default:"" placeholder:"NAME" help:"What every row states, where --map names no status column: requested, granted, refused, withdrawn, revoked or expired."`
	Level      string `placeholder:"NAME" help:"The level of grants that name none: implied, soft_opt_in, express, express_written."`
	Source     string `placeholder:"NAME" help:"The source of rows that name none; left out: import."`
	Region     string `placeholder:"CC" help:"The country of numbers without a country code, such as US."`
	Disclosure string `placeholder:"ID@VERSION" help:"The wording that was shown, where rows name none."`
	Actor      string `placeholder:"NAME" help:"Who acted, where rows name nobody."`

	Brands   map[string]string `placeholder:"NAME=ID;…" help:"What the file's brands are called here."`
	Senders  map[string]string `placeholder:"NAME=ID;…" help:"Which brand each of the file's senders belongs to."`
	Purposes map[string]string `placeholder:"NAME=ID;…" help:"What the file's purposes, lists or groups are called here."`

	Dated     string `placeholder:"TIME" help:"When undated rows happened, such as the day of the export: 2026-03-01 or RFC 3339."`
	DateOrder string `enum:",dmy,mdy" default:"" placeholder:"dmy|mdy" help:"How the file writes dates such as 03/04/2025; left out: learnt from the file."`
	Zone      string `default:"UTC" placeholder:"ZONE" help:"The time zone of times without one, such as Europe/Berlin."`
	UnixTime  bool   `help:"Take whole numbers in date columns for seconds or milliseconds since 1970."`
	Unticked  string `enum:",withdrawn,refused,revoked" default:"" placeholder:"ACT" help:"What an opt-in box that is not ticked means; left out: nothing."`

	DryRun  bool   `help:"Record nothing; tell what would happen."`
	Rejects string `placeholder:"FILE" help:"Where to write the rows that are not taken, with reasons; left out: FILE.rejected.csv."`
	Resume  bool   `default:"true" negatable:"" help:"Go on where a run that was cut short stopped."`

	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (importCmd) Help() string {
	var names []string
	for _, d := range transfer.Dialects() {
		names = append(names, d.Name)
	}
	return `Reads exports of ` + strings.Join(names, ", ") + `, and any other file with --map. Rows that cannot be taken are written to a file with the reason; mend them there or in the original and import again. A row that was imported before, from the same file with the same settings, makes no second entry.

A grant that the file tells over an earlier withdrawal revives nothing: it is recorded as a conflict and the person stays withdrawn.

--dry-run holds each row against what is recorded now, not against the file's other rows. The exit code is 1 if rows were rejected.

Examples:
  consentline import --dry-run customers.csv --brand default --purpose marketing --level express
  consentline import list.csv --map 'number=Phone,status=SMS consent,effective_at=Date' --channel sms --brand default --purpose marketing --level express --region US
  consentline import stops.csv --map number=phone --act withdrawn --channel sms --brand default --purpose marketing`
}

// Run imports the files, one after the other.
func (c *importCmd) Run(ctx context.Context, a *App) (err error) {
	settings, err := c.settings()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if c.Rejects != "" && len(c.Files) > 1 {
		return usage("--rejects names one file, and there are %d to import: leave it out to get one for each", len(c.Files))
	}
	open := mayCreate
	if c.DryRun {
		open = mustExist
	}
	conn, err := c.connect(ctx, a, open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	incomplete := false
	for _, path := range c.Files {
		report, err := c.importFile(ctx, a, conn, path, settings)
		if report != nil {
			if err := c.tell(a, report); err != nil {
				return err
			}
			incomplete = incomplete || report.Rows.Rejected > 0
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if incomplete {
		return &exitError{code: exitFailed}
	}
	return nil
}

// settings reads the flags in the words of the ledger.
func (c *importCmd) settings() (s transfer.Settings, err error) {
	s = transfer.Settings{
		Region: strings.ToUpper(c.Region), Brand: consent.BrandID(c.Brand), Purpose: consent.PurposeID(c.Purpose), Actor: c.Actor, UnixTime: c.UnixTime,
		Brands: named[consent.BrandID](c.Brands), Senders: named[consent.BrandID](c.Senders), Purposes: named[consent.PurposeID](c.Purposes),
	}
	if c.Map != "" && c.Dialect != "" {
		return s, errors.New("give --dialect or --map, not both")
	}
	if c.Act != "" && c.Map == "" {
		return s, errors.New("--act is for files whose columns --map names")
	}
	return s, errors.Join(
		read("channel", c.Channel, consent.ParseChannel, &s.Channel),
		read("level", c.Level, consent.ParseLevel, &s.Level),
		read("source", c.Source, consent.ParseSource, &s.Source),
		read("unticked", c.Unticked, consent.ParseKind, &s.Unticked),
		read("date-order", c.DateOrder, transfer.ParseDateOrder, &s.DateOrder),
		read("zone", c.Zone, time.LoadLocation, &s.Zone),
		read("dated", c.Dated, readMoment, &s.EffectiveAt),
		read("dated", c.Dated, readLatest, &s.EffectiveEnd),
		read("disclosure", c.Disclosure, ledger.ParseDisclosure, new(consent.DisclosureRef)),
	)
}

// read parses a flag that was given.
func read[T any](flag, text string, parse func(string) (T, error), into *T) error {
	if text == "" {
		return nil
	}
	v, err := parse(text)
	if err != nil {
		return fmt.Errorf("--%s: %w", flag, err)
	}
	*into = v
	return nil
}

func named[ID ~string](table map[string]string) map[string]ID {
	if len(table) == 0 {
		return nil
	}
	out := make(map[string]ID, len(table))
	for name, id := range table {
		out[name] = ID(id)
	}
	return out
}

// readMoment reads a moment as people give it on a command line: a day, which begins at midnight UTC, or RFC 3339.
func readMoment(text string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("%q is no time: want a day such as 2026-03-01, or RFC 3339 such as 2026-03-01T14:03:00Z", text)
	}
	return t, nil
}

// readLatest reads the latest moment that such a text can mean: a day ends a microsecond before the next.
func readLatest(text string) (time.Time, error) {
	t, err := readMoment(text)
	if err == nil && len(text) == len(time.DateOnly) {
		t = t.AddDate(0, 0, 1).Add(-time.Microsecond)
	}
	return t, err
}

// latest is when a restriction counts that happened between two moments: as late as it can have happened and be known.
func latest(from, to, known time.Time) time.Time {
	switch {
	case to.Before(known):
		return to
	case known.After(from):
		return known
	}
	return from
}

// actColumn is the column that --act adds to every row: what is not in the file is told as if it were.
const actColumn = "act given on the command line"

// dialect returns how to read a file with this header, and the header to bind it to.
func (c *importCmd) dialect(header []string) (*transfer.Dialect, []string, error) {
	switch {
	case c.Map != "":
		text := c.Map
		if c.Act != "" {
			text += ",status=" + actColumn
			header = append(header, actColumn)
		}
		columns, err := transfer.ParseColumnMap(text)
		if err != nil {
			return nil, nil, &exitError{exitUsage, fmt.Errorf("--map: %w", err)}
		}
		return transfer.Generic(columns), header, nil
	case c.Dialect != "":
		d, err := transfer.DialectByName(c.Dialect)
		if err != nil {
			return nil, nil, &exitError{exitUsage, err}
		}
		return d, header, nil
	}
	d, err := transfer.Detect(header)
	var ambiguous *transfer.AmbiguousHeaderError
	var unknown *transfer.UnknownHeaderError
	switch {
	case errors.As(err, &ambiguous):
		err = usage("%w with --dialect", err)
	case errors.As(err, &unknown):
		err = usage("%w: --map 'number=…,status=…'. The columns are %s", err, strings.Join(header, ", "))
	}
	return d, header, err
}

// plan is what decides, beside the file, which acts its rows state. A run goes on only with the plan it began with.
func (c *importCmd) plan(dialect string) (string, error) {
	text, err := json.Marshal([]any{
		dialect, c.Map, c.Brand, c.Purpose, c.Channel, c.Act, c.Level, c.Source, c.Region, c.Disclosure, c.Actor,
		c.Brands, c.Senders, c.Purposes, c.Dated, c.DateOrder, c.Zone, c.UnixTime, c.Unticked,
	})
	return string(text), err
}

func (c *importCmd) rejectsPath(file string) string {
	switch {
	case c.Rejects != "":
		return c.Rejects
	case c.DryRun:
		return os.DevNull
	}
	return file + ".rejected.csv"
}
