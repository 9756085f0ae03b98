package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/testkit/audit"
	"github.com/consentline/consentline/internal/testkit/dbtest"
	"github.com/consentline/consentline/internal/vault"
)

// machine drives a ledger through any sequence of appends, repetitions, clock steps and restarts, and remembers what
// it was answered and what the observer heard.
type machine struct {
	database func() (store.DB, error) // opens it, again after each restart

	db    store.DB
	vault *vault.Vault
	l     *ledger.Ledger
	now   time.Time

	mu    sync.Mutex // the observer is called by the ledger's goroutine
	heard audit.Records
	last  uint64
	gap   string

	items   map[string]ledger.Item
	answers map[string]ledger.Result
}

func (m *machine) open(t *rapid.T) {
	db, err := m.database()
	if err != nil {
		t.Fatal(err)
	}
	m.db = db
	m.l, err = ledger.Open(ctx, ledger.Config{DB: db, Vault: m.vault, Now: func() time.Time { return m.now }, OnCommit: m.observe})
	if err != nil {
		t.Fatal(err)
	}
	m.heard = audit.Records{}
	if m.last, err = m.l.LoadRecords(ctx, func(c ledger.Change) { m.heard.Apply([]ledger.Change{c}) }); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) observe(c ledger.Commit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.From != m.last || c.To <= c.From {
		m.gap = fmt.Sprintf("heard of %d to %d after %d", c.From+1, c.To, m.last)
	}
	m.last = c.To
	m.heard.Apply(c.Changes)
}

func (m *machine) close(t *rapid.T) {
	m.l.Close()
	if err := m.db.Close(); err != nil {
		t.Fatal(err)
	}
}

// drawItem draws an act that may be appended: any kind, wildcards where they may be, told late, early or undated.
func (m *machine) drawItem(t *rapid.T) ledger.Item {
	act := consent.Act{
		Kind: rapid.SampledFrom(consent.Kinds).Draw(t, "kind"),
		Scope: consent.Scope{
			Brand:   rapid.SampledFrom([]consent.BrandID{"acme", "bolt"}).Draw(t, "brand"),
			Purpose: rapid.SampledFrom([]consent.PurposeID{"news", "bills"}).Draw(t, "purpose"),
			Channel: rapid.SampledFrom(consent.Channels[:2]).Draw(t, "channel"),
		},
		Level:     consent.Level(rapid.IntRange(0, 4).Draw(t, "level")),
		Confirmed: rapid.Bool().Draw(t, "confirmed"),
		Source:    rapid.SampledFrom(consent.Sources).Draw(t, "source"),
		Via:       consent.Via(rapid.IntRange(0, 4).Draw(t, "via")),
		Evidence:  rapid.SampledFrom([]string{"", "sha256:00"}).Draw(t, "evidence"),
		Method:    rapid.SampledFrom([]string{"", "checkbox"}).Draw(t, "method"),
	}
	if rapid.Bool().Draw(t, "dated") {
		// Finer than what is stored, in another zone, and sometimes by a clock that is ahead.
		offset := time.Duration(rapid.IntRange(-600, 60).Draw(t, "offset")) * time.Second
		act.EffectiveAt = m.now.Add(offset + 7*time.Nanosecond).In(time.FixedZone("", 3600))
	}
	if rapid.Bool().Draw(t, "ends") {
		act.ValidUntil = m.now.Add(time.Duration(rapid.IntRange(-600, 600).Draw(t, "until"))*time.Second + 13*time.Nanosecond).Local()
		act.ReviewAt = act.ValidUntil.Add(-time.Hour)
		act.Disclosure = consent.DisclosureRef{ID: "form@site", Version: 1 + rapid.IntRange(0, 2).Draw(t, "version")}
	}
	if act.Kind.Restricts() {
		act.Scope = drawWide(t, act.Scope)
	}
	key := fmt.Sprintf("act-%d", len(m.items)+1)
	it := ledger.Item{
		Kind: ledger.KindAct, Number: phone.Number(12025550100 + rapid.IntRange(0, 2).Draw(t, "number")), Act: act,
		By: "key:test", IdempotencyKey: key, CorrelationID: key,
	}
	m.items[key] = it
	return it
}

func drawWide(t *rapid.T, s consent.Scope) consent.Scope {
	if rapid.IntRange(0, 3).Draw(t, "any brand") == 0 {
		s.Brand = consent.Any
	}
	if rapid.IntRange(0, 2).Draw(t, "any purpose") == 0 {
		s.Purpose = consent.Any
	}
	if rapid.IntRange(0, 2).Draw(t, "any channel") == 0 {
		s.Channel = consent.AnyChannel
	}
	return s
}

func (m *machine) drawBatch(t *rapid.T) []ledger.Item {
	items := make([]ledger.Item, rapid.IntRange(1, 6).Draw(t, "items"))
	for i := range items {
		items[i] = m.drawItem(t)
	}
	return items
}

