package transparency_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/transparency"
	"github.com/consentline/consentline/verify"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

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

// A tile and the frontier that was saved with it must agree before anything is appended to them.
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
