package verify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"
)

// bundle is one bundle of entries, read and hashed, with the hash tile over it as the log publishes it.
type bundle struct {
	tile   tlog.Tile   // of entries
	hashes []tlog.Hash // of the entries; fewer than the tile's width if broken
	broken error       // why the bundle's bytes cannot be split into its entries

	published []tlog.Hash // the hash tile; nil if it has the wrong length

	badForm *Fault // the first entry that is no leaf, or not the leaf of its place

	warnings    []Warning
	first, last int64 // recorded_at of the first and the last leaf
	haveTimes   bool
}

// seq returns the number of the bundle's i-th entry.
func (b *bundle) seq(i int) uint64 { return uint64(b.tile.N)*TileWidth + uint64(i) + 1 }

// full reports whether the bundle stands under a hash of the next level.
func (b *bundle) full() bool { return b.tile.W == TileWidth }

// root returns the hash over a full bundle's entries, and false if they could not all be read.
func (b *bundle) root() (tlog.Hash, bool) {
	if len(b.hashes) != TileWidth || b.broken != nil {
		return tlog.Hash{}, false
	}
	return perfectRoot(b.hashes), true
}

// difference returns the index of the first entry that differs from the hash tile, and false if all are there and none does.
func (b *bundle) difference() (int, bool) {
	if b.published == nil {
		return 0, true
	}
	for i, h := range b.hashes {
		if h != b.published[i] {
			return i, true
		}
	}
	if b.broken != nil {
		return min(len(b.hashes), b.tile.W-1), true
	}
	return 0, false
}

// loadBundle reads one bundle of a tree and hashes it. An error is a *Fault if something is missing, else a failure to read.
func loadBundle(ctx context.Context, src Source, size, n int64) (*bundle, error) {
	b := &bundle{tile: tileOf(size, EntryLevel, n)}
	data, width, err := fetchWide(ctx, src, b.tile)
	if err != nil {
		return nil, b.unreadable(b.tile, err)
	}
	b.split(data, width)

	hashTile := tileOf(size, 0, n)
	b.published, err = fetchHashes(ctx, src, hashTile)
	if wrong := (*lengthError)(nil); err != nil && !errors.As(err, &wrong) {
		return nil, b.unreadable(hashTile, err)
	}
	return b, nil
}

func (b *bundle) unreadable(t tlog.Tile, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &Fault{Problem: Missing, First: b.seq(0), Last: b.seq(b.tile.W - 1), Path: TilePath(t), Detail: err}
	}
	return fmt.Errorf("read %s: %w", TilePath(t), err)
}

// split cuts the bundle's bytes at their length prefixes. width is how many entries they should hold, which is more than
// the tree has if a full bundle stood in for a partial one.
func (b *bundle) split(data []byte, width int) {
	b.hashes = make([]tlog.Hash, 0, b.tile.W)
	for i := range width {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			b.broken = fmt.Errorf("the bundle ends within entry %d", b.seq(i))
			return
		}
		n := int(binary.BigEndian.Uint16(data))
		if i < b.tile.W {
			b.add(i, data[2:2+n])
		}
		data = data[2+n:]
	}
	if len(data) != 0 {
		b.broken = fmt.Errorf("%d bytes follow the last entry of the bundle", len(data))
	}
}

// add hashes one entry and checks that it is the leaf that belongs in its place.
func (b *bundle) add(i int, entry []byte) {
	b.hashes = append(b.hashes, recordHash(entry))
	leaf, err := ParseLeaf(entry)
	if err != nil {
		b.misform(Malformed, i, err)
		return
	}
	if leaf.Seq != b.seq(i) {
		b.misform(Misnumbered, i, fmt.Errorf("it carries seq %d", leaf.Seq))
		return
	}
	if b.haveTimes && leaf.RecordedAt < b.last {
		b.warnings = append(b.warnings, Warning{Seq: leaf.Seq, RecordedAt: leaf.RecordedAt, Previous: b.last})
	}
	if !b.haveTimes {
		b.first, b.haveTimes = leaf.RecordedAt, true
	}
	b.last = leaf.RecordedAt
}

func (b *bundle) misform(p Problem, i int, err error) {
	if b.badForm == nil {
		b.badForm = &Fault{Problem: p, First: b.seq(i), Last: b.seq(i), Path: TilePath(b.tile), Detail: err}
	}
}
