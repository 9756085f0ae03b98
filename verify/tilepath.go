package verify

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Tile geometry of C2SP tlog-tiles: height 8, so 256 hashes or 8,192 bytes in a full tile.
const (
	TileHeight = 8
	TileWidth  = 1 << TileHeight

	// EntryLevel is the level that stands for bundles of entries in a tlog.Tile.
	EntryLevel = -1

	maxTileLevel = 63
)

// CheckpointPath is where a log's current checkpoint lies below its prefix.
const CheckpointPath = "checkpoint"

// TilePath returns the path of a tile of height 8 below the log's prefix, as C2SP tlog-tiles writes it.
func TilePath(t tlog.Tile) string {
	p := t.Path() // tile/8/<L or data>/<N>[.p/<W>]
	if t.L == EntryLevel {
		return "tile/entries/" + strings.TrimPrefix(p, "tile/8/data/")
	}
	return "tile/" + strings.TrimPrefix(p, "tile/8/")
}

// ParseTilePath reads a path that TilePath writes, and refuses every other spelling of the same tile.
func ParseTilePath(path string) (tlog.Tile, error) {
	rest, ok := strings.CutPrefix(path, "tile/")
	level, n, cut := strings.Cut(rest, "/")
	if !ok || !cut || level == "data" {
		return tlog.Tile{}, fmt.Errorf("malformed tile path %q: want tile/<level or entries>/<index>[.p/<width>]", path)
	}
	if level == "entries" {
		level = "data"
	}
	t, err := tlog.ParseTilePath("tile/8/" + level + "/" + n)
	if err != nil || t.L > maxTileLevel || TilePath(t) != path {
		return tlog.Tile{}, fmt.Errorf("malformed tile path %q: want tile/<level or entries>/<index>[.p/<width>]", path)
	}
	return t, nil
}

// tileOf returns tile n of a level in a tree of the given size, as wide as the tree makes it; width 0 means none.
func tileOf(size int64, level int, n int64) tlog.Tile {
	inLevel := size
	if level > 0 {
		inLevel = size >> (TileHeight * level)
	}
	t := tlog.Tile{H: TileHeight, L: level, N: n}
	if n <= inLevel/TileWidth { // else n*TileWidth could overflow
		t.W = int(min(inLevel-n*TileWidth, TileWidth))
	}
	return t
}