// tell appends a batch and holds the answers to what is promised of each.
func (m *machine) tell(items []ledger.Item) error {
	results, err := m.l.Append(ctx, items)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, r := range results {
		key := items[i].IdempotencyKey
		before, repeated := m.answers[key]
		switch {
		case r.Err != nil || r.Seq == 0 || r.Scope != items[i].Act.Scope:
			return fmt.Errorf("%s: got %+v", key, r)
		case repeated && (r.Outcome != ledger.Duplicate || r.Seq != before.Seq || !r.RecordedAt.Equal(before.RecordedAt) || r.Subject != before.Subject):
			return fmt.Errorf("%s told again: got %+v, want a duplicate of %+v", key, r, before)
		case !repeated && r.Outcome == ledger.Duplicate:
			return fmt.Errorf("%s told once: got %+v", key, r)
		case r.Seq > m.last:
			return fmt.Errorf("%s: answered as entry %d when the observer had heard of %d", key, r.Seq, m.last)
		case (r.Outcome == ledger.Conflicting) != (r.Record.Conflict == r.Seq) && !repeated:
			return fmt.Errorf("%s: got %+v, but a conflict is one where the record says so", key, r)
		}
		if !repeated {
			m.answers[key] = r
		}
	}
	return nil
}

func (m *machine) append(t *rapid.T) {
	if err := m.tell(m.drawBatch(t)); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) appendAtOnce(t *rapid.T) {
	var batches [][]ledger.Item
	for range rapid.IntRange(2, 4).Draw(t, "callers") {
		batches = append(batches, m.drawBatch(t))
	}
	errs := make(chan error, len(batches))
	for _, b := range batches {
		go func() { errs <- m.tell(b) }()
	}
	for range batches {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}

// tellAgain mixes what was told with what was not, and with itself.
func (m *machine) tellAgain(t *rapid.T) {
	items := m.drawBatch(t)
	for range rapid.IntRange(1, 3).Draw(t, "again") {
		items = append(items, m.items[fmt.Sprintf("act-%d", rapid.IntRange(1, len(m.items)).Draw(t, "which"))])
	}
	// Within one batch, too, only the first is new; tell needs to hear of it first.
	for _, it := range items {
		if err := m.tell([]ledger.Item{it, it}[:1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.tell(items); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) stepClock(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(-30, 120).Draw(t, "seconds")) * time.Second) // the wall clock may be set back
}

func (m *machine) restart(t *rapid.T) {
	m.close(t)
	m.open(t)
}

// holds compares all that the ledger says with its entries, with what the observer heard and with what was answered.
func (m *machine) holds(t *rapid.T) {
	found, err := audit.Ledger(ctx, m.l)
	if err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if diff := found.Records.Diff(m.heard); diff != "" || m.gap != "" || m.last != found.Head {
		t.Fatalf("the observer heard up to %d of %d; %s; its records differ %s", m.last, found.Head, m.gap, diff)
	}
	if len(found.Told) != len(m.answers) {
		t.Fatalf("%d acts were acknowledged, %d are there", len(m.answers), len(found.Told))
	}
	subjects := map[phone.Number]ledger.SubjectID{}
	for key, r := range m.answers {
		if found.Told[key] != r.Seq {
			t.Fatalf("%s was acknowledged as entry %d and is %d", key, r.Seq, found.Told[key])
		}
		subjects[m.items[key].Number] = r.Subject
	}
	for number, id := range subjects {
		m.subjectHolds(t, number, id, found.Records)
	}
}

func (m *machine) subjectHolds(t *rapid.T, number phone.Number, id ledger.SubjectID, want audit.Records) {
	byNumber, err := m.l.ByNumber(ctx, number)
	if err != nil || byNumber.ID != id {
		t.Fatalf("by number: got %v, %v; want the subject that was answered", byNumber.ID == id, err)
	}
	byID, err := m.l.ByID(ctx, id)
	if err != nil || len(byID.Records) != len(byNumber.Records) {
		t.Fatalf("by ID: got %d records, %v; want %d", len(byID.Records), err, len(byNumber.Records))
	}
	for i, h := range byNumber.Records {
		past, err := m.l.RecordAt(ctx, number, h.Scope, ledger.Moment{})
		if h.Record != want[audit.Place{Number: number, Scope: h.Scope}] || byID.Records[i] != h || err != nil || past != h.Record {
			t.Fatalf("%s: by number %+v, by ID %+v, folded anew %+v, %v", h.Scope, h.Record, byID.Records[i].Record, past, err)
		}
	}
}

func TestAnySequenceOfAppendsHolds(t *testing.T) {
	v, err := vault.Open(master)
	if err != nil {
		t.Fatal(err)
	}
	test := t
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{
			database: dbtest.New(test), vault: v, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
			items: map[string]ledger.Item{}, answers: map[string]ledger.Result{},
		}
		m.open(t)
		defer func() { m.close(t) }()
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append, "append at once": m.appendAtOnce, "tell again": m.tellAgain,
			"step the clock": m.stepClock, "restart": m.restart, "": m.holds,
		})
	})
}
