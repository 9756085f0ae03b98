package freshness

import (
	"context"
	"errors"
	"sync"
	"time"
)

// The time that a poll is given. A poll that the network swallows must not keep the node from trying again, and one
// that has much to read must come to its end some time, so that each failure doubles what the next one gets.
const (
	minPatience = time.Second
	maxPatience = 30 * time.Second
)

// maxRest bounds the pause after each poll, for which checks that wait for a poll of their own wait too.
const maxRest = 10 * time.Millisecond

// Run polls until ctx ends: every Every, sooner when woken, and at once while there is more to learn. A node whose log
// has forked stops, since nothing that it could learn would help.
func (n *Node) Run(ctx context.Context) {
	var hints sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	defer hints.Wait()
	defer stop()
	if n.config.Hints != nil {
		hints.Go(func() { n.listen(ctx) })
		hints.Go(func() { n.announceCommits(ctx) })
	}
	patience := minPatience
	for ctx.Err() == nil && !n.State().Forked {
		attempt, cancel := context.WithTimeout(ctx, patience)
		behind, err := n.RunOnce(attempt)
		cancel()
		switch {
		case behind:
			continue
		case errors.Is(err, context.DeadlineExceeded):
			patience = min(2*patience, maxPatience)
		default:
			patience = minPatience
		}
		// However often the node is woken, it leaves the database some rest.
		rest := min(n.config.Every/10, maxRest)
		if sleep(ctx, rest, nil) != nil || sleep(ctx, n.config.Every-rest, n.wake) != nil {
			return
		}
	}
}

// sleep waits for a while, or less if woken. It returns an error only if ctx has ended.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// relisten is how long a node whose listening connection broke polls before it tries to listen again.
const relisten = 5 * time.Second

func (n *Node) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := n.config.Hints.Listen(ctx, n.Wake)
		if err != nil && ctx.Err() == nil {
			n.config.Errors.InfoContext(ctx, "announcements of other nodes cannot be heard: polling goes on without them", "error", err)
		}
		if sleep(ctx, relisten, nil) != nil {
			return
		}
	}
}

// Committed lets other nodes hear that this one has committed something.
func (n *Node) Committed() { n.hint() }

func (n *Node) hint() {
	select {
	case n.announce <- struct{}{}:
	default: // one announcement is enough for whatever is committed before it is made
	}
}

func (n *Node) announceCommits(ctx context.Context) {
	for {
		select {
		case <-n.announce:
		case <-ctx.Done():
			return
		}
		// A hint that is not made costs the others up to one poll's time, so its error is nobody's concern.
		_ = n.config.Hints.Announce(ctx)
		if sleep(ctx, n.config.Every/10, nil) != nil {
			return
		}
	}
}
