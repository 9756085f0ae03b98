package transparency_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/sqlite"
	"github.com/consentline/consentline/internal/transparency"
	"github.com/consentline/consentline/verify"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "consentline.example/log"

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fixture is a ledger table in a real database, a log over it, a clock to step, and package tlog as the oracle.
type fixture struct {
	t      testing.TB
	db     *faultyDB
	signer *transparency.Signer
	now    time.Time
	log    *transparency.Tree
	hashes []tlog.Hash // stored hashes of everything appended, by package tlog
	leaves []verify.Leaf
}

// faultyDB fails write transactions on demand, before or after they commit, as a crash would.
type faultyDB struct {
	store.DB
	mu    sync.Mutex
	after int    // transactions to let through; negative: all
	lose  bool   // whether the one that fails is undone
	meet  func() // called before the next transaction but one, in place of another node's timing
	skip  int
}

var errCrash = errors.New("crash")

func (db *faultyDB) InTx(ctx context.Context, fn func(store.Tx) error) error {
	db.mu.Lock()
	crash := db.after == 0
	db.after--
	meet := db.meet
	if db.skip--; db.skip >= 0 {
		meet = nil
	} else {
		db.meet = nil
	}
	db.mu.Unlock()
	if meet != nil {
		meet()
	}
	if !crash {
		return db.DB.InTx(ctx, fn)
	}
	err := db.DB.InTx(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil || !db.lose {
			return err
		}
		return errCrash
	})
	if err == nil {
		err = errCrash // committed, and nobody was told
	}
	return err
}

func newFixture(t testing.TB, change ...func(*transparency.Config)) *fixture {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := store.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	signer, err := transparency.NewSigner(origin, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, db: &faultyDB{DB: db, after: -1}, signer: signer, now: start}
	f.log = f.open(change...)
	return f
}

// open returns a new Tree over the same database, as after a restart or on another node.
func (f *fixture) open(change ...func(*transparency.Config)) *transparency.Tree {
	f.t.Helper()
	c := transparency.Config{DB: f.db, Signer: f.signer, Now: func() time.Time { return f.now }, Batch: 1000}
	for _, set := range change {
		set(&c)
	}
	tree, err := transparency.New(c)
	if err != nil {
		f.t.Fatal(err)
	}
	return tree
}

func (f *fixture) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = f.hashes[x]
	}
	return out, nil
}

func salt(seq uint64) verify.Salt { return verify.Salt{byte(seq), byte(seq >> 8), 1} }
func body(seq uint64) []byte      { return fmt.Appendf(nil, `{"entry":%d}`, seq) }

// append commits n entries to the ledger's table and hashes them with the oracle.
func (f *fixture) append(n int) {
	f.t.Helper()
	rows := make([][]any, 0, n)
	for range n {
		seq := uint64(len(f.leaves) + 1)
		l := verify.Leaf{
			Seq: seq, RecordedAt: start.UnixMicro() + int64(seq), Kind: byte(1 + seq%8), Commitment: verify.Commit(salt(seq), body(seq)),
		}
		hs, err := tlog.StoredHashes(int64(seq-1), l.Marshal(), f)
		if err != nil {
			f.t.Fatal(err)
		}
		f.hashes = append(f.hashes, hs...)
		f.leaves = append(f.leaves, l)
		rows = append(rows, []any{l.Seq, l.RecordedAt, 0, int64(l.Kind), body(seq), l.Commitment[:]})
	}
	err := f.db.DB.InTx(context.Background(), func(tx store.Tx) error {
		return tx.Load(context.Background(), "ledger", []string{"seq", "recorded_at", "subject", "kind", "body", "leaf"}, rows)
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) exec(sql string, args ...any) {
	f.t.Helper()
	err := f.db.DB.InTx(context.Background(), func(tx store.Tx) error {
		_, err := tx.Exec(context.Background(), sql, args...)
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// catchUp runs the log until nothing is left to integrate.
func (f *fixture) catchUp() {
	f.t.Helper()
	for {
		done, err := f.log.RunOnce(context.Background())
		if err != nil {
			f.t.Fatal(err)
		}
		if done == 0 {
			return
		}
	}
}

func (f *fixture) policy() *verify.Policy {
	f.t.Helper()
	p, err := verify.NewPolicy(origin, f.signer.VerifierKey())
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

func (f *fixture) checkpoint() verify.Checkpoint {
	f.t.Helper()
	body, _, _, err := f.log.Resource(context.Background(), "checkpoint")
	if err != nil {
		f.t.Fatal(err)
	}
	c, err := f.policy().OpenCheckpoint(body)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func (f *fixture) wantTree(size int) tlog.Tree {
	f.t.Helper()
	h, err := tlog.TreeHash(int64(size), f)
	if err != nil {
		f.t.Fatal(err)
	}
	return tlog.Tree{N: int64(size), Hash: h}
}

// served is the log as an outside auditor reaches it.
type served struct{ log *transparency.Tree }

func (s served) Fetch(ctx context.Context, path string) ([]byte, error) {
	body, _, _, err := s.log.Resource(ctx, path)
	if errors.Is(err, transparency.ErrNoResource) {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return body, err
}

func (f *fixture) audit() error {
	f.t.Helper()
	_, err := verify.Audit{Source: served{f.log}, Policy: f.policy()}.Run(context.Background())
	return err
}

func (f *fixture) count(from string) (n int64) {
	f.t.Helper()
	err := f.db.Read(context.Background(), func(tx store.Tx) error {
		return store.One(tx.Query(context.Background(), "SELECT COUNT(*) FROM "+from), func(r store.Row) { n = r.Int64(0) })
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}
