package transparency

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/verify"
	"golang.org/x/mod/sumdb/tlog"
)

const defaultBatch = 64 * verify.TileWidth

// Config says what a Tree stands on.
type Config struct {
	DB     store.DB
	Signer *Signer
	Now    func() time.Time

	// SignEvery is the least time between two checkpoints; zero signs whenever the tree has grown.
	SignEvery time.Duration

	// Batch is how many entries one run takes in at most; zero means 16,384.
	Batch int

	// FormerKeys are verifier keys that signed earlier checkpoints of this log, before its key was changed.
	FormerKeys []string
}

// Tree integrates committed entries into the log and signs its checkpoints. It is safe for concurrent use.
type Tree struct {
	storage   storage
	signer    *Signer
	policy    *verify.Policy // accepts this log's checkpoints
	now       func() time.Time
	signEvery time.Duration
	batch     int

	running sync.Mutex // held by the one run under way; guards:
	edge    *builder   // nil: to be loaded from the database

	mu       sync.Mutex    // guards:
	newest   lastSigned    // the newest checkpoint that this process has seen; no note: none yet
	advanced chan struct{} // closed when newest changes
}

// New returns the Tree over a database; it reads nothing before it is first used.
func New(c Config) (*Tree, error) {
	if c.DB == nil || c.Signer == nil || c.Now == nil {
		return nil, errors.New("transparency log: want a database, a signer and a clock")
	}
	if c.Batch < 0 || c.SignEvery < 0 {
		return nil, fmt.Errorf("transparency log: batch %d and interval %s must not be negative", c.Batch, c.SignEvery)
	}
	policy, err := verify.NewPolicy(c.Signer.Origin(), append([]string{c.Signer.VerifierKey()}, c.FormerKeys...)...)
	if err != nil {
		return nil, fmt.Errorf("transparency log: %w", err)
	}
	t := &Tree{
		storage: storage{c.DB}, signer: c.Signer, policy: policy, now: c.Now,
		signEvery: c.SignEvery, batch: c.Batch, advanced: make(chan struct{}),
	}
	if t.batch == 0 {
		t.batch = defaultBatch
	}
	return t, nil
}

// RunOnce integrates the next batch of committed entries, signs a checkpoint if one is due, and returns how many entries
// it took in. Run it again at once while it returns more than zero, then whenever the ledger has grown and at least every
// SignEvery. It may run on several nodes at once: every step is saved only by the first.
func (t *Tree) RunOnce(ctx context.Context) (done int, err error) {
	t.running.Lock()
	defer t.running.Unlock()
	done, err = t.integrate(ctx)
	if err == nil {
		err = t.sign(ctx, done)
	}
	if err != nil {
		t.edge = nil // what is in memory may be ahead of what is stored: the next run starts from there
	}
	if errors.Is(err, errMoved) {
		err = t.Refresh(ctx)
	}
	return done, err
}

// integrate appends the next leaves. A crash before the save leaves the tree as it was, after it the longer tree, which
// no checkpoint covers yet.
func (t *Tree) integrate(ctx context.Context) (int, error) {
	if t.edge == nil {
		edge, err := t.storage.load(ctx)
		if err != nil {
			return 0, err
		}
		t.edge = edge
	}
	from := t.edge.size()
	leaves, err := t.storage.leaves(ctx, uint64(from)+1, t.batch)
	if err != nil || len(leaves) == 0 {
		return 0, err
	}
	for _, leaf := range leaves {
		t.edge.add(leaf.RecordHash())
	}
	if err := t.storage.save(ctx, from, t.edge); err != nil {
		return 0, fmt.Errorf("save the log at size %d: %w", t.edge.size(), err)
	}
	t.edge.saved()
	return len(leaves), nil
}

