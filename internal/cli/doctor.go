package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/verify"
)

type doctorCmd struct {
	Data      string `default:"./consentline-data" env:"CONSENTLINE_DATA" placeholder:"DIR" help:"The data directory to look at."`
	Database  string `env:"CONSENTLINE_DATABASE" placeholder:"URL" help:"The PostgreSQL database of a node, to be looked at where its server does not run."`
	MasterKey string `env:"CONSENTLINE_MASTER_KEY" placeholder:"FILE" help:"The key file that all nodes share. Left out: master.key in the data directory."`
	Full      bool   `help:"Verify the whole public log, not only its last stretch."`
	jsonFlag
}

// Help implements kong.HelpProvider.
func (doctorCmd) Help() string {
	return `Looks at the directory and its files, the disk, the clock, the server or the database, the index, and the public log, and says what to do about what is wrong. It changes nothing but a probe file, which it removes. The exit code is 1 if anything is wrong.

Stop the server for the checks that need the database to themselves.

Examples:
  consentline doctor --data /var/lib/consentline
  consentline doctor --data /var/lib/consentline --database postgres://consentline_node@db/consentline --master-key /etc/consentline/master.key
  consentline doctor --json`
}

// finding is what one examination found.
type finding struct {
	Name   string `json:"name"`
	State  string `json:"state"` // ok, warning, wrong or skipped
	Detail string `json:"detail,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

const (
	stateOK      = "ok"
	stateWarning = "warning"
	stateWrong   = "wrong"
	stateSkipped = "skipped"
)

func good(name, format string, args ...any) finding {
	return finding{Name: name, State: stateOK, Detail: fmt.Sprintf(format, args...)}
}

func wrong(name string, problem any, remedy string) finding {
	return finding{name, stateWrong, fmt.Sprint(problem), remedy}
}

// examination is the doctor's round over one data directory.
type examination struct {
	cmd      *doctorCmd
	app      *App
	dir      string
	findings []finding
}

// Run examines, tells, and fails if anything is wrong.
func (c *doctorCmd) Run(ctx context.Context, a *App) error {
	if _, err := os.Stat(c.Data); errors.Is(err, fs.ErrNotExist) {
		return &exitError{exitUsage, fmt.Errorf("there is no data directory %s: name the server's with --data", c.Data)}
	} else if err != nil {
		return &exitError{exitUsage, err}
	}
	e := &examination{cmd: c, app: a, dir: c.Data}
	e.add(e.directory(), e.keyFile(), e.disk(), e.sync())
	e.ledger(ctx)
	if err := e.tell(); err != nil {
		return err
	}
	for _, f := range e.findings {
		if f.State == stateWrong {
			return &exitError{code: exitFailed}
		}
	}
	return nil
}

func (e *examination) add(f ...finding) { e.findings = append(e.findings, f...) }

func (e *examination) tell() error {
	if e.cmd.JSON {
		return json.NewEncoder(e.app.Out).Encode(map[string]any{"data": e.dir, "findings": e.findings})
	}
	t := newTable(e.app.Out)
	for _, f := range e.findings {
		t.row(f.State, f.Name, f.Detail)
		if f.Remedy != "" {
			t.row("", "", "→ "+f.Remedy)
		}
	}
	return t.flush()
}

func (e *examination) directory() finding {
	const name = "data directory"
	info, err := os.Stat(e.dir)
	switch {
	case err != nil:
		return wrong(name, err, "")
	case !info.IsDir():
		return wrong(name, e.dir+" is no directory", "name the directory that the server was started with")
	case info.Mode().Perm()&0o077 != 0:
		return finding{name, stateWarning, fmt.Sprintf("others may enter %s (mode %04o)", e.dir, info.Mode().Perm()), "chmod 700 " + e.dir}
	}
	return good(name, "%s, mode %04o", e.dir, info.Mode().Perm())
}

func (e *examination) keyFile() finding {
	const name = "master key"
	path := filepath.Join(e.dir, "master.key")
	if e.cmd.MasterKey != "" {
		path = e.cmd.MasterKey
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wrong(name, "there is none", "put "+path+" back from its backup, without it the data cannot be read; or name the file that the nodes share with --master-key")
	case err != nil:
		return wrong(name, err, "")
	case info.Mode().Perm()&0o077 != 0:
		return wrong(name, fmt.Sprintf("others may read it (mode %04o)", info.Mode().Perm()), "chmod 600 "+path)
	}
	return good(name, "mode %04o; keep a copy of it away from the copies of the database", info.Mode().Perm())
}

// The disk must have room for the write-ahead log and for growth; below this it is time to act.
const (
	lowSpace = 1 << 30
	noSpace  = 64 << 20
)

func (e *examination) disk() finding {
	const name, remedy = "disk space", "free space on the disk, or move the data directory to a larger one"
	free, err := freeSpace(e.dir)
	switch {
	case err != nil:
		return wrong(name, err, "")
	case free < noSpace:
		return wrong(name, fmt.Sprintf("%s MB are free", count(free>>20)), remedy)
	case free < lowSpace:
		return finding{name, stateWarning, fmt.Sprintf("%s MB are free", count(free>>20)), remedy}
	}
	return good(name, "%s MB are free", count(free>>20))
}

// implausibleSync is faster than a disk can confirm that anything is on it: whoever answers so fast has not written yet.
const implausibleSync = 20 * time.Microsecond

// sync writes and syncs a small file a few times: what each acknowledged act costs, and whether the disk means it.
func (e *examination) sync() finding {
	const name, rounds = "fsync", 16
	f, err := os.CreateTemp(e.dir, ".doctor-*")
	if err != nil {
		return wrong(name, err, "let the owner of the directory write in it")
	}
	defer os.Remove(f.Name())
	defer f.Close()
	began := e.app.Now()
	for range rounds {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return wrong(name, err, "")
		}
		if err := f.Sync(); err != nil {
			return wrong(name, err, "the disk refuses to confirm writes: replace it, or mount it otherwise")
		}
	}
	each := e.app.Now().Sub(began) / rounds
	if each < implausibleSync {
		return finding{name, stateWarning, fmt.Sprintf("%s a write", each), "so fast a disk may confirm what it has not written: a power cut would lose acknowledged acts (memory file systems and some virtual disks do)"}
	}
	return good(name, "%s a write", each.Round(time.Microsecond))
}

// ledger looks through the server, if one runs, or opens the directory.
func (e *examination) ledger(ctx context.Context) {
	t := target{Data: e.dir}
	if e.cmd.Database != "" {
		conn, ok := t.throughSocket(ctx)
		if !ok {
			e.add(finding{Name: "server", State: stateSkipped, Detail: "none runs on this directory"})
			e.database(ctx)
			return
		}
		if err := conn.close(); err != nil {
			e.add(wrong("socket", err, ""))
		}
	}
	conn, err := t.connect(ctx, e.app, mustExist)
	if err != nil {
		e.add(wrong("open", err, ""))
		return
	}
	defer func() {
		if err := conn.close(); err != nil {
			e.add(wrong("close", err, ""))
		}
	}()
	if conn.server == nil {
		e.add(good("server", "one runs on this directory and answers on its socket"), e.socket(), e.address(ctx), e.ready(ctx, conn),
			finding{Name: "database", State: stateSkipped, Detail: "it belongs to the server, which asserted its settings at start"})
	} else {
		e.add(finding{Name: "server", State: stateSkipped, Detail: "none runs on this directory"})
		e.inside(ctx, conn.server)
	}
	e.add(e.log(ctx, conn))
}

func (e *examination) socket() finding {
	const name = "socket"
	path := filepath.Join(e.dir, server.SocketName)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return wrong(name, err, "start the server again")
	case info.Mode().Perm()&0o077 != 0:
		return wrong(name, fmt.Sprintf("others may use it (mode %04o), and would act as its owner", info.Mode().Perm()), "chmod 600 "+path)
	}
	return good(name, "mode %04o", info.Mode().Perm())
}

// address asks whether the server answers where it said that it listens.
func (e *examination) address(ctx context.Context) finding {
	const name, remedy = "address", "look for what else uses the port, or for a firewall; then start the server again"
	o, ok := ownerOf(e.dir)
	if !ok || o.Listen == "" {
		return finding{Name: name, State: stateSkipped, Detail: "the server has not written down where it listens"}
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	c := &client{http: http.DefaultClient, base: "http://" + o.Listen, where: o.Listen}
	if _, err := c.readiness(ctx); err != nil {
		return wrong(name, err, remedy)
	}
	return good(name, "it answers on %s", o.Listen)
}

// probeTime is how long the server may take to answer on its own machine.
const probeTime = 5 * time.Second

func (e *examination) ready(ctx context.Context, conn *connection) finding {
	const name = "readiness"
	r, err := conn.readiness(ctx)
	switch {
	case err != nil:
		return wrong(name, err, "look into the server's log")
	case !r.Ready:
		return wrong(name, strings.Join(r.Why, "; "), "look into the server's log; if it lasts, start the server again")
	}
	return good(name, "the index is loaded and fresh, at entry %d", r.Head)
}

// inside looks at the opened directory.
func (e *examination) inside(ctx context.Context, s *server.Server) {
	in, err := s.Inspect(ctx)
	if err != nil {
		e.add(wrong("database", err, "restore the directory from a backup if it stays so"))
		return
	}
	e.add(good("database", "%s, journal_mode=%s, synchronous=FULL asserted", in.Database, in.Settings["journal_mode"]), schemaOf(in), e.clock(in), indexOf(in))
}

func schemaOf(in server.Inspection) finding {
	if want := server.SchemaVersion(); in.Schema != want {
		return wrong("schema", fmt.Sprintf("%d, and this program wants %d", in.Schema, want), "use the release of consentline that fits")
	}
	return good("schema", "%d", in.Schema)
}

// clockSkew is how far behind the last entry the clock may be before it is wrong: the ledger then dates entries alike.
const clockSkew = time.Minute

func (e *examination) clock(in server.Inspection) finding {
	const name = "clock"
	now := e.app.Now()
	if in.Head == 0 {
		return good(name, "%s; there is no entry to compare it with", localTime(now))
	}
	if behind := in.RecordedAt.Sub(now); behind > clockSkew {
		return wrong(name, fmt.Sprintf("it is %s behind the last entry", behind.Round(time.Second)), "set the clock; until it has caught up, entries bear the time of the last one")
	}
	return good(name, "%s; the last entry is of %s", localTime(now), localTime(in.RecordedAt))
}

func indexOf(in server.Inspection) finding {
	const name, remedy = "index", "start again, which loads it anew; if it stays so, restore the directory from a backup"
	switch {
	case len(in.Differing) > 0:
		return wrong(name, fmt.Sprintf("it differs from the records that rest on entries %v", in.Differing), remedy)
	case in.Indexed < in.Head:
		return wrong(name, fmt.Sprintf("it is at entry %d of %d", in.Indexed, in.Head), remedy)
	}
	return good(name, "%s of %s records compared, all alike", count(in.Compared), count(in.Records))
}

// logTail is how many entries of the public log are verified when not all are asked for; it takes about a second.
const logTail = 100_000

func (e *examination) log(ctx context.Context, conn *connection) finding {
	const name = "public log"
	if err := conn.settle(ctx); err != nil {
		return wrong(name, err, "")
	}
	prefix, err := url.Parse(conn.base + logPath)
	if err != nil {
		return wrong(name, err, "")
	}
	src := verify.Web{Prefix: prefix, Client: conn.http}
	key, err := conn.verifierKey(ctx)
	if err != nil {
		return wrong(name, err, "")
	}
	policy, err := policyOf("", key)
	if err != nil {
		return wrong(name, err, "")
	}
	if !e.cmd.Full {
		if f, done := e.tail(ctx, src, policy); done {
			return f
		}
	}
	report, err := verify.Audit{Source: src, Policy: policy}.Run(ctx)
	if err != nil {
		return wrong(name, err, "keep a copy of the directory and restore it from a backup: the log does not say what was signed")
	}
	return good(name, "%s entries verified up to the head", count(report.Entries))
}

// tail verifies the checkpoint and the inclusion of the last entries of a large log; a small one is verified whole.
func (e *examination) tail(ctx context.Context, src verify.Source, policy *verify.Policy) (finding, bool) {
	const name, samples = "public log", 64
	signed, err := src.Fetch(ctx, verify.CheckpointPath)
	if err != nil {
		return wrong(name, err, "look into the server's log: it should sign checkpoints once a second"), true
	}
	checkpoint, err := policy.OpenCheckpoint(signed)
	if err != nil {
		return wrong(name, err, ""), true
	}
	if checkpoint.Size <= logTail {
		return finding{}, false
	}
	for i := range int64(samples) {
		if _, err := verify.ProveInclusion(ctx, src, checkpoint.Tree(), checkpoint.Size-1-i*(logTail/samples)); err != nil {
			return wrong(name, err, "run it with --full to find the first entry that does not fit"), true
		}
	}
	return good(name, "checkpoint of %s entries verified, and %d of the last %s in it; --full verifies all", count(checkpoint.Size), samples, count(logTail)), true
}
