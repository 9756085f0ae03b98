package powercut_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/testkit/audit"
	"github.com/consentline/consentline/internal/testkit/powercut"
	"github.com/consentline/consentline/internal/vault"
)

var ctx = context.Background()

// workload is a ledger on a disk that may fail, what it acknowledged, and what it left unanswered.
type workload struct {
	t        testing.TB
	disk     *powercut.Disk
	settings []string
	rng      *rand.Rand

	db     *powercut.DB
	ledger *ledger.Ledger
	vault  *vault.Vault
	index  audit.Records // what an observer of the commits holds

	next  int
	steps int
	stays bool // no step closes the ledger
	acked map[string]uint64
	items map[string]ledger.Item
}

func newWorkload(t testing.TB, seed uint64, settings ...string) *workload {
	t.Helper()
	v, err := vault.Open([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return &workload{
		t: t, disk: powercut.NewDisk(t.TempDir(), seed), settings: settings, rng: rand.New(rand.NewPCG(seed, 1)),
		vault: v, acked: map[string]uint64{}, items: map[string]ledger.Item{},
	}
}

// open starts the ledger as the product does; an error leaves it closed.
func (w *workload) open() (err error) {
	if w.db, err = powercut.Open(w.disk, w.settings...); err != nil {
		return err
	}
	if err = store.Migrate(ctx, w.db); err == nil {
		w.index = audit.Records{}
		w.ledger, err = ledger.Open(ctx, ledger.Config{
			DB: w.db, Vault: w.vault, Now: func() time.Time { return noon },
			OnCommit: func(c ledger.Commit) { w.index.Apply(c.Changes) },
		})
	}
	if err == nil {
		_, err = w.ledger.LoadRecords(ctx, func(c ledger.Change) { w.index.Apply([]ledger.Change{c}) })
	}
	return err
}

func (w *workload) mustOpen() {
	w.t.Helper()
	if err := w.open(); err != nil {
		w.t.Fatalf("open: %v", err)
	}
}

// close takes the ledger down; after a fault or a cut the database may complain of it.
func (w *workload) close() error {
	if w.ledger != nil {
		w.ledger.Close()
		w.ledger = nil
	}
	if w.db == nil {
		return nil
	}
	db := w.db
	w.db = nil
	return db.Close()
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// item draws an act of one of a few people, so that records are changed, wide acts meet narrow ones, and some are late.
func (w *workload) item() ledger.Item {
	w.next++
	key := fmt.Sprintf("act-%d", w.next)
	scope := consent.Scope{Brand: "acme", Purpose: "news", Channel: consent.Channels[w.rng.IntN(len(consent.Channels))]}
	kind := []consent.Kind{consent.Granted, consent.Granted, consent.Withdrawn, consent.Requested}[w.rng.IntN(4)]
	if kind == consent.Withdrawn && w.rng.IntN(3) == 0 {
		scope = consent.Scope{Brand: "acme", Purpose: consent.Any}
	}
	it := ledger.Item{
		Kind: ledger.KindAct, Number: phone.Number(12025550100 + w.rng.IntN(100)), By: "key:test", IdempotencyKey: key, CorrelationID: key,
		Act: consent.Act{
			Kind: kind, Scope: scope, Source: consent.WebForm, Level: consent.Express,
			EffectiveAt: noon.Add(-time.Duration(w.rng.IntN(1000)) * time.Second),
		},
	}
	w.items[key] = it
	return it
}

// append sends one batch and notes what was acknowledged.
func (w *workload) append(items ...ledger.Item) error {
	results, err := w.ledger.Append(ctx, items)
	if err != nil {
		return err
	}
	for i, r := range results {
		key := items[i].IdempotencyKey
		if seq, before := w.acked[key]; before && seq != r.Seq || r.Err != nil || r.Seq == 0 {
			w.t.Errorf("%s: got entry %d (%v), acknowledged before as %d", key, r.Seq, r.Err, seq)
		}
		w.acked[key] = r.Seq
	}
	return nil
}

func (w *workload) batch() []ledger.Item {
	items := make([]ledger.Item, 1+w.rng.IntN(4)*w.rng.IntN(8))
	for i := range items {
		items[i] = w.item()
	}
	return items
}

// step does what a ledger does in its life: mostly appends, and sometimes the long log is copied into the database.
func (w *workload) step() error {
	if w.rng.IntN(8) == 0 {
		return w.db.Checkpoint()
	}
	return w.append(w.batch()...)
}

// lost returns the acknowledged acts that the ledger does not have where it said; it fails for anything else amiss.
func (w *workload) lost() (keys []string) {
	w.t.Helper()
	var verdict string
	err := w.db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, "PRAGMA integrity_check"), func(r store.Row) { verdict = r.Text(0) })
	})
	if err != nil || verdict != "ok" {
		w.t.Fatalf("the database is damaged: %s (%v)", verdict, err)
	}
	found, err := audit.Ledger(ctx, w.ledger)
	if err != nil {
		w.t.Fatal(err)
	}
	for key, seq := range w.acked {
		if found.Told[key] != seq {
			keys = append(keys, key)
		}
	}
	if diff := found.Records.Diff(w.index); diff != "" {
		w.t.Errorf("the observer of the commits holds other records than the database: %s", diff)
	}
	return keys
}
