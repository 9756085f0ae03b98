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
	"pgregory.net/rapid"
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

// However the ledger's growth, the runs, the restarts and the crashes fall, the log is the one that package tlog makes.
func TestLogIsThatOfItsLeavesWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0, 1:
				f.append(rapid.SampledFrom([]int{1, 2, 255, 256, 257, 700}).Draw(rt, "entries"))
			case 2:
				if _, err := f.log.RunOnce(context.Background()); err != nil {
					rt.Fatal(err)
				}
			case 3:
				f.log = f.open()
			case 4:
				f.db.after, f.db.lose = rapid.IntRange(0, 1).Draw(rt, "let through"), rapid.Bool().Draw(rt, "lose")
				if _, err := f.log.RunOnce(context.Background()); err != nil && !errors.Is(err, errCrash) {
					rt.Fatal(err)
				}
				f.db.after = -1
			}
		}
		f.catchUp()
		if got, want := f.checkpoint().Tree(), f.wantTree(len(f.leaves)); got != want {
			rt.Fatalf("checkpoint %v, want %v", got, want)
		}
		if err := f.audit(); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestBigLogVerifiesFromOutside(t *testing.T) {
	f := newFixture(t, func(c *transparency.Config) { c.Batch = 0 })
	f.append(66000)
	f.catchUp()
	if got, want := f.checkpoint().Tree(), f.wantTree(66000); got != want {
		t.Fatalf("checkpoint %v, want %v", got, want)
	}
	if err := f.audit(); err != nil {
		t.Error(err)
	}
	for _, tile := range tlog.NewTiles(8, 0, 66000) {
		want, err := tlog.ReadTileData(tile, f)
		if err != nil {
			t.Fatal(err)
		}
		got, _, _, err := f.log.Resource(t.Context(), verify.TilePath(tile))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v; want %d bytes", verify.TilePath(tile), len(got), err, len(want))
		}
	}
}

