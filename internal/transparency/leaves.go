package transparency

import (
	"context"
	"fmt"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/verify"
)

// leaves returns the leaves of committed entries from seq first on, at most limit. A gap, or a row that can be no leaf,
// is a DamagedError.
func (s storage) leaves(ctx context.Context, first uint64, limit int) ([]verify.Leaf, error) {
	var out []verify.Leaf
	err := s.db.Read(ctx, func(tx store.Tx) error {
		out = make([]verify.Leaf, 0, min(limit, verify.TileWidth))
		return store.Each(tx.Query(ctx, `
			SELECT seq, recorded_at, kind, leaf
			FROM ledger
			WHERE seq >= $1
			ORDER BY seq
			LIMIT $2`, first, limit), func(r store.Row) error {
			leaf, err := readLeaf(r, first+uint64(len(out)))
			out = append(out, leaf)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read leaves from entry %d: %w", first, err)
	}
	return out, nil
}

func readLeaf(r store.Row, want uint64) (verify.Leaf, error) {
	seq, kind, commitment := r.Int64(0), r.Int64(2), r.Bytes(3)
	leaf := verify.Leaf{Seq: uint64(seq), RecordedAt: r.Int64(1), Kind: byte(kind)}
	if leaf.Seq != want {
		return leaf, &DamagedError{What: fmt.Sprintf("entry %d", want), Problem: fmt.Sprintf("entry %d follows the one before it", seq)}
	}
	if int64(leaf.Kind) != kind || copy(leaf.Commitment[:], commitment) != len(leaf.Commitment) || len(commitment) != len(leaf.Commitment) {
		return leaf, &DamagedError{
			What:    fmt.Sprintf("entry %d", want),
			Problem: fmt.Sprintf("kind %d and a commitment of %d bytes make no leaf", kind, len(commitment)),
		}
	}
	return leaf, nil
}
