package server

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// reached is what a process leaves in its data directory: the last entry that it has applied. A database that lacks that
// entry has been put back to an earlier state, though nobody who runs now has seen it.
//
// It is a witness and no record: it may lag by a second, and one that is missing or torn says nothing.
type reached struct {
	Deployment string    `json:"deployment"`
	Entry      uint64    `json:"entry"`
	Commitment string    `json:"commitment"` // of that entry, in hex
	At         time.Time `json:"at"`
}

const reachedFile = "reached.json"

// LostEntriesError says that the database lacks entries that this node has applied before. To serve it would be to allow
// what was withdrawn in them.
type LostEntriesError struct {
	Entry uint64    // the last one that was applied
	At    time.Time // by when
	Head  uint64    // the last one that is there
	File  string    // what knows of it
}

func (e *LostEntriesError) Error() string {
	return fmt.Sprintf("the database lacks entry %d, which this node had applied by %s, or has another in its place; it ends at entry %d: "+
		"it was restored from an older copy, or failed over to a standby that lacked the last entries; %s",
		e.Entry, e.At.Format(time.RFC3339), e.Head, e.Remedy())
}

// Remedy says what to do about it.
func (e *LostEntriesError) Remedy() string {
	return fmt.Sprintf("find out which copy is the true one: if it is another, bring that back; if it is this one, delete %s, start, and have every "+
		"source tell again what it told from a while before %s on, withdrawals first (idempotency keys and event ids make that harmless)",
		e.File, e.At.Format(time.RFC3339))
}

// OtherLedgerError says that a data directory is known to have served another ledger than the one that the database
// holds: the address is wrong, or the database was made anew, and all that was withdrawn before is unknown there.
type OtherLedgerError struct {
	Known, There string // names of ledgers; There is empty if the database holds none
	Entry        uint64 // the last one that was applied of the one that is known
	File         string // what knows of it
}

func (e *OtherLedgerError) Error() string {
	there := "ledger " + e.There
	if e.There == "" {
		there = "no ledger"
	}
	return fmt.Sprintf("the database holds %s, and this data directory has served ledger %s up to entry %d: %s", there, e.Known, e.Entry, e.Remedy())
}

// Remedy says what to do about it.
func (e *OtherLedgerError) Remedy() string {
	return fmt.Sprintf("name that ledger's database, or bring it back; if the one that is there is meant, name another data directory, or delete %s", e.File)
}

func (s *Server) reachedPath() string { return filepath.Join(s.DataDir, reachedFile) }

// readReached returns what the last process on a data directory had applied; ok is false if nothing is known of it.
func readReached(path string) (r reached, ok bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("read what was reached: %w", err)
	}
	return r, json.Unmarshal(text, &r) == nil, nil // torn in a power cut, it knows nothing
}

// lost returns a *LostEntriesError or an *OtherLedgerError if the database does not continue what was applied on this
// data directory before. It writes nothing, and needs no schema to be there.
func lost(ctx context.Context, db store.DB, path string) error {
	r, ok, err := readReached(path)
	if err != nil || !ok || r.Entry == 0 {
		return err
	}
	leaf, err := hex.DecodeString(r.Commitment)
	if err != nil {
		return nil //nolint:nilerror // torn or edited: it knows nothing
	}
	if there, err := ledger.DeploymentOf(ctx, db); err != nil {
		return err
	} else if there != r.Deployment {
		return &OtherLedgerError{Known: r.Deployment, There: there, Entry: r.Entry, File: path}
	}
	head, continues, err := ledger.Holds(ctx, db, r.Entry, leaf)
	if err != nil || continues {
		return err
	}
	return &LostEntriesError{Entry: r.Entry, At: r.At, Head: head, File: path}
}

// noteReached writes down how far this process is, if that has changed.
func (s *Server) noteReached(context.Context) (done int, err error) {
	entry, leaf := s.Ledger.Reached().Entry()
	if entry == s.noted {
		return 0, nil
	}
	text, err := json.Marshal(reached{s.Ledger.Deployment(), entry, hex.EncodeToString(leaf[:]), s.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return 0, err
	}
	next := s.reachedPath() + ".new"
	if err := errors.Join(os.WriteFile(next, append(text, '\n'), 0o600), os.Rename(next, s.reachedPath())); err != nil {
		return 0, fmt.Errorf("note what was reached: %w", err)
	}
	s.noted = entry
	return 0, nil
}
