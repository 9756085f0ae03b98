package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

type listsCmd struct {
	List    listsListCmd    `cmd:"" help:"List the suppression lists."`
	Show    listsShowCmd    `cmd:"" help:"Show what is known of a list."`
	Create  listsCreateCmd  `cmd:"" help:"Define a new list, without members."`
	Add     listsAddCmd     `cmd:"" help:"Put numbers on a list."`
	Remove  listsRemoveCmd  `cmd:"" help:"Take numbers from a list."`
	Replace listsReplaceCmd `cmd:"" help:"Put a whole file in the place of a list's members."`
}

// Help implements kong.HelpProvider.
func (listsCmd) Help() string {
	return `A number on a suppression list is not contacted, whatever consent says. A list with a maximum age that has grown older denies every contact it applies to, until it is loaded anew.`
}

// wireList is a suppression list as the interface tells of it.
type wireList struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	Kind          string     `json:"kind"`
	Brand         string     `json:"brand,omitempty"`
	Source        string     `json:"source,omitempty"`
	AsOf          *time.Time `json:"as_of,omitempty"`
	MaxAgeSeconds int64      `json:"max_age_seconds,omitempty"`
	Registry      string     `json:"registry,omitempty"`
	Covers        []string   `json:"covers,omitempty"`
	Members       int        `json:"members"`
	State         string     `json:"state"`
	StaleAt       *time.Time `json:"stale_at,omitempty"`
}

func (l *wireList) print(a *App) error {
	t := newTable(a.Out)
	t.pair("list", l.ID)
	t.pair("name", l.Name)
	t.pair("kind", l.Kind)
	t.pair("holds for", l.brand())
	t.pair("source", l.Source)
	if l.AsOf != nil {
		t.pair("as of", localTime(*l.AsOf))
	}
	if l.MaxAgeSeconds > 0 {
		t.pair("maximum age", time.Duration(l.MaxAgeSeconds)*time.Second)
	}
	if l.Registry != "" {
		t.pair("answers for", l.Registry)
		t.pair("tells of", l.covers())
	}
	t.pair("state", l.state())
	t.pair("members", count(l.Members))
	return t.flush()
}

func (l *wireList) brand() string {
	if l.Brand == "" {
		return "all brands"
	}
	return l.Brand
}

func (l *wireList) covers() string {
	if len(l.Covers) == 0 {
		return "all numbers"
	}
	return "numbers that begin with +" + strings.Join(l.Covers, ", +")
}

func (l *wireList) state() string {
	if l.StaleAt == nil {
		return l.State
	}
	if l.State == "stale" {
		return "stale since " + localTime(*l.StaleAt)
	}
	return l.State + " until " + localTime(*l.StaleAt)
}

type listsListCmd struct {
	target
	jsonFlag
}

// Run lists the lists.
func (c *listsListCmd) Run(ctx context.Context, a *App) error {
	t := newTable(a.Out)
	if !c.JSON {
		t.row("ID", "KIND", "HOLDS FOR", "MEMBERS", "STATE", "NAME")
	}
	err := c.each(ctx, a, "/v1/lists", func(raw json.RawMessage) error {
		if c.JSON {
			return writeJSON(a.Out, raw)
		}
		var l wireList
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		t.row(l.ID, l.Kind, l.brand(), count(l.Members), l.state(), l.Name)
		return nil
	})
	return errors.Join(err, t.flush())
}

type listsShowCmd struct {
	ID string `arg:"" help:"The list's id."`
	target
	jsonFlag
}

// Run shows one list.
func (c *listsShowCmd) Run(ctx context.Context, a *App) error {
	return c.tellList(ctx, a, c.JSON, mustExist, http.MethodGet, listPath(c.ID), nil)
}

func listPath(id string) string { return "/v1/lists/" + url.PathEscape(id) }

func (t *target) tellList(ctx context.Context, a *App, asJSON bool, o opening, method, path string, body any) error {
	var l wireList
	raw, err := t.ask(ctx, a, o, method, path, body, &l)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(a.Out, raw)
	}
	return l.print(a)
}

type listsCreateCmd struct {
	ID     string        `arg:"" help:"The list's id: a-z, 0-9, dot, dash, underscore."`
	Name   string        `required:"" placeholder:"TEXT" help:"Its name, for people."`
	Kind   string        `required:"" enum:"own,national_registry,reassigned,litigant,complaint,provider_opt_out,other" placeholder:"KIND" help:"What kind of list it is: ${enum}."`
	Brand  string        `placeholder:"ID" help:"The brand for which it holds; left out: all brands."`
	Source string        `placeholder:"TEXT" help:"Where its members come from."`
	AsOf   string        `placeholder:"TIME" help:"The moment whose truth its members are; left out: now."`
	MaxAge time.Duration `placeholder:"DURATION" help:"How old it may grow before it denies every contact, such as 744h for 31 days; left out: any age."`

	Registry string   `placeholder:"ID" help:"The registry of which it is a copy, by the id that rules give it, such as us.ndnc: where a rule asks it, the list answers."`
	Covers   []string `placeholder:"PREFIX" help:"Of the copy of a registry: the beginnings of the numbers that it tells of, such as 1212; left out: all."`
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (listsCreateCmd) Help() string {
	return `Example:
  consentline lists create us-registry --name "National Do Not Call Registry" --kind national_registry --registry us.ndnc --covers 1202,1212`
}

// Run defines the list.
func (c *listsCreateCmd) Run(ctx context.Context, a *App) error {
	body := map[string]any{
		"id": c.ID, "name": c.Name, "kind": c.Kind, "brand": c.Brand, "source": c.Source, "max_age_seconds": int64(c.MaxAge / time.Second),
		"registry": c.Registry, "covers": c.Covers,
	}
	if c.AsOf != "" {
		at, err := normalMoment(c.AsOf)
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("--as-of: %w", err)}
		}
		body["as_of"] = at
	}
	return c.tellList(ctx, a, c.JSON, mayCreate, http.MethodPost, "/v1/lists", body)
}

