package transparency_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/transparency"
	"github.com/consentline/consentline/verify"
	"golang.org/x/mod/sumdb/tlog"
)

func TestResourcesAreThoseOfTheNewestCheckpoint(t *testing.T) {
	f := newFixture(t, func(c *transparency.Config) { c.SignEvery = time.Hour })
	f.append(600)
	f.catchUp()
	f.append(300) // integrated, and covered by no checkpoint yet
	f.catchUp()
	found := map[string]int{
		"tile/0/000":           8192,
		"tile/0/001":           8192,
		"tile/0/002.p/88":      88 * 32,
		"tile/0/002.p/1":       32, // any width that some size up to this one has
		"tile/0/000.p/255":     255 * 32,
		"tile/1/000.p/2":       64,
		"tile/entries/000":     256 * 52,
		"tile/entries/002.p/7": 7 * 52,
	}
	for path, size := range found {
		body, contentType, cacheable, err := f.log.Resource(t.Context(), path)
		if err != nil || len(body) != size || contentType != "application/octet-stream" || !cacheable {
			t.Errorf("%s: %d bytes, %q, cacheable %t, %v; want %d bytes", path, len(body), contentType, cacheable, err, size)
		}
	}
	_, contentType, cacheable, err := f.log.Resource(t.Context(), "checkpoint")
	if err != nil || contentType != "text/plain; charset=utf-8" || cacheable {
		t.Errorf("checkpoint: %q, cacheable %t, %v", contentType, cacheable, err)
	}
	for _, path := range []string{
		"", "/", "tile", "tile/", "Checkpoint", "checkpoint/", "/checkpoint", "../checkpoint",
		"tile/0/002", "tile/0/002.p/89", "tile/0/002.p/0", "tile/0/002.p/256", "tile/0/002.p/088", "tile/0/002.p/",
		"tile/0/003.p/1", "tile/0/2.p/88", "tile/0/x000/002.p/88", "tile/0/x002", "tile/00/000", "tile/-1/000",
		"tile/1/000", "tile/1/000.p/3", "tile/2/000.p/1", "tile/63/000.p/1", "tile/64/000.p/1", "tile/8/0/000",
		"tile/data/000", "tile/entries/002", "tile/entries/002.p/89", "tile/entries/003.p/1", "tile/entries/-01",
		"tile/0/x009/x223/x372/x036/x854/x775/807", "tile/0/x036/x028/x797/x018/x963/968", "tile/0/000/",
	} {
		if body, _, _, err := f.log.Resource(t.Context(), path); !errors.Is(err, transparency.ErrNoResource) {
			t.Errorf("%q: %d bytes, %v; want ErrNoResource", path, len(body), err)
		}
	}
}

func TestDamagedRowsAreNotServed(t *testing.T) {
	for name, damage := range map[string]string{
		"kind":     "UPDATE ledger SET kind = kind + 1 WHERE seq = 300",
		"time":     "UPDATE ledger SET recorded_at = recorded_at - 1 WHERE seq = 300",
		"leaf":     "UPDATE ledger SET leaf = (SELECT leaf FROM ledger WHERE seq = 301) WHERE seq = 300",
		"row gone": "DELETE FROM ledger WHERE seq = 300",
		"tail":     "DELETE FROM ledger WHERE seq >= 300",
	} {
		f := newFixture(t)
		f.append(512)
		f.catchUp()
		f.exec(damage)
		var damaged *transparency.DamagedError
		if _, _, _, err := f.log.Resource(t.Context(), "tile/entries/001"); !errors.As(err, &damaged) {
			t.Errorf("%s: bundle: got %v", name, err)
		}
		if _, err := f.log.Prove(t.Context(), 300); !errors.As(err, &damaged) {
			t.Errorf("%s: proof: got %v", name, err)
		}
		if _, _, _, err := f.log.Resource(t.Context(), "tile/entries/000"); err != nil {
			t.Errorf("%s: the bundle before: %v", name, err)
		}
	}
	f := newFixture(t)
	f.append(512)
	f.catchUp()
	f.exec("DELETE FROM log_tiles WHERE level = 0 AND n = 1")
	var damaged *transparency.DamagedError
	if _, _, _, err := f.log.Resource(t.Context(), "tile/0/001"); !errors.As(err, &damaged) {
		t.Errorf("tile gone: got %v", err)
	}
	if _, err := f.log.Prove(t.Context(), 300); err == nil {
		t.Error("tile gone: proof was made")
	}
}

func TestEveryEntryCanBeProven(t *testing.T) {
	f := newFixture(t)
	f.append(700)
	f.catchUp()
	policy := f.policy()
	for seq := uint64(1); seq <= 700; seq += 13 {
		proof, err := f.log.Prove(t.Context(), seq)
		if err != nil {
			t.Fatalf("entry %d: %v", seq, err)
		}
		want, err := tlog.ProveRecord(700, int64(seq-1), f)
		if err != nil {
			t.Fatal(err)
		}
		if len(want) != len(proof.Hashes) {
			t.Errorf("entry %d: %d hashes, want %d", seq, len(proof.Hashes), len(want))
		}
		parsed, err := verify.ParseProof(proof.Marshal())
		if err != nil {
			t.Fatalf("entry %d: %v", seq, err)
		}
		if _, err := policy.VerifyProof(parsed, f.leaves[seq-1]); err != nil {
			t.Errorf("entry %d: %v", seq, err)
		}
	}
	for _, seq := range []uint64{0, 701, 1 << 63} {
		if _, err := f.log.Prove(t.Context(), seq); !errors.Is(err, transparency.ErrNotIntegrated) {
			t.Errorf("entry %d: got %v, want ErrNotIntegrated", seq, err)
		}
	}
}

