// Package freshness keeps one node of several up to date with the ledger, and keeps its word that what was acknowledged
// is obeyed everywhere.
//
// Nodes know nothing of each other. Each polls the database, and a poll that was committed, and whose answer was
// applied, lets the node answer until Delta after the poll was sent. Whoever has committed an act that restricts waits
// for Delta and a margin before saying that all nodes obey: by then every node has seen the act or has fallen silent.
// No node's clock is compared with another's, nor with the database's; they need only run equally fast. It stores a
// row in the table nodes, which nothing depends on once the process has ended.
package freshness

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// Database is where the ledger is.
type Database interface {
	// Poll must run fn in a transaction on one snapshot taken after the call, and must return nil only if the
	// transaction was committed as durably as any.
	Poll(ctx context.Context, fn func(store.Tx) error) error
}

// Log is the ledger as a node follows it.
type Log interface {
	// Reached returns the last entry that the observer was told of.
	Reached() ledger.Place

	// Follow reads what has changed since the observer was told of an entry, up to the entry To of the commit or to the
	// head, which it returns too. It must fail with a *ledger.ForkedError if the log is not the one that was followed.
	Follow(ctx context.Context, tx store.Tx, told ledger.Place) (ledger.Commit, uint64, error)

	// Tell must return when everything up to the commit's last entry is applied.
	Tell(ledger.Commit)
}

// Hints let nodes hear of commits sooner than at their next poll. Nothing depends on them.
type Hints interface {
	Announce(ctx context.Context) error
	Listen(ctx context.Context, wake func()) error // until ctx ends or the connection breaks
}

// The values of a Config that says nothing else.
const (
	DefaultDelta = 500 * time.Millisecond
	DefaultEvery = 100 * time.Millisecond
)

// Config says what a node follows and how closely. All nodes of a deployment must have the same Delta, or all Confirms;
// Join sees to it.
type Config struct {
	Database Database
	Log      Log
	Lease    *check.Lease
	Clock    func() check.Instant // must run while the machine sleeps; nil: check.BootClock
	Hints    Hints                // nil: none
	Errors   *slog.Logger         // nil: nothing is logged

	Confirms bool // every check waits for Confirm, and nobody for Settle

	Delta time.Duration // for how long a poll keeps the node fresh; zero means DefaultDelta
	Drift time.Duration // how much clocks may disagree about Delta; zero means a twentieth of it, at least 10 ms
	Every time.Duration // how often the node polls; zero means DefaultEvery, at most a quarter of Delta
}

func (c *Config) setDefaults() {
	if c.Clock == nil {
		c.Clock = check.BootClock
	}
	if c.Errors == nil {
		c.Errors = slog.New(slog.DiscardHandler)
	}
	if c.Delta <= 0 {
		c.Delta = DefaultDelta
	}
	if c.Drift <= 0 {
		c.Drift = max(c.Delta/20, 10*time.Millisecond)
	}
	if c.Every <= 0 {
		c.Every = min(DefaultEvery, c.Delta/4)
	}
}

// Node is one process that follows the ledger. It is safe for concurrent use.
type Node struct {
	config      Config
	incarnation [16]byte
	wake        chan struct{}
	announce    chan struct{}
	apart       bool // others took this node for ended; belongs to RunOnce

	mu      sync.Mutex
	waiting []chan struct{} // for the next poll that begins
	state   State
}

// State is what a node knows of its own freshness.
type State struct {
	Incarnation [16]byte
	Head        uint64 // the last entry that a poll has named
	Polls       uint64 // that were committed and applied
	Failures    uint64
	LastSent    check.Instant // when the last of these polls was sent; zero before the first
	LastError   error         // of the last poll; nil if it succeeded
	Forked      bool
}

// Lag is for how long the node has heard nothing of the ledger: the time since the last poll that was applied was sent.
func (n *Node) Lag() time.Duration { return time.Duration(n.config.Clock() - n.State().LastSent) }

// New returns a node that has not polled yet.
func New(c Config) *Node {
	c.setDefaults()
	n := &Node{config: c, wake: make(chan struct{}, 1), announce: make(chan struct{}, 1)}
	if _, err := rand.Read(n.incarnation[:]); err != nil {
		panic(err) // crypto/rand does not fail
	}
	n.state.Incarnation = n.incarnation
	return n
}

