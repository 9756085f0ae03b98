package suppression

import (
	"context"
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
	s.changing.Lock()
	defer s.changing.Unlock()
	l, err := s.Get(id)
	if err != nil {
		return Change{}, err
	}
	cipher := s.vault.ListCipher(l.Number)
	there, err := s.standing(ctx, cipher, l.Number, slices.Concat(add, remove))
	if err != nil {
		return Change{}, err
	}
	c := Change{List: l, Add: distinct(add, there, false), Delete: distinct(remove, there, true)}
	c.Added, c.Removed = len(c.Add), len(c.Delete)
	if c.Added+c.Removed == 0 {
		return c, nil
	}
	c.List.Members += c.Added - c.Removed
	err = s.record(ctx, by, c, func(ctx context.Context, tx store.Tx) error {
		if err := tx.Load(ctx, "list_members", []string{"list", "member"}, rows(cipher, l.Number, c.Add)); err != nil {
			return fmt.Errorf("add to list %s: %w", id, err)
		}
		if err := tx.ExecMany(ctx, "DELETE FROM list_members WHERE list = $1 AND member = $2", rows(cipher, l.Number, c.Delete)); err != nil {
			return fmt.Errorf("take from list %s: %w", id, err)
		}
		return nil
	})
	return c, err
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
	count int
	chunk []phone.Number
	seen  map[phone.Number]struct{}
}

// Replace begins to replace a list's members by others. Nothing changes until Commit; a replacement that is given up
// leaves rows that no list owns, which the next replacement of any list clears away.
func (s *Lists) Replace(ctx context.Context, id string) (*Replacement, error) {
	s.changing.Lock()
	l, err := s.Get(id)
	if err != nil {
		s.changing.Unlock()
		return nil, err
	}
	r := &Replacement{lists: s, list: l, old: l.Number, seen: map[phone.Number]struct{}{}}
	r.list.Number = s.nextNumber()
	if err := s.clearOrphans(ctx); err != nil {
		s.changing.Unlock()
		return nil, err
	}
	return r, nil
}

// clearOrphans deletes members under numbers that no list has, left behind by a replacement that did not end.
func (s *Lists) clearOrphans(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM list_members WHERE list >= $1", s.nextNumber())
		return err
	})
}

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
	err := r.lists.record(ctx, by, c, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM list_members WHERE list = $1", r.old)
		return err
	})
	return r.list, err
}

// Close ends the replacement, whether it was committed or not, and lets others change lists again.
func (r *Replacement) Close() { r.lists.changing.Unlock() }

// Members calls fn with every number on a list.
func (s *Lists) Members(ctx context.Context, l List, fn func(phone.Number)) error {
	cipher := s.vault.ListCipher(l.Number)
	return s.db.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, "SELECT member FROM list_members WHERE list = $1", l.Number), func(r store.Row) error {
			n, err := cipher.Decipher(r.Bytes(0))
			if err != nil {
				return fmt.Errorf("a member of list %s %w", l.ID, err)
			}
			fn(n)
			return nil
		})
	})
}
