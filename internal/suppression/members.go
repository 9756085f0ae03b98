package suppression

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// loadChunk is how many members of a replacement go into one transaction, so that nobody waits long behind it.
const loadChunk = 5000

// Add puts numbers on a list, and returns how many did not stand on it yet.
func (s *Lists) Add(ctx context.Context, by, id string, numbers []phone.Number) (List, int, error) {
	c, err := s.Edit(ctx, by, id, numbers, nil)
	return c.List, c.Added, err
}

// Delete takes numbers from a list, and returns how many stood on it.
func (s *Lists) Delete(ctx context.Context, by, id string, numbers []phone.Number) (List, int, error) {
	c, err := s.Edit(ctx, by, id, nil, numbers)
	return c.List, c.Removed, err
}

// Edit adds and removes numbers in one entry, and returns the change that it came to. Numbers that stand where they
// should already make no entry. No number may be in both.
func (s *Lists) Edit(ctx context.Context, by, id string, add, remove []phone.Number) (Change, error) {
	var c Change
	err := s.change(ctx, by, id, func() (Change, writeFunc, error) {
		l, err := s.Get(id)
		if err != nil {
			return Change{}, nil, err
		}
		cipher := s.vault.ListCipher(l.Number)
		there, err := s.standing(ctx, cipher, l.Number, slices.Concat(add, remove))
		if err != nil {
			return Change{}, nil, err
		}
		c = Change{List: l, Add: distinct(add, there, false), Delete: distinct(remove, there, true)}
		c.Added, c.Removed = len(c.Add), len(c.Delete)
		if c.Added+c.Removed == 0 {
			return Change{}, nil, nil
		}
		c.List.Members += c.Added - c.Removed
		return c, s.edit(cipher, c), nil
	})
	return c, err
}

// edit returns what writes a change of single members.
func (s *Lists) edit(cipher vault.ListCipher, c Change) writeFunc {
	list := c.List.Number
	return func(ctx context.Context, tx store.Tx, seq uint64) error {
		if err := tx.Load(ctx, "list_members", []string{"list", "member"}, rows(cipher, list, c.Add)); err != nil {
			return fmt.Errorf("add to list %s: %w", c.List.ID, err)
		}
		if err := tx.ExecMany(ctx, "DELETE FROM list_members WHERE list = $1 AND member = $2", rows(cipher, list, c.Delete)); err != nil {
			return fmt.Errorf("take from list %s: %w", c.List.ID, err)
		}
		return s.tellNodes(ctx, tx, seq, cipher, c)
	}
}

// standing returns which of the numbers stand on the list.
func (s *Lists) standing(ctx context.Context, cipher vault.ListCipher, list uint64, numbers []phone.Number) (map[phone.Number]bool, error) {
	there := map[phone.Number]bool{}
	err := s.db.Read(ctx, func(tx store.Tx) error {
		const query = "SELECT 1 FROM list_members WHERE list = $1 AND member = $2"
		for found, err := range tx.QueryMany(ctx, query, rows(cipher, list, numbers)) {
			if err != nil {
				return err
			}
			there[numbers[found.Set]] = true
		}
		return nil
	})
	return there, err
}

// distinct returns the numbers, once each, that stand on the list or that do not.
func distinct(numbers []phone.Number, there map[phone.Number]bool, standing bool) []phone.Number {
	var out []phone.Number
	taken := map[phone.Number]bool{}
	for _, n := range numbers {
		if there[n] == standing && !taken[n] {
			taken[n] = true
			out = append(out, n)
		}
	}
	return out
}

func rows(cipher vault.ListCipher, list uint64, numbers []phone.Number) [][]any {
	out := make([][]any, len(numbers))
	for i, n := range numbers {
		m := cipher.Encipher(n)
		out[i] = []any{list, m[:]}
	}
	return out
}

// Replacement is a whole list on its way into the place of its members.
type Replacement struct {
	lists *Lists
	list  List
	old   uint64
	saw   uint64 // the entry that put the list in force as it was when the replacement began
	count int
	chunk []phone.Number
	seen  map[phone.Number]struct{}
}

// Replace begins to replace a list's members by others. Nothing changes until Commit; a replacement that is given up
// leaves rows that no list owns, which the next replacement of any list clears away.
func (s *Lists) Replace(ctx context.Context, id string) (*Replacement, error) {
	s.changing.Lock()
	seen := s.seen(id)
	l, err := s.Get(id)
	if err != nil {
		s.changing.Unlock()
		return nil, err
	}
	r := &Replacement{lists: s, list: l, old: l.Number, saw: seen, seen: map[phone.Number]struct{}{}}
	r.list.Number = newNumber()
	if err := s.beginLoad(ctx, r.list.Number); err != nil {
		s.changing.Unlock()
		return nil, err
	}
	return r, nil
}

