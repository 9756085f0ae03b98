package freshness

import (
	"context"
	"fmt"

	"github.com/consentline/consentline/internal/store"
)

// Census takes the rows of processes that have ended out of the table nodes. No decision about freshness rests on them.
type Census struct {
	Database Database

	polls map[[16]byte]int64 // as they stood the last time
}

// RunOnce deletes the nodes that have not polled since it was last run. Run it once an hour: a node that comes back
// after that joins anew.
func (c *Census) RunOnce(ctx context.Context) (done int, err error) {
	now := map[[16]byte]int64{}
	err = c.Database.Poll(ctx, func(tx store.Tx) error {
		done = 0
		clear(now)
		err := store.Each(tx.Query(ctx, "SELECT incarnation, polls FROM nodes"), func(r store.Row) error {
			now[[16]byte(r.Bytes(0))] = r.Int64(1)
			return nil
		})
		if err != nil {
			return err
		}
		for node, polls := range now {
			if before, there := c.polls[node]; !there || before != polls {
				continue
			}
			if _, err := tx.Exec(ctx, "DELETE FROM nodes WHERE incarnation = $1", node[:]); err != nil {
				return err
			}
			delete(now, node)
			done++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count the nodes: %w", err)
	}
	c.polls = now
	return done, nil
}

// Leave takes the node's own row out of the table, when it ends in order.
func (n *Node) Leave(ctx context.Context) error {
	return n.config.Database.Poll(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM nodes WHERE incarnation = $1", n.incarnation[:])
		return err
	})
}