type listsAddCmd struct {
	ID      string   `arg:"" help:"The list's id."`
	Numbers []string `arg:"" name:"number" help:"The numbers, with a plus sign and the country code, or as people write them with --region."`
	Region  string   `placeholder:"CC" help:"The country of numbers without a country code, such as US."`
	target
	jsonFlag
}

// Run adds the numbers.
func (c *listsAddCmd) Run(ctx context.Context, a *App) error {
	return c.changeMembers(ctx, a, c.JSON, c.ID, map[string]any{"add": c.Numbers, "region": c.Region})
}

type listsRemoveCmd struct {
	ID      string   `arg:"" help:"The list's id."`
	Numbers []string `arg:"" name:"number" help:"The numbers."`
	Region  string   `placeholder:"CC" help:"The country of numbers without a country code, such as US."`
	target
	jsonFlag
}

// Run removes the numbers.
func (c *listsRemoveCmd) Run(ctx context.Context, a *App) error {
	return c.changeMembers(ctx, a, c.JSON, c.ID, map[string]any{"remove": c.Numbers, "region": c.Region})
}

// wireMembers is what a change of members came to.
type wireMembers struct {
	List    wireList `json:"list"`
	Added   int      `json:"added"`
	Removed int      `json:"removed"`
}

func (t *target) changeMembers(ctx context.Context, a *App, asJSON bool, id string, body any) error {
	var out wireMembers
	raw, err := t.ask(ctx, a, mustExist, http.MethodPost, listPath(id)+"/members", body, &out)
	if err != nil {
		return err
	}
	return out.tell(a, asJSON, raw)
}

func (m *wireMembers) tell(a *App, asJSON bool, raw json.RawMessage) error {
	if asJSON {
		return writeJSON(a.Out, raw)
	}
	_, err := fmt.Fprintf(a.Out, "%s added, %s removed: list %s has %s members.\n", count(m.Added), count(m.Removed), printable(m.List.ID), count(m.List.Members))
	return err
}

type listsReplaceCmd struct {
	ID     string `arg:"" help:"The list's id."`
	File   string `arg:"" type:"existingfile" help:"A CSV file with or without a header row, or NDJSON with one number in quotes a line."`
	Column string `placeholder:"NAME" help:"The CSV column that holds the number; left out: found by its name."`
	Region string `placeholder:"CC" help:"The country of numbers without a country code, such as US."`
	AsOf   string `placeholder:"TIME" help:"The moment whose truth the file is; left out: now."`
	target
	jsonFlag
}

// Help implements kong.HelpProvider.
func (listsReplaceCmd) Help() string {
	return `The list is replaced as a whole or not at all: until the answer comes, the old members stand. A file with a row that holds no number is refused.

Example:
  consentline lists replace us-registry download.csv --as-of 2026-03-01`
}

// Run sends the file.
func (c *listsReplaceCmd) Run(ctx context.Context, a *App) (err error) {
	query := url.Values{}
	if err := fileQuery(query, c.Column, c.Region, "as_of", c.AsOf); err != nil {
		return err
	}
	body, size, err := openInput(a, c.File)
	if err != nil {
		return err
	}
	defer body.Close()
	conn, err := c.connect(ctx, a, mustExist)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	bar := a.newProgress("send", size, "bytes")
	defer bar.finish()
	answer, err := conn.do(ctx, request{
		method: http.MethodPut, path: listPath(c.ID) + "/members?" + query.Encode(), contentType: fileType(c.File), body: &counting{Reader: body, bar: bar},
	})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	var out wireMembers
	if err := json.Unmarshal(raw, &out); err != nil {
		return err
	}
	return out.tell(a, c.JSON, raw)
}

// fileType is a file's media type by its name: NDJSON, or else CSV.
func fileType(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".ndjson", ".jsonl", ".json":
		return "application/x-ndjson"
	}
	return mime.FormatMediaType("text/csv", nil)
}

// openInput opens a file, or standard input for -, and tells its size; -1 if it is not known.
func openInput(a *App, path string) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(a.In), -1, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	if !info.Mode().IsRegular() {
		return f, -1, nil
	}
	return f, info.Size(), nil
}

// counting shows how much of a body was read.
type counting struct {
	io.Reader
	bar  *progress
	read int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += int64(n)
	c.bar.at(c.read, c.read)
	return n, err
}