// Incarnation is the random name of this process in the table nodes. It is never that of an earlier process.
func (n *Node) Incarnation() [16]byte { return n.incarnation }

// State returns what the node knows of its freshness.
func (n *Node) State() State {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state
}

// RunOnce polls once; behind says that there is more to learn at once. The lease counts from before the poll was sent:
// the answer may be as old as that. The node must have joined.
func (n *Node) RunOnce(ctx context.Context) (behind bool, err error) {
	waiting := n.begin()
	sent := n.config.Clock()
	var c ledger.Commit
	var head uint64
	err = n.config.Database.Poll(ctx, func(tx store.Tx) (err error) {
		told := n.config.Log.Reached() // before the snapshot, which may be old when there is an answer
		if err := n.count(ctx, tx); err != nil {
			return err
		}
		c, head, err = n.config.Log.Follow(ctx, tx, told)
		return err
	})
	if err != nil {
		n.failed(err, waiting)
		return false, err
	}
	n.config.Log.Tell(c)
	if n.apart { // the row was gone, or this is another copy of the database: it is the log, so who else runs there?
		if err := n.Join(ctx); err != nil {
			n.failed(err, waiting)
			return false, err
		}
		n.apart = false
	}
	if c.To < head {
		n.again(waiting)
		return true, nil
	}
	n.config.Lease.Extend(sent, n.config.Delta)
	n.succeeded(head, sent, waiting)
	return false, nil
}

// count writes, so that a server which can no longer commit keeps nobody fresh, however well it still answers.
func (n *Node) count(ctx context.Context, tx store.Tx) error {
	rows, err := tx.Exec(ctx, "UPDATE nodes SET polls = polls + 1 WHERE incarnation = $1", n.incarnation[:])
	if err == nil && rows == 0 {
		n.apart = true
		_, err = tx.Exec(ctx, "INSERT INTO nodes (incarnation, polls, lease) VALUES ($1, 1, $2)", n.incarnation[:], n.lease())
	}
	if err != nil {
		return fmt.Errorf("count the poll: %w", err)
	}
	return nil
}

func (n *Node) begin() []chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	waiting := n.waiting
	n.waiting = nil
	return waiting
}

func (n *Node) again(waiting []chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.waiting = append(n.waiting, waiting...)
}

func (n *Node) succeeded(head uint64, sent check.Instant, waiting []chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state.Head, n.state.LastSent, n.state.LastError = head, sent, nil
	n.state.Polls++
	for _, w := range waiting {
		close(w)
	}
}

// failed leaves the lease to run out; only a fork ends it at once.
func (n *Node) failed(err error, waiting []chan struct{}) {
	n.again(waiting)
	var forked *ledger.ForkedError
	if errors.As(err, &forked) {
		n.config.Lease.Break()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state.Failures++
	if forked != nil {
		n.state.Forked = true
		n.config.Errors.Error("this node answers every check stale, and keeps what it has suppressed, until it is restarted on the right database",
			"error", err, "do", "find out which copy of the database is the true one; if it is this one, restart the node; withdrawals after its last entry are lost there and must be recorded again")
	} else if n.state.LastError == nil {
		n.config.Errors.Warn("the ledger cannot be polled: checks are answered stale once the lease has run out", "error", err)
	}
	n.state.LastError = err
}

// Settle begins a wait, right after a commit, and returns what waits until no node can answer from before it.
func (n *Node) Settle() func(context.Context) error {
	due := n.config.Clock() + check.Instant(n.config.Delta+n.config.Drift)
	n.hint()
	return func(ctx context.Context) error {
		for {
			left := time.Duration(due - n.config.Clock())
			if left <= 0 {
				return nil
			}
			// The timer may stand still while the machine sleeps, so the clock is asked again.
			if err := sleep(ctx, left, nil); err != nil {
				return err
			}
		}
	}
}

// Confirm returns once a poll that began after the call has been applied: what was acknowledged to anybody before the
// call is then known here, whatever the clocks do. All who wait share the next poll.
func (n *Node) Confirm(ctx context.Context) error {
	w := make(chan struct{})
	n.again([]chan struct{}{w})
	n.Wake()
	select {
	case <-w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wake lets the next poll begin at once.
func (n *Node) Wake() {
	select {
	case n.wake <- struct{}{}:
	default: // it is about to begin
	}
}
