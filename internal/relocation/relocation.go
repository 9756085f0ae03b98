// Package relocation carries a whole deployment from one database to another: every row of every table, then a proof,
// entry by entry, that the copy is the original.
//
// While it runs, and after it, a row in the table transfers of each database says so; nobody appends to or serves a
// database that has one. The row on the copy goes when the copy is whole and verified; the row on the original stays,
// since two copies that are both served would contradict each other. How far each table has come is committed together
// with its rows, so that a transfer that was killed goes on from there when it is run again.
package relocation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// Place is a database with the name that people know it by, which must hold no password.
type Place struct {
	DB   store.DB
	Name string
}

// Config says what is carried where. Both databases must have this program's schema, and nobody may run on them.
type Config struct {
	From, To Place
	Vault    *vault.Vault // of the deployment's master key
	Now      func() time.Time

	// Room makes the target ready for so many entries; nil: it needs nothing. Progress hears how many rows of a table
	// have been copied, or how many entries of "ledger" verified; nil: nobody does.
	Room     func(ctx context.Context, entries uint64) error
	Progress func(step Step, table string, n int64)

	// Chunk is how many rows travel in one transaction; zero means 10,000.
	Chunk int
}

// Step is a part of the work.
type Step string

// The steps, in order.
const (
	Copying   Step = "copy"
	Verifying Step = "verify"
)

// Result tells what a transfer has carried.
type Result struct {
	Deployment string `json:"deployment"`
	Tables     int    `json:"tables"`
	Rows       int64  `json:"rows"`    // in the copy
	Copied     int64  `json:"copied"`  // of those, by this run
	Entries    uint64 `json:"entries"` // each opened and held against its commitment
	Erased     uint64 `json:"erased"`  // of those, that nobody can open any more
	Root       string `json:"root"`    // of the Merkle tree over all entries, in base64
	Checkpoint int64  `json:"checkpoint"`
	Checked    int    `json:"checkpoints"` // that the entries give the root of
}

// OccupiedError says that the target holds something else.
type OccupiedError struct{ Place, What string }

func (e *OccupiedError) Error() string {
	return fmt.Sprintf("%s holds %s: transfer into an empty directory, database or schema", e.Place, e.What)
}

// ErrNothing says that there is no ledger to transfer.
var ErrNothing = errors.New("there is no ledger to transfer")

// ErrGrew says that entries were appended to the original while it was copied.
var ErrGrew = errors.New("the original grew while it was copied: stop whatever runs on it, empty the copy, and transfer again")

// relocation is one run.
type relocation struct {
	Config
	tables     []store.Table
	deployment string
	head       uint64
	result     Result
}

// Run carries the deployment, or what is left of it after an interruption, and returns once the copy is verified.
// Before anything is written it refuses an original that is itself a copy, another key's, and a target that is in use.
func Run(ctx context.Context, c Config) (Result, error) {
	if c.Chunk <= 0 {
		c.Chunk = 10_000
	}
	if c.Progress == nil {
		c.Progress = func(Step, string, int64) {}
	}
	r := &relocation{Config: c}
	whole, err := r.prepare(ctx)
	if err != nil {
		return Result{}, err
	}
	if !whole {
		if err := r.begin(ctx); err != nil {
			return Result{}, fmt.Errorf("begin the transfer: %w", err)
		}
	}
	for _, t := range r.tables {
		if whole { // it was cleared away before the original heard that it has moved
			break
		}
		if err := r.copy(ctx, t); err != nil {
			return Result{}, fmt.Errorf("copy %s: %w", t.Name, err)
		}
	}
	if err := r.verify(ctx, whole); err != nil {
		return Result{}, fmt.Errorf("verify the copy: %w", err)
	}
	return r.result, r.finish(ctx)
}

// prepare looks at both databases and writes nothing. It reports whether the copy is whole already.
func (r *relocation) prepare(ctx context.Context) (whole bool, err error) {
	if r.tables, err = carried(); err != nil {
		return false, err
	}
	if err := ledger.CheckKey(ctx, r.From.DB, r.Vault); err != nil {
		return false, err
	}
	if r.deployment, r.head, err = deploymentOf(ctx, r.From.DB); err != nil {
		return false, err
	}
	if r.deployment == "" {
		return false, fmt.Errorf("%w in %s", ErrNothing, r.From.Name)
	}
	from, err := markOf(ctx, r.From.DB)
	switch {
	case err != nil:
		return false, err
	case from.there && from.filled:
		return false, &ledger.MovedError{Other: from.other, Copy: true}
	case from.there && from.other != r.To.Name:
		return false, &ledger.MovedError{Other: from.other, Whole: from.whole}
	}
	return r.lookAtTarget(ctx)
}

func (r *relocation) lookAtTarget(ctx context.Context) (whole bool, err error) {
	deployment, head, err := deploymentOf(ctx, r.To.DB)
	if err != nil {
		return false, err
	}
	to, err := markOf(ctx, r.To.DB)
	switch {
	case err != nil:
		return false, err
	case to.there && (!to.filled || to.deployment != r.deployment || to.other != r.From.Name):
		return false, &OccupiedError{r.To.Name, fmt.Sprintf("a transfer of ledger %s that involves %s", to.deployment, to.other)}
	case to.there, deployment == "":
		return false, nil
	case deployment == r.deployment && head == r.head:
		return true, nil
	}
	return false, &OccupiedError{r.To.Name, fmt.Sprintf("ledger %s with %d entries", deployment, head)}
}

// deploymentOf returns the name and the last entry of the ledger in a database, no name if there is none.
func deploymentOf(ctx context.Context, db store.DB) (name string, head uint64, err error) {
	err = db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, "SELECT deployment, seq FROM head WHERE id = 1"), func(r store.Row) {
			name, head = r.Text(0), uint64(r.Int64(1))
		})
	})
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return name, head, err
}

// finish lets the copy be served, and then says on the original that it has moved. A crash in between leaves both
// closed to whoever serves the original, and the next run finds the copy whole.
func (r *relocation) finish(ctx context.Context) error {
	if _, head, err := deploymentOf(ctx, r.From.DB); err != nil || head != r.head {
		return errors.Join(err, ErrGrew)
	}
	err := r.To.DB.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM transferred"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM transfers")
		return err
	})
	if err != nil {
		return fmt.Errorf("let the copy be served: %w", err)
	}
	err = r.From.DB.InTx(ctx, func(tx store.Tx) error {
		if err := r.mark(ctx, tx, r.To.Name, 0); err != nil { // unless it is there
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE transfers SET whole = 1 WHERE id = 1")
		return err
	})
	if err != nil {
		return fmt.Errorf("say on %s that its ledger has moved: %w", r.From.Name, err)
	}
	return nil
}