func statement() verify.Statement {
	return verify.Statement{
		Question:  verify.Question{Subject: "0123456789abcdef0123456789abcdef", Brand: "acme", Purpose: "offers", Channel: "sms"},
		Verdict:   "allow",
		Reasons:   []verify.Reason{{Code: "granted", Entry: 300}},
		CheckedAt: start, Revision: 700, UseWithinMS: 1000,
	}
}

func TestReceiptVerifiesFromItsFileAlone(t *testing.T) {
	f := newFixture(t)
	f.append(700)
	f.catchUp()
	s := salt(300)
	receipts := map[string]func() (verify.Receipt, error){
		"closed": func() (verify.Receipt, error) { return f.log.Receipt(t.Context(), statement(), 300, nil) },
		"opened": func() (verify.Receipt, error) {
			return f.log.Receipt(t.Context(), statement(), 300, &verify.Opening{Salt: s[:], Body: body(300)})
		},
		"resting on no entry": func() (verify.Receipt, error) {
			st := statement()
			st.Verdict, st.Reasons = "deny", []verify.Reason{{Code: "no_record"}}
			return f.log.Receipt(t.Context(), st, 0, nil)
		},
	}
	for name, issue := range receipts {
		r, err := issue()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		file, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		read, err := verify.ParseReceipt(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := verify.VerifyReceipt(read, f.policy()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := f.log.Receipt(t.Context(), statement(), 300, &verify.Opening{Salt: s[:], Body: body(301)})
	if err != nil {
		t.Fatal(err)
	}
	if err := verify.VerifyReceipt(r, f.policy()); !errors.Is(err, verify.ErrCommitment) {
		t.Errorf("another entry's body: got %v", err)
	}
	if _, err := f.log.Receipt(t.Context(), statement(), 701, nil); !errors.Is(err, transparency.ErrNotIntegrated) {
		t.Errorf("an entry beyond the checkpoint: got %v", err)
	}
}

func TestWaitingEndsWhenACheckpointCoversTheEntry(t *testing.T) {
	f := newFixture(t, func(c *transparency.Config) { c.SignEvery = time.Second })
	f.append(5)
	f.catchUp()
	if err := f.log.WaitIntegrated(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	f.append(5)
	f.catchUp() // integrated, not signed
	waited := make(chan error, 3)
	for seq := uint64(6); seq <= 8; seq++ {
		go func() { waited <- f.log.WaitIntegrated(context.Background(), seq) }()
	}
	select {
	case err := <-waited:
		t.Fatalf("returned before a checkpoint covers the entry: %v", err)
	default:
	}
	f.now = f.now.Add(time.Second)
	f.catchUp()
	for range 3 {
		if err := <-waited; err != nil {
			t.Error(err)
		}
	}
	if _, err := f.log.Prove(t.Context(), 8); err != nil {
		t.Errorf("after waiting: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.log.WaitIntegrated(ctx, 11); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestRefreshWakesOnAnotherNodesCheckpoint(t *testing.T) {
	f := newFixture(t)
	other := f.open()
	f.append(5)
	waited := make(chan error, 1)
	go func() { waited <- other.WaitIntegrated(context.Background(), 5) }()
	f.catchUp()
	if err := other.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

func TestSignedReceiptNamesTheLog(t *testing.T) {
	f := newFixture(t)
	st := statement()
	st.Origin = "somebody.example/else"
	r, err := f.signer.SignReceipt(st)
	if err != nil {
		t.Fatal(err)
	}
	if r.Statement.Origin != origin || !bytes.HasPrefix([]byte(f.signer.VerifierKey()), []byte(r.Signature.Key+"+")) {
		t.Errorf("origin %q, key %q", r.Statement.Origin, r.Signature.Key)
	}
	st.Revision = 1 << 60
	if _, err := f.signer.SignReceipt(st); err == nil {
		t.Error("a revision that JSON readers would round was signed")
	}
}

// integrated returns a log over this many entries, caught up.
func integrated(b *testing.B, entries int) *fixture {
	f := newFixture(b, func(c *transparency.Config) { c.Batch = 0 })
	f.append(entries)
	f.catchUp()
	return f
}

func BenchmarkIntegrateFromSQLite(b *testing.B) {
	const entries = 200_000
	f := newFixture(b)
	f.append(entries)
	b.ResetTimer()
	for b.Loop() {
		f.exec("DELETE FROM log_tiles")
		f.exec("DELETE FROM log_state")
		f.exec("DELETE FROM checkpoints")
		f.log = f.open(func(c *transparency.Config) { c.Batch = 0 })
		f.catchUp()
	}
	b.ReportMetric(float64(entries)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkOneEntryAtATime(b *testing.B) {
	f := integrated(b, 1000)
	for b.Loop() {
		f.append(1)
		f.catchUp()
	}
}

func BenchmarkProve(b *testing.B) {
	f := integrated(b, 100_000)
	seq := uint64(0)
	for b.Loop() {
		seq = seq%100_000 + 1
		if _, err := f.log.Prove(b.Context(), seq); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResource(b *testing.B) {
	f := integrated(b, 100_000)
	for _, path := range []string{"checkpoint", "tile/0/100", "tile/entries/100"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				if _, _, _, err := f.log.Resource(b.Context(), path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
