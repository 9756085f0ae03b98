package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// Item is one thing to append: an act of consent about a number, or another entry.
type Item struct {
	Kind Kind

	// Number and Act are for KindAct. The act's Seq and RecordedAt are set by the ledger; an act without EffectiveAt
	// happens when it is recorded.
	Number phone.Number
	Act    consent.Act

	By            string
	Actor         string
	EventID       string // with the source, unique for ever
	CorrelationID string

	// IdempotencyKey makes a repetition by the same caller harmless. It never expires.
	IdempotencyKey string

	// Widens says of an entry that is no act that it can turn no allow into a deny, so that nobody waits for it.
	Widens bool

	// Guard, unless nil, is asked in the transaction whether the item may still be recorded. An ErrChanged of it rejects
	// the item alone.
	Guard func(ctx context.Context, tx store.Tx) error

	// Detail is the content of an entry that is no act. Effect writes what follows from it, in the same transaction;
	// it may run more than once, and must do nothing but write.
	Detail any
	Effect func(ctx context.Context, tx store.Tx, seq uint64) error
}

// Outcome is what became of an item.
type Outcome uint8

// The outcomes. A Conflicting grant is recorded, but did not take effect and waits for review; a Superseded act is
// recorded, and is older than what the record rests on.
const (
	Rejected Outcome = iota
	Recorded
	Duplicate
	Conflicting
	Superseded
)

// Result is what became of one item. Err is set only when it was rejected.
type Result struct {
	Outcome    Outcome
	Err        error
	Seq        uint64
	RecordedAt time.Time
	Subject    SubjectID
	Scope      consent.Scope
	Record     consent.Record // after the item; zero for entries that are no act

	// Pending is nil once every node obeys the item: at once where it restricts nothing or this is the only node.
	// Append waits for that, unless its context is WithoutWaiting.
	Pending *Pending

	restricts bool
}

// ErrKeyReused says that an idempotency key came again with other content.
var ErrKeyReused = errors.New("idempotency key was used before with other content")

// ErrEventReused says that a source reported another event under an event id that it used before.
var ErrEventReused = errors.New("event id was used before by this source with other content")

// ErrChanged says that a definition was changed meanwhile by another node, so that what this one made of it is out of
// date. Nothing was recorded; trying again after a moment works on what is in force then.
var ErrChanged = errors.New("was changed by another node at the same moment: look at it again and repeat the change")

// ErrClosed says that the ledger takes no more entries.
var ErrClosed = errors.New("ledger is closed")

// Change is the new state of one record, for those who keep a copy in memory.
type Change struct {
	Number phone.Number
	Scope  consent.Scope
	Record consent.Record
}

// Commit is a committed run of entries, From+1 to To, and what it changed.
type Commit struct {
	From, To uint64
	Changes  []Change
	Notices  []Notice

	leaf [32]byte // the commitment of entry To
}

// Notice tells of a committed entry that is no act of consent.
type Notice struct {
	Seq    uint64
	Kind   Kind
	Detail any // the item's own Detail, where this node appended it; else the Definition that the entry put in force
}

// Ledger is an open ledger. It is safe for concurrent use.
type Ledger struct {
	db     store.DB
	vault  *vault.Vault
	now    func() time.Time
	notify func(Commit)
	settle func() func(context.Context) error

	done sync.WaitGroup

	closing sync.RWMutex // held for reading while something is put into the queue
	closed  bool
	queue   chan *request

	failing atomic.Pointer[error] // why the last commit failed; nil: it did not

	deployment string
	scopes     map[consent.Scope]int64 // belongs to the goroutine that appends

	telling sync.Mutex // held while the observer is told, so that it hears of entries in order whoever read them
	told    Place
}

// Config says what a ledger stands on. OnCommit is called after each commit, in order, before its callers are answered.
type Config struct {
	DB       store.DB
	Vault    *vault.Vault
	Now      func() time.Time
	OnCommit func(Commit)

	// Settle is called right after each commit that restricts. What it returns waits until no node can answer from
	// before that commit. Nil: this is the only node.
	Settle func() func(context.Context) error
}

// Open prepares the ledger in a migrated database, and refuses one that was written with another master key.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	l := &Ledger{
		db: c.DB, vault: c.Vault, now: c.Now, notify: c.OnCommit, settle: c.Settle,
		queue: make(chan *request, 4096),
	}
	if l.now == nil {
		l.now = time.Now //nolint:forbidigo // the default of a replaceable clock
	}
	if l.notify == nil {
		l.notify = func(Commit) {}
	}
	if err := l.initialise(ctx); err != nil {
		return nil, err
	}
	l.done.Go(l.appendLoop)
	return l, nil
}

