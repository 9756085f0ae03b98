package server

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/relocation"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/vault"
)

// TransferConfig says what is carried where: each a data directory or the address of a PostgreSQL database.
type TransferConfig struct {
	From, To string

	// MasterKeyFile is the deployment's key; empty: master.key in the directory From, else in the directory To.
	MasterKeyFile string

	Now      func() time.Time
	Progress func(step relocation.Step, table string, n int64) // nil: nobody listens
}

// Transferred is what a transfer has carried, and where the key is that the copy needs.
type Transferred struct {
	relocation.Result
	MasterKeyFile string `json:"master_key"`
	RulesFolder   string `json:"rules,omitempty"` // of the original, which the new place needs as well
}

// RunningError says that somebody still runs on the database that is to be transferred.
type RunningError struct {
	Place string
	Conns int
}

func (e *RunningError) Error() string {
	return fmt.Sprintf("%s is in use: %d connections of consentline are open on it; stop its servers and transfer again", e.Place, e.Conns)
}

// Transfer carries a whole deployment, verifies the copy, and closes the original. It goes on with a transfer that was
// interrupted. The original keeps all its data.
func Transfer(ctx context.Context, c TransferConfig) (out Transferred, err error) {
	if c.From == "" || c.To == "" || sameEnd(c.From, c.To) {
		return out, errors.New("a transfer leads from one place to another: each a data directory or postgres://user@host/database")
	}
	from, err := openEnd(ctx, c.From, mustExist)
	if err != nil {
		return out, fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, from.close()) }()
	if err := from.quiet(ctx); err != nil {
		return out, err
	}
	master, keys, err := c.master()
	if err != nil {
		return out, err
	}
	if err := ledger.CheckKey(ctx, from.DB, keys); err != nil {
		return out, err
	}
	to, err := openEnd(ctx, c.To, mayBeMade)
	if err != nil {
		return out, fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, to.close()) }()
	if err := errors.Join(to.quiet(ctx), from.schemaFits(ctx), to.schemaFits(ctx)); err != nil {
		return out, err
	}
	if err := store.Migrate(ctx, to.DB); err != nil { // of a database without a ledger: anything else fits, or was refused
		return out, err
	}
	config := relocation.Config{From: from.Place, To: to.Place, Vault: keys, Now: c.Now, Progress: c.Progress}
	if pg, ok := to.DB.(*postgres.DB); ok {
		config.Room = pg.Room
	}
	if out.MasterKeyFile, err = to.takeKey(master, c.keyFile()); err != nil {
		return out, err
	}
	if rules := filepath.Join(c.From, "rules"); from.dir != "" && isThere(rules) {
		out.RulesFolder = rules
	}
	out.Result, err = relocation.Run(ctx, config)
	return out, err
}

// Abandon gives up a transfer that began at a place, which may then be served again. It returns where it led.
func Abandon(ctx context.Context, from string) (other string, err error) {
	e, err := openEnd(ctx, from, mustExist)
	if err != nil {
		return "", fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, e.close()) }()
	return relocation.Abandon(ctx, e.Place)
}

func sameEnd(a, b string) bool {
	if IsAddress(a) || IsAddress(b) {
		return placeName(a) == placeName(b)
	}
	left, errLeft := filepath.Abs(a)
	right, errRight := filepath.Abs(b)
	return errLeft == nil && errRight == nil && left == right
}

// keyFile is where the deployment's master key is read from.
func (c TransferConfig) keyFile() string {
	switch {
	case c.MasterKeyFile != "":
		return c.MasterKeyFile
	case !IsAddress(c.From):
		return filepath.Join(c.From, "master.key")
	case !IsAddress(c.To):
		return filepath.Join(c.To, "master.key")
	}
	return ""
}

