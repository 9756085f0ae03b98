package transparency

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/consentline/consentline/verify"
	"golang.org/x/mod/sumdb/tlog"
)

// What callers decide by.
var (
	// ErrNoResource is what Resource returns for a path that is no resource of the log as its newest checkpoint has it.
	ErrNoResource = errors.New("no such resource in the log")

	// ErrNotIntegrated says that no checkpoint covers the entry yet; WaitIntegrated waits for one that does.
	ErrNotIntegrated = errors.New("no checkpoint covers this entry yet")
)

// The content types that C2SP tlog-tiles prescribes.
const (
	contentCheckpoint = "text/plain; charset=utf-8"
	contentTile       = "application/octet-stream"
)

// Resource returns a resource of the log as C2SP tlog-tiles lays it out: checkpoint, tile/<L>/<N>[.p/<W>] or
// tile/entries/<N>[.p/<W>]. What is cacheable never changes; the checkpoint does, and must not be cached for more than
// a few seconds. Nothing beyond the newest checkpoint is served: that is ErrNoResource, as are all other paths.
func (t *Tree) Resource(ctx context.Context, path string) (body []byte, contentType string, cacheable bool, err error) {
	last, ok, err := t.last(ctx)
	if err != nil {
		return nil, "", false, err
	}
	if !ok {
		return nil, "", false, fmt.Errorf("%w: nothing is signed yet", ErrNoResource)
	}
	if path == verify.CheckpointPath {
		return []byte(last.note), contentCheckpoint, false, nil
	}
	tile, err := verify.ParseTilePath(path)
	if err != nil {
		return nil, "", false, fmt.Errorf("%w: %w", ErrNoResource, err)
	}
	if !within(tile, last.tree.N) {
		return nil, "", false, fmt.Errorf("%w: %s is beyond the log's size %d", ErrNoResource, path, last.tree.N)
	}
	if tile.L == verify.EntryLevel {
		body, err = t.entries(ctx, tile)
	} else {
		body, err = t.hashes(ctx, tile)
	}
	if err != nil {
		return nil, "", false, err
	}
	return body, contentTile, true, nil
}

// within reports whether a tree of this size has the tile at this width.
func within(t tlog.Tile, size int64) bool {
	inLevel := size >> (verify.TileHeight * max(t.L, 0))
	return t.N <= inLevel/verify.TileWidth && t.N*verify.TileWidth+int64(t.W) <= inLevel
}

func (t *Tree) hashes(ctx context.Context, tile tlog.Tile) ([]byte, error) {
	data, err := t.storage.Fetch(ctx, verify.TilePath(tile))
	if errors.Is(err, fs.ErrNotExist) { // the checkpoint covers it
		return nil, &DamagedError{What: verify.TilePath(tile), Problem: "it is missing or too short"}
	}
	return data, err
}

// entries makes a bundle of the ledger's leaves, and holds it against the hash tile over it, so that a damaged row is
// never published as the entry it was.
func (t *Tree) entries(ctx context.Context, tile tlog.Tile) ([]byte, error) {
	hashTile := tile
	hashTile.L = 0
	want, err := t.hashes(ctx, hashTile)
	if err != nil {
		return nil, err
	}
	first := uint64(tile.N)*verify.TileWidth + 1
	leaves, err := t.storage.leaves(ctx, first, tile.W)
	if err != nil {
		return nil, err
	}
	if len(leaves) != tile.W {
		return nil, &DamagedError{What: fmt.Sprintf("entry %d", first+uint64(len(leaves))), Problem: "it is missing"}
	}
	body := make([]byte, 0, tile.W*(2+verify.LeafSize))
	for i, leaf := range leaves {
		if h := leaf.RecordHash(); !bytes.Equal(h[:], want[i*tlog.HashSize:(i+1)*tlog.HashSize]) {
			return nil, notItsLeaf(leaf.Seq)
		}
		body = leaf.AppendTo(binary.BigEndian.AppendUint16(body, verify.LeafSize))
	}
	return body, nil
}

func notItsLeaf(seq uint64) error {
	return &DamagedError{What: fmt.Sprintf("entry %d", seq), Problem: "its row is not what the log has integrated"}
}

// Prove returns the proof that an entry is in the log at the newest checkpoint; its salt, for Extra, is the caller's to
// add. An entry that no checkpoint covers yet is ErrNotIntegrated.
func (t *Tree) Prove(ctx context.Context, seq uint64) (verify.Proof, error) {
	proof, _, err := t.prove(ctx, seq)
	return proof, err
}

func (t *Tree) prove(ctx context.Context, seq uint64) (verify.Proof, verify.Leaf, error) {
	last, _, err := t.last(ctx)
	if err != nil {
		return verify.Proof{}, verify.Leaf{}, err
	}
	if seq == 0 || seq > uint64(last.tree.N) {
		return verify.Proof{}, verify.Leaf{}, fmt.Errorf("entry %d, newest checkpoint of size %d: %w", seq, last.tree.N, ErrNotIntegrated)
	}
	index := int64(seq - 1)
	hashes, err := verify.ProveInclusion(ctx, t.storage, last.tree, index)
	if err != nil {
		return verify.Proof{}, verify.Leaf{}, fmt.Errorf("prove entry %d: %w", seq, err)
	}
	leaves, err := t.storage.leaves(ctx, seq, 1)
	if err != nil {
		return verify.Proof{}, verify.Leaf{}, err
	}
	if len(leaves) == 0 || tlog.CheckRecord(hashes, last.tree.N, last.tree.Hash, index, leaves[0].RecordHash()) != nil {
		return verify.Proof{}, verify.Leaf{}, notItsLeaf(seq)
	}
	return verify.Proof{Index: index, Hashes: hashes, Checkpoint: []byte(last.note)}, leaves[0], nil
}

// Receipt signs a statement that rests on an entry and adds the proof of it; a seq of 0 is a statement that rests on
// none. The opening, for those who may see the entry, may be nil. An entry that no checkpoint covers yet is
// ErrNotIntegrated.
func (t *Tree) Receipt(ctx context.Context, st verify.Statement, seq uint64, opening *verify.Opening) (verify.Receipt, error) {
	if seq == 0 {
		return t.signer.SignReceipt(st)
	}
	proof, leaf, err := t.prove(ctx, seq)
	if err != nil {
		return verify.Receipt{}, err
	}
	if opening != nil {
		proof.Extra = opening.Salt
	}
	st.Entry = verify.NewEntryLeaf(leaf)
	r, err := t.signer.SignReceipt(st)
	if err != nil {
		return verify.Receipt{}, err
	}
	r.Proof, r.Opening = string(proof.Marshal()), opening
	return r, nil
}

// Refresh looks for a checkpoint that another node has signed, and wakes whoever waits for it. Nodes that do not run
// RunOnce call it when the ledger has grown.
func (t *Tree) Refresh(ctx context.Context) error {
	_, _, err := t.last(ctx)
	return err
}

// WaitIntegrated returns once a checkpoint that covers the entry is stored, so that Prove can answer; or ctx's error.
func (t *Tree) WaitIntegrated(ctx context.Context, seq uint64) error {
	err := t.Refresh(ctx)
	for err == nil {
		t.mu.Lock()
		covered, advanced := t.newest.note != "" && seq <= uint64(t.newest.tree.N), t.advanced
		t.mu.Unlock()
		if covered {
			return nil
		}
		select {
		case <-advanced:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if ctx.Err() != nil {
		err = ctx.Err() // a database says in its own words that it was interrupted
	}
	return fmt.Errorf("wait until the log covers entry %d: %w", seq, err)
}