func TestTwoNodesOnOneDatabaseMakeOneLog(t *testing.T) {
	f := newFixture(t)
	other := f.open()
	for i := range 20 {
		f.append(100 + i*37)
		var both sync.WaitGroup
		errs := make([]error, 2)
		for j, tree := range []*transparency.Tree{f.log, other} {
			both.Go(func() { _, errs[j] = tree.RunOnce(context.Background()) })
		}
		both.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	f.catchUp()
	if got, want := f.checkpoint().Tree(), f.wantTree(len(f.leaves)); got != want {
		t.Fatalf("checkpoint %v, want %v", got, want)
	}
	if err := f.audit(); err != nil {
		t.Error(err)
	}
	// The node that did nothing more serves what the other signed, and can go on itself.
	f.log = other
	if got, want := f.checkpoint().Tree(), f.wantTree(len(f.leaves)); got != want {
		t.Errorf("other node: checkpoint %v, want %v", got, want)
	}
	f.append(1)
	f.catchUp()
	if got, want := f.checkpoint().Tree(), f.wantTree(len(f.leaves)); got != want {
		t.Errorf("other node after one more entry: checkpoint %v, want %v", got, want)
	}
}

func TestNodeThatFellBehindOverwritesNothing(t *testing.T) {
	f := newFixture(t)
	slow := f.open(func(c *transparency.Config) { c.Batch = 100 })
	if _, err := slow.RunOnce(t.Context()); err != nil { // it remembers the empty tree
		t.Fatal(err)
	}
	f.append(900)
	f.catchUp()
	if _, err := slow.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := f.count("log_state WHERE size = 900"); n != 1 {
		t.Error("the log's size went back")
	}
	if err := f.audit(); err != nil {
		t.Error(err)
	}
}

// Between a node's look at the last checkpoint and its own, another one signs a longer log.
func TestCheckpointIsSignedAfterTheOneItWasComparedWith(t *testing.T) {
	f := newFixture(t)
	other := f.open()
	f.append(10)
	f.catchUp()
	f.append(10)
	f.db.skip, f.db.meet = 1, func() { // the first transaction saves the tree, the second the checkpoint
		f.append(10)
		if _, err := other.RunOnce(context.Background()); err != nil {
			t.Error(err)
		}
	}
	done, err := f.log.RunOnce(t.Context())
	if done != 10 || err != nil {
		t.Errorf("integrated %d, %v; want 10", done, err)
	}
	if n := f.count("checkpoints WHERE size = 20"); n != 0 || f.checkpoint().Size != 30 {
		t.Errorf("%d checkpoints of size 20 were signed after that of size %d", n, f.checkpoint().Size)
	}
}

func TestRebuiltLogMustBeTheOneThatWasSigned(t *testing.T) {
	f := newFixture(t)
	f.append(10)
	f.catchUp()
	f.exec("DELETE FROM log_tiles")
	f.exec("DELETE FROM log_state")
	f.exec("UPDATE ledger SET kind = 77 WHERE seq = 3")
	f.log = f.open()
	var inconsistent *verify.InconsistentError
	if _, err := f.log.RunOnce(t.Context()); !errors.As(err, &inconsistent) {
		t.Errorf("got %v", err)
	}
}

// A tile and the frontier that was saved with it must agree before anything is appended to them.
func TestAlteredEdgeIsNotExtended(t *testing.T) {
	f := newFixture(t)
	f.append(300)
	f.catchUp()
	f.append(1)
	f.exec("UPDATE log_tiles SET hashes = (SELECT hashes FROM log_tiles WHERE level = 0 AND n = 0) WHERE level = 0 AND n = 1")
	f.log = f.open()
	var damaged *transparency.DamagedError
	if _, err := f.log.RunOnce(t.Context()); !errors.As(err, &damaged) || damaged.What != "tile/0/001.p/44" {
		t.Errorf("got %v", err)
	}
	if n := f.count("log_state WHERE size = 300"); n != 1 {
		t.Error("the log was extended")
	}
}

func TestEmptyLogHasACheckpoint(t *testing.T) {
	f := newFixture(t)
	if _, _, _, err := f.log.Resource(t.Context(), "checkpoint"); !errors.Is(err, transparency.ErrNoResource) {
		t.Errorf("before the first run: %v", err)
	}
	f.catchUp()
	if got, want := f.checkpoint().Tree(), f.wantTree(0); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := f.audit(); err != nil {
		t.Error(err)
	}
}

func TestCheckpointsKeepTheirDistance(t *testing.T) {
	f := newFixture(t, func(c *transparency.Config) { c.SignEvery = time.Second })
	steps := []struct {
		add  int
		wait time.Duration
		want int64
	}{
		{1, 0, 1},
		{1, 999 * time.Millisecond, 1},
		{0, time.Millisecond, 2}, // exactly one second after the first
		{0, time.Hour, 2},        // nothing new
		{3, 0, 5},
		{1, -time.Hour, 6}, // a clock that was set back does not silence the log
	}
	for i, s := range steps {
		f.append(s.add)
		f.now = f.now.Add(s.wait)
		f.catchUp()
		if got := f.checkpoint().Size; got != s.want {
			t.Errorf("step %d: checkpoint of size %d, want %d", i, got, s.want)
		}
	}
}

func TestNothingInconsistentIsSigned(t *testing.T) {
	tests := []struct {
		name   string
		damage func(f *fixture)
	}{
		{"last tile altered", func(f *fixture) {
			f.exec("UPDATE log_tiles SET hashes = (SELECT hashes FROM log_tiles WHERE level = 0 AND n = 1) WHERE level = 0 AND n = 2")
		}},
		{"last tile lost", func(f *fixture) { f.exec("DELETE FROM log_tiles WHERE level = 0 AND n = 2") }},
		{"edge altered", func(f *fixture) {
			f.exec("UPDATE log_tiles SET hashes = $1 WHERE level = 1", bytes.Repeat([]byte{1}, 64))
		}},
		{"state lost, entry altered, rebuilt", func(f *fixture) {
			f.exec("DELETE FROM log_tiles")
			f.exec("DELETE FROM log_state")
			f.exec("UPDATE ledger SET kind = 77 WHERE seq = 3")
		}},
		{"frontier and size of another time", func(f *fixture) {
			f.exec("UPDATE log_state SET size = size - 1, frontier = $1", bytes.Repeat([]byte{1}, 64))
		}},
		{"checkpoint of somebody else", func(f *fixture) {
			f.exec("UPDATE checkpoints SET note = replace(note, 'consentline', 'other')")
		}},
		{"ledger cut short and grown anew", func(f *fixture) {
			f.exec("DELETE FROM log_tiles")
			f.exec("DELETE FROM log_state")
			f.exec("DELETE FROM ledger WHERE seq > 500")
		}},
		{"gap", func(f *fixture) { f.exec("DELETE FROM ledger WHERE seq = 601") }},
		{"no leaf", func(f *fixture) { f.exec("UPDATE ledger SET leaf = $1 WHERE seq = 601", []byte{1}) }},
		{"no kind", func(f *fixture) { f.exec("UPDATE ledger SET kind = 300 WHERE seq = 601") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.append(600)
			f.catchUp()
			f.append(5)
			tt.damage(f)
			f.log = f.open()
			var err error
			for done := 1; err == nil && done > 0; {
				done, err = f.log.RunOnce(t.Context())
			}
			if err == nil {
				t.Errorf("the log went on, to size %d", f.checkpoint().Size)
			}
			if n := f.count("checkpoints WHERE size > 600"); n != 0 {
				t.Errorf("%d checkpoints were signed", n)
			}
		})
	}
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

func TestLostCheckpointStopsTheLog(t *testing.T) {
	f := newFixture(t)
	f.append(10)
	f.catchUp()
	f.append(10)
	f.catchUp()
	f.exec("DELETE FROM checkpoints WHERE size = 20")
	var damaged *transparency.DamagedError
	if _, err := f.log.RunOnce(t.Context()); !errors.As(err, &damaged) {
		t.Errorf("run: %v", err)
	}
	if _, _, _, err := f.log.Resource(t.Context(), "checkpoint"); !errors.As(err, &damaged) {
		t.Errorf("resource: %v", err)
	}
	f.exec("DELETE FROM checkpoints")
	if _, err := f.log.RunOnce(t.Context()); !errors.As(err, &damaged) {
		t.Errorf("run without any checkpoint: %v", err)
	}
}

func TestDroppedTilesAreRebuilt(t *testing.T) {
	f := newFixture(t)
	f.append(2600)
	f.catchUp()
	want := f.checkpoint()
	f.exec("DELETE FROM log_tiles")
	f.exec("DELETE FROM log_state")
	f.log = f.open()
	f.catchUp()
	if got := f.checkpoint(); got.Tree() != want.Tree() {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := f.audit(); err != nil {
		t.Error(err)
	}
}

func TestKeyChangeKeepsTheLog(t *testing.T) {
	f := newFixture(t)
	f.append(10)
	f.catchUp()
	former := f.signer.VerifierKey()
	signer, err := transparency.NewSigner(origin, bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	f.signer = signer
	f.append(1)
	f.log = f.open()
	if _, err := f.log.RunOnce(t.Context()); !errors.Is(err, verify.ErrUnsigned) {
		t.Errorf("without the former key: %v", err)
	}
	f.log = f.open(func(c *transparency.Config) { c.FormerKeys = []string{former} })
	f.catchUp()
	if got := f.checkpoint().Size; got != 11 {
		t.Errorf("checkpoint of size %d, want 11", got)
	}
}

func TestConfigIsChecked(t *testing.T) {
	f := newFixture(t)
	good := transparency.Config{DB: f.db, Signer: f.signer, Now: time.Now}
	for name, change := range map[string]func(*transparency.Config){
		"no database":       func(c *transparency.Config) { c.DB = nil },
		"no signer":         func(c *transparency.Config) { c.Signer = nil },
		"no clock":          func(c *transparency.Config) { c.Now = nil },
		"negative batch":    func(c *transparency.Config) { c.Batch = -1 },
		"negative interval": func(c *transparency.Config) { c.SignEvery = -1 },
		"bad former key":    func(c *transparency.Config) { c.FormerKeys = []string{"x"} },
	} {
		c := good
		change(&c)
		if _, err := transparency.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, bad := range []string{"", "with space", "with+plus", "with\x01control", "with\nline"} {
		if _, err := transparency.NewSigner(bad, make([]byte, 32)); err == nil {
			t.Errorf("origin %q: accepted", bad)
		}
	}
	if _, err := transparency.NewSigner(origin, make([]byte, 31)); err == nil {
		t.Error("seed of 31 bytes: accepted")
	}
}
