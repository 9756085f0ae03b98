package verify

import (
	"context"
	"errors"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"
)

// tracer reads the hash tiles above the entries and traces each to the tile above it, up to the right edge, whose tiles
// together give the root. It holds the right edge and one tile a level.
type tracer struct {
	src  Source
	tree tlog.Tree

	edge   map[int][]tlog.Hash // level → hashes of its partial tile
	rooted bool                // the edge gives the checkpoint's root

	current map[int]tracedTile // level → the full tile last used
}

type tracedTile struct {
	n      int64
	hashes []tlog.Hash
}

// tileFault says that a full hash tile above level 0 does not lead to the hash that stands for it one level up.
type tileFault struct {
	tile tlog.Tile
	want tlog.Hash // what stands for it
	got  tlog.Hash // what it gives; zero if it has the wrong length
}

func (e *tileFault) Error() string {
	return "hash tile " + TilePath(e.tile) + " does not lead to the tile above it"
}

// newTracer reads the right edge. An edge that does not give the root is not an error yet: the entries decide who is wrong.
func newTracer(ctx context.Context, src Source, tree tlog.Tree) (*tracer, error) {
	t := &tracer{src: src, tree: tree, edge: map[int][]tlog.Hash{}, current: map[int]tracedTile{}}
	root, have := tlog.Hash{}, false
	complete := true
	for level := 0; tree.N>>(TileHeight*level) > 0; level++ {
		last := tileOf(tree.N, level, tree.N>>(TileHeight*(level+1)))
		if last.W == 0 {
			continue // the level's tiles are all full
		}
		hashes, err := fetchHashes(ctx, src, last)
		if wrong := (*lengthError)(nil); errors.As(err, &wrong) {
			complete = false
			continue
		}
		if err != nil {
			return nil, missingTile(last, tree.N, err)
		}
		t.edge[level] = hashes
		root, have = foldPeaks(hashes, root, have)
	}
	if !have {
		root = emptyRoot
	}
	t.rooted = complete && root == tree.Hash
	return t, nil
}

// hashOf returns the hash that stands for a full tile one level up, traced as far up as it goes.
func (t *tracer) hashOf(ctx context.Context, level int, n int64) (tlog.Hash, error) {
	hashes, err := t.hashes(ctx, level+1, n/TileWidth)
	if err != nil {
		return tlog.Hash{}, err
	}
	return hashes[n%TileWidth], nil
}

func (t *tracer) hashes(ctx context.Context, level int, n int64) ([]tlog.Hash, error) {
	tile := tileOf(t.tree.N, level, n)
	if tile.W < TileWidth {
		if edge, ok := t.edge[level]; ok {
			return edge, nil
		}
		return nil, &tileFault{tile: tile} // its length was wrong
	}
	if cur, ok := t.current[level]; ok && cur.n == n {
		return cur.hashes, nil
	}
	want, err := t.hashOf(ctx, level, n)
	if err != nil {
		return nil, err
	}
	hashes, err := fetchHashes(ctx, t.src, tile)
	if wrong := (*lengthError)(nil); errors.As(err, &wrong) {
		return nil, &tileFault{tile: tile, want: want}
	}
	if err != nil {
		return nil, missingTile(tile, t.tree.N, err)
	}
	if got := perfectRoot(hashes); got != want {
		return nil, &tileFault{tile: tile, want: want, got: got}
	}
	t.current[level] = tracedTile{n: n, hashes: hashes}
	return hashes, nil
}

// entriesUnder returns the first and last entry that a tile of hashes stands over in a tree of the given size.
func entriesUnder(t tlog.Tile, size int64) (first, last uint64) {
	span := int64(1) << (TileHeight * t.L) // entries under one hash
	start := t.N * TileWidth * span
	return uint64(start + 1), uint64(min(start+int64(t.W)*span, size))
}

func missingTile(t tlog.Tile, size int64, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	first, last := entriesUnder(t, size)
	return &Fault{Problem: Missing, First: first, Last: last, Path: TilePath(t), Detail: err}
}