func (c TransferConfig) master() ([]byte, *vault.Vault, error) {
	path := c.keyFile()
	if path == "" {
		return nil, nil, errors.New("the deployment's master key is needed: name its file with --master-key")
	}
	master, err := vault.ReadKeyFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%w; name the deployment's key file with --master-key", err)
	}
	keys, err := vault.Open(master)
	return master, keys, err
}

// end is one end of a transfer, held for as long as it lasts.
type end struct {
	relocation.Place
	dir  string // empty: the database is PostgreSQL
	lock *dirLock
}

type presence bool

const (
	mustExist presence = true
	mayBeMade presence = false
)

func openEnd(ctx context.Context, where string, p presence) (e *end, err error) {
	e = &end{Place: relocation.Place{Name: placeName(where)}}
	if IsAddress(where) {
		db, err := postgres.Open(ctx, postgres.Config{URL: where, Name: "consentline transfer", Timeout: migrationPatience})
		if err != nil {
			return nil, err
		}
		e.DB = db
		return e, nil
	}
	e.dir = where
	file := filepath.Join(where, "consentline.db")
	if p == mustExist && !isThere(file) {
		return nil, fmt.Errorf("%w in %s", ErrNoLedger, where)
	}
	if err := os.MkdirAll(where, 0o700); err != nil {
		return nil, err
	}
	if e.lock, err = lockDir(where); err != nil {
		return nil, err
	}
	if e.DB, err = openStore(ctx, "", file, 0); err != nil {
		return nil, errors.Join(err, e.lock.release())
	}
	return e, nil
}

// placeName is how a place is called in texts and in the other database: without user, password and parameters.
func placeName(where string) string {
	if !IsAddress(where) {
		if path, err := filepath.Abs(where); err == nil {
			return path
		}
		return where
	}
	u, err := url.Parse(where)
	if err != nil {
		return "a PostgreSQL database"
	}
	name := "postgres://" + u.Host + u.Path
	q := u.Query()
	for _, key := range []string{"host", "search_path"} {
		if v := q.Get(key); v != "" {
			name += " " + key + "=" + v
		}
	}
	return strings.TrimSpace(name)
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// quiet refuses a database on which nodes still run; on a directory the lock has done so.
func (e *end) quiet(ctx context.Context) error {
	pg, ok := e.DB.(*postgres.DB)
	if !ok {
		return nil
	}
	for looks := 1; ; looks++ {
		n, err := pg.Others(ctx)
		switch {
		case err != nil || n == 0:
			return err
		case looks == 20: // the database lets go of a server's connections a moment after the server has ended
			return &RunningError{e.Name, n}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// schemaFits refuses a ledger whose schema is not this program's, since its tables are others. Where there is no ledger
// yet, a transfer may have been interrupted while it made the tables.
func (e *end) schemaFits(ctx context.Context) error {
	version, err := store.SchemaOf(ctx, e.DB)
	if err != nil || version == store.LatestSchema() {
		return err
	}
	if version > store.LatestSchema() {
		return &store.NewerSchemaError{Database: version, Program: store.LatestSchema()}
	}
	if name, err := ledger.DeploymentOf(ctx, e.DB); err != nil || name == "" {
		return err
	}
	return fmt.Errorf("%s has schema %d, this program has %d: bring it up to date with consentline migrate of the same release first", e.Name, version, store.LatestSchema())
}

// takeKey puts the key where the copy will look for it, unless it is there, and returns its path. A database has no
// place for a key: its nodes go on with the file that there is.
func (e *end) takeKey(master []byte, path string) (string, error) {
	if e.dir == "" {
		return path, nil
	}
	own := filepath.Join(e.dir, "master.key")
	if !isThere(own) {
		return own, vault.WriteKeyFile(own, master)
	}
	there, err := vault.ReadKeyFile(own)
	if err == nil && string(there) != string(master) {
		err = fmt.Errorf("%s is another deployment's: transfer into an empty directory", own)
	}
	return own, err
}

func (e *end) close() error { return errors.Join(e.DB.Close(), e.lock.release()) }