// Close answers what is queued and then takes no more.
func (l *Ledger) Close() {
	l.closing.Lock()
	if !l.closed {
		l.closed = true
		close(l.queue)
	}
	l.closing.Unlock()
	l.done.Wait()
}

// Append commits the items in one transaction, together with those of other callers, and returns what became of each.
// An error means that none of them was recorded, as far as this node can tell: after a lost connection the outcome is
// unknown, and the same idempotency keys settle it. What restricts is answered once every node obeys it.
func (l *Ledger) Append(ctx context.Context, items []Item) ([]Result, error) {
	if len(items) == 0 {
		return nil, nil
	}
	r := &request{items: make([]prepared, len(items)), results: make([]Result, len(items)), done: make(chan error, 1)}
	for i := range items {
		if err := l.prepare(&r.items[i], items[i]); err != nil {
			return nil, err
		}
	}
	l.rememberOnce(ctx, r)
	if err := l.enqueue(ctx, r); err != nil {
		return nil, err
	}
	// From here on the items may be committed whatever the caller does, so the answer is waited for.
	if err := <-r.done; err != nil {
		return nil, err
	}
	if first := &r.results[0]; r.once && first.Outcome == Duplicate {
		first.Err = &RepeatedError{first.Seq}
	}
	return r.results, settled(ctx, r.results)
}

func (l *Ledger) enqueue(ctx context.Context, r *request) error {
	l.closing.RLock()
	defer l.closing.RUnlock()
	if l.closed {
		return ErrClosed
	}
	select {
	case l.queue <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// AppendOne is Append for a single item; a rejected item is an error.
func (l *Ledger) AppendOne(ctx context.Context, item Item) (Result, error) {
	results, err := l.Append(ctx, []Item{item})
	if err != nil {
		return Result{}, err
	}
	return results[0], results[0].Err
}

type request struct {
	items   []prepared
	results []Result
	done    chan error
	once    bool // its only item is remembered by a key from the context
}

// prepared is an item with all that can be computed before its place is known.
type prepared struct {
	Item
	body       []byte
	commitment [32]byte
	lookup     [32]byte
	fresh      vault.Subject // becomes the subject if the number has none yet
	seen       []seenKey
}

type seenKey struct {
	digest  [16]byte
	content [16]byte
	reused  error
}

func (l *Ledger) prepare(p *prepared, item Item) error {
	if err := item.valid(); err != nil {
		return err
	}
	p.Item = item
	act := &p.Act
	act.EffectiveAt = act.EffectiveAt.UTC().Truncate(time.Microsecond)
	act.ValidUntil, act.ReviewAt = optionalTime(act.ValidUntil).orZero(), optionalTime(act.ReviewAt).orZero()
	act.Dated = !act.EffectiveAt.IsZero() && act.EffectiveAt.Unix() != zeroUnix
	body := Body{
		Version: bodyVersion, Salt: vault.NewSalt(), By: item.By, Actor: item.Actor,
		EventID: item.EventID, CorrelationID: item.CorrelationID,
	}
	if item.Kind == KindAct {
		body.describe(*act)
		p.lookup = l.vault.Lookup(item.Number)
		p.fresh = vault.NewSubject(item.Number)
	}
	var err error
	if item.Detail != nil {
		if body.Detail, err = json.Marshal(item.Detail); err != nil {
			return err
		}
	}
	if p.body, err = json.Marshal(&body); err != nil {
		return err
	}
	p.commitment = commit(body.Salt, p.body)
	p.seen = l.seenKeys(item, body)
	return nil
}

var zeroUnix = time.Time{}.Unix()

func (b *Body) describe(a consent.Act) {
	b.Act, b.Brand, b.Purpose, b.Channel = a.Kind, a.Scope.Brand, a.Scope.Purpose, a.Scope.Channel.String()
	b.Level, b.Confirmed, b.Source, b.Via, b.Method = a.Level, a.Confirmed, a.Source, a.Via, a.Method
	if a.Dated {
		b.EffectiveAt = optionalTime(a.EffectiveAt)
	}
	b.ValidUntil, b.ReviewAt = optionalTime(a.ValidUntil), optionalTime(a.ReviewAt)
	b.Disclosure, b.Evidence = FormatDisclosure(a.Disclosure), a.Evidence
}