// sign publishes a checkpoint of the tree as it is stored, if one is due and the tree continues the last one. The
// checkpoint leaves this function only once it is stored: a crash before that loses a signature nobody has seen.
func (t *Tree) sign(ctx context.Context, integrated int) error {
	tree := t.edge.tree()
	last, signedBefore, err := t.last(ctx)
	if err != nil {
		return err
	}
	now := t.now()
	after := int64(-1)
	if signedBefore {
		if tree.N <= last.tree.N {
			return t.behind(ctx, last.tree, tree, integrated)
		}
		if now.Before(last.signedAt.Add(t.signEvery)) && !now.Before(last.signedAt) { // the clock may have been set back
			return nil
		}
		after = last.tree.N
		if _, err := verify.ProveConsistency(ctx, t.storage, last.tree, tree); err != nil {
			return fmt.Errorf("the stored log does not continue its last checkpoint; no further one is signed: %w", err)
		}
	}
	text, err := t.signer.checkpoint(tree)
	if err != nil {
		return err
	}
	if err := t.storage.publish(ctx, after, signed{size: tree.N, signedAt: now, note: text}); err != nil {
		return fmt.Errorf("store the checkpoint of size %d: %w", tree.N, err)
	}
	t.advance(lastSigned{tree: tree, signedAt: now, note: text})
	return nil
}

// behind looks at a stored tree that has nothing for a checkpoint to cover. Being shorter than the last checkpoint is
// lawful while the tree is rebuilt, or for a node that another one is ahead of; else the ledger has lost entries.
func (t *Tree) behind(ctx context.Context, last, tree tlog.Tree, integrated int) error {
	if tree.N == last.N && tree.Hash != last.Hash {
		return &verify.InconsistentError{Old: last, New: tree}
	}
	if tree.N == last.N || integrated > 0 {
		return nil
	}
	stored, err := t.storage.load(ctx)
	if err != nil {
		return err
	}
	if stored.size() != tree.N {
		return errMoved
	}
	return &DamagedError{
		What:    "ledger",
		Problem: fmt.Sprintf("it ends at entry %d, and a checkpoint of size %d was published", tree.N, last.N),
	}
}

// lastSigned is a stored checkpoint, opened.
type lastSigned struct {
	tree     tlog.Tree
	signedAt time.Time
	note     string
}

// last returns the newest stored checkpoint, and false if there is none. It refuses a database that has lost a checkpoint
// which this process has seen: signing on from there could contradict it.
func (t *Tree) last(ctx context.Context) (lastSigned, bool, error) {
	seen := t.seen() // before reading: the stored one can only be newer
	s, ok, err := t.storage.latest(ctx)
	if err != nil {
		return lastSigned{}, false, fmt.Errorf("read the last checkpoint: %w", err)
	}
	if ok && s.note == seen.note {
		return seen, true, nil
	}
	last := lastSigned{signedAt: s.signedAt, note: s.note}
	if ok {
		c, err := t.policy.OpenCheckpoint([]byte(s.note))
		if err != nil {
			return lastSigned{}, false, fmt.Errorf("stored checkpoint of size %d: %w", s.size, err)
		}
		last.tree = c.Tree()
	}
	if seen.note != "" && (!ok || last.tree.N < seen.tree.N || last.tree.N == seen.tree.N && last.tree.Hash != seen.tree.Hash) {
		return lastSigned{}, false, &DamagedError{
			What:    "checkpoints",
			Problem: fmt.Sprintf("the newest has size %d, one of size %d was published before", last.tree.N, seen.tree.N),
		}
	}
	if ok {
		t.advance(last)
	}
	return last, ok, nil
}

// seen returns the newest checkpoint that this process has seen.
func (t *Tree) seen() lastSigned {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.newest
}

// advance makes a checkpoint the newest and wakes whoever waits for it.
func (t *Tree) advance(c lastSigned) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.newest.note != "" && c.tree.N <= t.newest.tree.N {
		return
	}
	t.newest = c
	close(t.advanced)
	t.advanced = make(chan struct{})
}
