package freshness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/store"
)

// UnequalError says that another node that runs keeps itself fresh in another way: whoever waits less than another node
// may answer would call obeyed what is not.
type UnequalError struct{ Theirs, Ours string } // values of --freshness

func (e *UnequalError) Error() string {
	return fmt.Sprintf("a node of this database runs with --freshness %s, and this one has %s: give all nodes the same, or stop the others first", e.Theirs, e.Ours)
}

// confirms is what stands for a lease in the row of a node whose every check polls.
const confirms = -1

// silence is for how long a node that differs must not have polled until it counts as ended, if its lease is shorter.
const silence = time.Second

// Join enters the node among those that run, and returns an *UnequalError if one of them keeps another lease. One that
// ended without leaving is told from one that runs by whether it polls, which takes as long as its lease.
//
// The row is committed before others' are read, so that of two that join at once at least one sees the other; and a row
// that is deleted here makes its node, should it come back, join again.
func (n *Node) Join(ctx context.Context) error {
	err := n.config.Database.Poll(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO nodes (incarnation, polls, lease)
			VALUES ($1, 0, $2)
			ON CONFLICT (incarnation) DO NOTHING`, n.incarnation[:], n.lease())
		return err
	})
	if err == nil {
		err = n.agree(ctx)
	}
	var unequal *UnequalError
	if errors.As(err, &unequal) { // or it would stand in the way of others for a while
		err = errors.Join(err, n.Leave(ctx))
	}
	if err != nil {
		return fmt.Errorf("join the nodes: %w", err)
	}
	return nil
}

// agree compares, and takes out of the table whoever differs and has fallen silent.
func (n *Node) agree(ctx context.Context) error {
	var before []differing
	var longest int64
	err := n.config.Database.Poll(ctx, func(tx store.Tx) (err error) {
		before, err = n.differing(ctx, tx)
		return err
	})
	if err != nil || len(before) == 0 {
		return err
	}
	polls := map[[16]byte]int64{}
	for _, d := range before {
		polls[d.incarnation] = d.polls
		longest = max(longest, d.lease)
	}
	lease := time.Duration(longest) * time.Microsecond
	if err := sleep(ctx, max(silence, lease+lease/20), nil); err != nil {
		return err
	}
	return n.config.Database.Poll(ctx, func(tx store.Tx) error {
		after, err := n.differing(ctx, tx)
		if err != nil {
			return err
		}
		for _, d := range after {
			if count, there := polls[d.incarnation]; !there || count != d.polls {
				return &UnequalError{Theirs: told(d.lease), Ours: told(n.lease())}
			}
			if _, err := tx.Exec(ctx, "DELETE FROM nodes WHERE incarnation = $1", d.incarnation[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// differing is the row of a node with another lease.
type differing struct {
	incarnation  [16]byte
	polls, lease int64
}

func (n *Node) differing(ctx context.Context, tx store.Tx) (out []differing, err error) {
	const query = "SELECT incarnation, polls, lease FROM nodes WHERE lease <> 0 AND lease <> $1"
	err = store.Each(tx.Query(ctx, query, n.lease()), func(r store.Row) error {
		out = append(out, differing{[16]byte(r.Bytes(0)), r.Int64(1), r.Int64(2)})
		return nil
	})
	return out, err
}

// lease is what the node's row says of it.
func (n *Node) lease() int64 {
	if n.config.Confirms {
		return confirms
	}
	return n.config.Delta.Microseconds()
}

func told(lease int64) string {
	if lease == confirms {
		return "readindex"
	}
	return (time.Duration(lease) * time.Microsecond).String()
}
