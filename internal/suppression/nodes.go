package suppression

import (
	"context"
	"fmt"

	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// retained is for how many entries the single changes of lists are kept for other nodes. A node that is further behind
// reads the lists that changed as a whole.
const retained = 100_000

// tellNodes writes what other nodes need to follow a change of single members.
func (s *Lists) tellNodes(ctx context.Context, tx store.Tx, seq uint64, cipher vault.ListCipher, c Change) error {
	if len(s.node) == 0 {
		return nil
	}
	if seq > retained {
		if _, err := tx.Exec(ctx, "DELETE FROM list_changes WHERE seq <= $1", seq-retained); err != nil {
			return fmt.Errorf("forget old changes of lists: %w", err)
		}
	}
	changed := make([][]any, 0, len(c.Add)+len(c.Delete))
	for i, numbers := range [][]phone.Number{c.Delete, c.Add} {
		for _, n := range numbers {
			m := cipher.Encipher(n)
			changed = append(changed, []any{seq, c.List.Number, m[:], i})
		}
	}
	if err := tx.Load(ctx, "list_changes", []string{"seq", "list", "member", "added"}, changed); err != nil {
		return fmt.Errorf("tell other nodes of list %s: %w", c.List.ID, err)
	}
	return nil
}

// Since returns what has become of a list after entry from, up to the definition l, which another node has put in
// force at entry seq. Only if Replaced is false does Add and Delete tell it all.
func (s *Lists) Since(ctx context.Context, l List, from, seq uint64) (Change, error) {
	c := Change{List: l, Replaced: true}
	known, err := s.Get(l.ID)
	if err != nil || known.Number != l.Number || seq > from+retained {
		return c, nil // new here, or others in the place of those that are known, or too far behind
	}
	cipher := s.vault.ListCipher(l.Number)
	last := map[phone.Number]int64{}
	err = s.db.Read(ctx, func(tx store.Tx) error {
		now, err := inForce(ctx, tx, l)
		if err != nil || now.Number != l.Number {
			return err // replaced meanwhile: what was kept of it may be gone
		}
		c.Replaced = false
		const query = "SELECT member, added FROM list_changes WHERE list = $1 AND seq > $2 ORDER BY seq"
		return store.Each(tx.Query(ctx, query, l.Number, from), func(r store.Row) error {
			n, err := cipher.Decipher(r.Bytes(0))
			if err != nil {
				return fmt.Errorf("a change of list %s %w", l.ID, err)
			}
			last[n] = r.Int64(1)
			return nil
		})
	})
	for n, added := range last {
		if added != 0 {
			c.Add = append(c.Add, n)
		} else {
			c.Delete = append(c.Delete, n)
		}
	}
	return c, err
}