// beginLoad makes room for members under a new number, and clears away what a load has left that did not end: one of
// this process, since it has one at a time, or of a node that is gone.
func (s *Lists) beginLoad(ctx context.Context, number uint64) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		const orphans = "SELECT list FROM list_loads WHERE node = $1 OR node NOT IN (SELECT incarnation FROM nodes)"
		if _, err := tx.Exec(ctx, "DELETE FROM list_members WHERE list IN ("+orphans+")", s.nodeName()); err != nil {
			return fmt.Errorf("clear what loads have left: %w", err)
		}
		if _, err := tx.Exec(ctx, "DELETE FROM list_loads WHERE list IN ("+orphans+")", s.nodeName()); err != nil {
			return fmt.Errorf("clear what loads have left: %w", err)
		}
		_, err := tx.Exec(ctx, "INSERT INTO list_loads (list, node) VALUES ($1, $2)", number, s.nodeName())
		return err
	})
}

func (s *Lists) nodeName() []byte { return append([]byte{}, s.node...) }

// Add adds members to the replacement; one that is there already is ignored.
func (r *Replacement) Add(ctx context.Context, numbers ...phone.Number) error {
	for _, n := range numbers {
		if _, there := r.seen[n]; there {
			continue
		}
		r.seen[n] = struct{}{}
		r.chunk = append(r.chunk, n)
	}
	if len(r.chunk) < loadChunk {
		return nil
	}
	return r.flush(ctx)
}

func (r *Replacement) flush(ctx context.Context) error {
	cipher := r.lists.vault.ListCipher(r.list.Number)
	err := r.lists.db.InTx(ctx, func(tx store.Tx) error {
		return tx.Load(ctx, "list_members", []string{"list", "member"}, rows(cipher, r.list.Number, r.chunk))
	})
	if err != nil {
		return fmt.Errorf("load list %s: %w", r.list.ID, err)
	}
	r.count += len(r.chunk)
	r.chunk = r.chunk[:0]
	return nil
}

// Commit puts the replacement in force, as the truth of the moment asOf.
func (r *Replacement) Commit(ctx context.Context, by string, asOf time.Time) (List, error) {
	if err := r.flush(ctx); err != nil {
		return List{}, err
	}
	before := r.list.Members
	r.list.Members, r.list.AsOf = r.count, ledger.Time(asOf.UTC().Truncate(time.Microsecond))
	c := Change{List: r.list, Added: r.count, Removed: before, Replaced: true}
	pending, err := r.lists.record(ctx, by, c, r.saw, func(ctx context.Context, tx store.Tx, _ uint64) error {
		ours, err := tx.Exec(ctx, "DELETE FROM list_loads WHERE list = $1", r.list.Number)
		if err != nil {
			return err
		}
		if ours != 1 { // another node took this one for dead, and has cleared away what it had loaded
			return fmt.Errorf("the load of list %s was given up: begin it again", r.list.ID)
		}
		_, err = tx.Exec(ctx, "DELETE FROM list_members WHERE list = $1", r.old)
		return err
	})
	if err != nil {
		return r.list, err
	}
	return r.list, pending.Wait(ctx)
}

// Close ends the replacement, whether it was committed or not, and lets others change lists again.
func (r *Replacement) Close() { r.lists.changing.Unlock() }

// Members calls fn with every number on a list, as it stands now: if it was replaced since l was read, with the new ones.
func (s *Lists) Members(ctx context.Context, l List, fn func(phone.Number)) error {
	return s.db.Read(ctx, func(tx store.Tx) error {
		now, err := inForce(ctx, tx, l)
		if err != nil {
			return err
		}
		cipher := s.vault.ListCipher(now.Number)
		return store.Each(tx.Query(ctx, "SELECT member FROM list_members WHERE list = $1", now.Number), func(r store.Row) error {
			n, err := cipher.Decipher(r.Bytes(0))
			if err != nil {
				return fmt.Errorf("a member of list %s %w", l.ID, err)
			}
			fn(n)
			return nil
		})
	})
}

// inForce returns the list as this snapshot has it. Members under a number that it no longer has are deleted.
func inForce(ctx context.Context, tx store.Tx, l List) (now List, err error) {
	var body string
	err = store.One(tx.Query(ctx, "SELECT body FROM definitions WHERE kind = $1 AND id = $2", kindList, l.ID), func(r store.Row) { body = r.Text(0) })
	if err != nil {
		return now, fmt.Errorf("find list %s: %w", l.ID, err)
	}
	if err := json.Unmarshal([]byte(body), &now); err != nil {
		return now, fmt.Errorf("list %q: %w", l.ID, err)
	}
	return now, nil
}
