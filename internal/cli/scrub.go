package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
)

type scrubCmd struct {
	File string `arg:"" help:"A CSV file with a header row, or NDJSON by its name; - is standard input."`
	scopeFlags
	Column string `placeholder:"NAME" help:"The column that holds the number; left out: found by its name."`
	Prefix string `placeholder:"TEXT" help:"Put before the names of the added columns, such as consent_, for files that have columns of these names."`
	Region string `placeholder:"CC" help:"The country of numbers without a country code, such as US."`
	At     string `placeholder:"TIME" help:"Ask as of this moment; left out: now."`
	Output string `short:"o" placeholder:"FILE" help:"Where to write the rows; left out: standard output. It appears only when it is complete."`
	NDJSON bool   `name:"ndjson" help:"The input is NDJSON, whatever its name."`
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (scrubCmd) Help() string {
	return `The same rows come back, with the columns verdict, reason and next_allowed_at. Rows without a number are marked invalid and kept. With --json the output is NDJSON in and out, and the input must be, too.

A verdict is as old as the file: scrub shortly before sending, and check each number as you send.

Examples:
  consentline scrub audience.csv --purpose marketing --channel sms -o scrubbed.csv
  consentline scrub - --purpose marketing --channel sms < audience.csv | grep ',allow,'`
}

// Run streams the file through the server.
func (c *scrubCmd) Run(ctx context.Context, a *App) (err error) {
	kind := fileType(c.File)
	if c.NDJSON || c.JSON {
		kind = "application/x-ndjson"
	}
	query := url.Values{"brand": {c.scopeFlags.Brand}, "purpose": {c.Purpose}, "channel": {c.Channel}}
	if c.Prefix != "" {
		query.Set("prefix", c.Prefix)
	}
	if err := fileQuery(query, c.Column, c.Region, "at", c.At); err != nil {
		return err
	}
	in, size, err := openInput(a, c.File)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	defer in.Close()
	conn, err := c.connect(ctx, a, mustExist)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	bar := a.newProgress("scrub", size, "bytes")
	answer, err := conn.do(ctx, request{
		method: http.MethodPost, path: "/v1/scrubs?" + query.Encode(), contentType: kind, accept: kind, body: &counting{Reader: in, bar: bar},
	})
	if err != nil {
		bar.finish()
		return err
	}
	defer answer.Body.Close()
	err = a.writeOutput(c.Output, func(out io.Writer) error {
		_, err := io.Copy(out, answer.Body)
		return err
	})
	bar.finish()
	if err != nil {
		return fmt.Errorf("the scrub is not complete: %w", err)
	}
	return nil
}

// fileQuery adds what a file needs beside its content: which column, which region, and which moment under what name.
func fileQuery(query url.Values, column, region, moment, at string) error {
	for name, value := range map[string]string{"column": column, "region": region} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var text string
	if err := read(moment, at, normalMoment, &text); err != nil {
		return &exitError{exitUsage, err}
	}
	if text != "" {
		query.Set(moment, text)
	}
	return nil
}

// writeOutput writes to a file, which appears when it is complete, or to standard output where no file is named.
func (a *App) writeOutput(path string, write func(io.Writer) error) (err error) {
	if path == "" || path == "-" {
		return write(a.Out)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.partial") // mode 0600: it may hold numbers
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(write(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
