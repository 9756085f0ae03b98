package verify

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// InconsistentError says that a checkpoint does not continue an older one: the log's history was rewritten, or the log
// showed different histories to different people.
type InconsistentError struct {
	Old, New tlog.Tree
	Reason   error // what the proof failed with; nil if sizes or roots show it by themselves
}

func (e *InconsistentError) Error() string {
	msg := fmt.Sprintf("the log at size %d (root %s) does not continue the log at size %d (root %s)",
		e.New.N, e.New.Hash, e.Old.N, e.Old.Hash)
	if e.Reason != nil {
		msg += ": " + e.Reason.Error()
	}
	return msg
}

func (e *InconsistentError) Unwrap() error { return e.Reason }

// CheckConsistency checks a consistency proof (RFC 6962, section 2.1.2) that newer continues older. Every log continues
// the empty one, and a log of the same size has the same root; both take an empty proof.
func CheckConsistency(older, newer tlog.Tree, proof tlog.TreeProof) error {
	if older.N > newer.N || older.N < 0 {
		return &InconsistentError{Old: older, New: newer}
	}
	if older.N == 0 || older.N == newer.N {
		wrongRoot := older.N == 0 && older.Hash != emptyRoot || older.N == newer.N && older.Hash != newer.Hash
		if wrongRoot || len(proof) != 0 {
			return &InconsistentError{Old: older, New: newer}
		}
		return nil
	}
	if err := tlog.CheckTree(proof, newer.N, newer.Hash, older.N, older.Hash); err != nil {
		return &InconsistentError{Old: older, New: newer, Reason: err}
	}
	return nil
}

// ProveConsistency makes the proof that newer continues older from the log's tiles, and checks it. Each tile is traced
// to newer's root first; an older tree that is no prefix of newer is an InconsistentError.
func ProveConsistency(ctx context.Context, src Source, older, newer tlog.Tree) (tlog.TreeProof, error) {
	if older.N <= 0 || older.N >= newer.N {
		return nil, CheckConsistency(older, newer, nil)
	}
	proof, err := tlog.ProveTree(newer.N, older.N, HashReader(ctx, src, newer))
	if err != nil {
		return nil, fmt.Errorf("prove that size %d continues size %d: %w", newer.N, older.N, err)
	}
	return proof, CheckConsistency(older, newer, proof)
}

// ProveInclusion makes the proof that the tree holds its record at index from the log's tiles, each traced to the tree's
// root. The proof holds for one record only; tlog.CheckRecord or VerifyProof shows whether it is the one in question.
func ProveInclusion(ctx context.Context, src Source, tree tlog.Tree, index int64) (tlog.RecordProof, error) {
	if index < 0 || index >= tree.N {
		return nil, fmt.Errorf("index %d is beyond the log's size %d", index, tree.N)
	}
	proof, err := tlog.ProveRecord(tree.N, index, HashReader(ctx, src, tree))
	if err != nil {
		return nil, fmt.Errorf("prove index %d in size %d: %w", index, tree.N, err)
	}
	return proof, nil
}

// HashReader returns a reader of the tree's hashes that loads tiles from the source and trusts none before it has traced
// it to the tree's root. It is for one goroutine and one proof or a few: it remembers the tiles it has seen.
func HashReader(ctx context.Context, src Source, tree tlog.Tree) tlog.HashReader {
	return tlog.TileHashReader(tree, &tileReader{ctx: ctx, src: src, seen: map[tlog.Tile][]byte{}})
}

// tileReader fetches tiles for tlog.TileHashReader, whose interface has no context of its own.
type tileReader struct {
	ctx  context.Context
	src  Source
	seen map[tlog.Tile][]byte // traced tiles only
}

func (r *tileReader) Height() int { return TileHeight }

func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, t := range tiles {
		if data, ok := r.seen[t]; ok {
			all[i] = data
			continue
		}
		data, width, err := fetchWide(r.ctx, r.src, t)
		if err != nil {
			return nil, err
		}
		if len(data) != width*tlog.HashSize {
			return nil, &lengthError{path: TilePath(t), got: len(data), want: width * tlog.HashSize}
		}
		all[i] = data[:t.W*tlog.HashSize]
	}
	return all, nil
}

func (r *tileReader) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	for i, t := range tiles {
		r.seen[t] = data[i]
	}
}

// ErrCommitment says that an opened body and salt are not what the entry's leaf commits to.
var ErrCommitment = errors.New("the body and salt are not what the entry commits to")

// VerifyOpening checks that the leaf commits to this body under this salt.
func VerifyOpening(leaf Leaf, salt Salt, body []byte) error {
	if Commit(salt, body) != leaf.Commitment {
		return fmt.Errorf("entry %d: %w", leaf.Seq, ErrCommitment)
	}
	return nil
}
