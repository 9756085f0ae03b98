package transparency

import (
	"math/bits"

	"github.com/consentline/consentline/verify"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileBytes = verify.TileWidth * tlog.HashSize
	maxLevels = 8 // of tiles of height 8, under a size of 64 bits
)

// hashTile is a row of log_tiles: a full tile, or the last of its level as far as it has come.
type hashTile struct {
	level  int
	n      int64
	hashes []byte
}

// builder is the tree's right edge: what it takes to append leaves and to know the tiles that change. It keeps no more
// than one tile a level, and those that became full since the last save.
type builder struct {
	frontier *verify.Frontier
	open     [maxLevels][]byte // hashes of each level's last tile, fewer than a full tile's
	grown    uint8             // bit l: level l grew since the last save
	full     []hashTile
	onHash   func(height int, h tlog.Hash) // b.completed, bound once
}

func newBuilder(f *verify.Frontier) *builder {
	b := &builder{frontier: f}
	b.onHash = b.completed
	return b
}

func (b *builder) size() int64 { return int64(b.frontier.Size()) }

func (b *builder) tree() tlog.Tree { return tlog.Tree{N: b.size(), Hash: b.frontier.Root()} }

func (b *builder) add(leaf tlog.Hash) { b.frontier.Append(leaf, b.onHash) }

// completed puts the hash of every subtree whose height is a multiple of 8 into its level's tile. The leaf that completed
// it stands at index size, which counts it only when appending is done.
func (b *builder) completed(height int, h tlog.Hash) {
	if height%verify.TileHeight != 0 {
		return
	}
	level := height / verify.TileHeight
	if b.open[level] == nil {
		b.open[level] = make([]byte, 0, tileBytes)
	}
	b.open[level] = append(b.open[level], h[:]...)
	b.grown |= 1 << level
	if len(b.open[level]) == tileBytes {
		n := b.size() >> (height + verify.TileHeight)
		b.full = append(b.full, hashTile{level: level, n: n, hashes: b.open[level]})
		b.open[level] = nil
	}
}

// changed returns the tiles to write for everything added since the last call of saved.
func (b *builder) changed() []hashTile {
	tiles := b.full
	for g := b.grown; g != 0; g &= g - 1 {
		level := bits.TrailingZeros8(g)
		if len(b.open[level]) > 0 {
			n := b.size() >> (verify.TileHeight * (level + 1))
			tiles = append(tiles, hashTile{level: level, n: n, hashes: b.open[level]})
		}
	}
	return tiles
}

// saved forgets what was to be written, since it is.
func (b *builder) saved() { b.full, b.grown = nil, 0 }

// edge returns the tile of a level that is not full, and false if there is none: the level's tiles are all full.
func edge(size int64, level int) (tlog.Tile, bool) {
	inLevel := size >> (verify.TileHeight * level)
	t := tlog.Tile{H: verify.TileHeight, L: level, N: inLevel / verify.TileWidth, W: int(inLevel % verify.TileWidth)}
	return t, t.W > 0
}

// restore fills in the open tiles of a frontier that was saved, after checking that they give the frontier's peaks.
func (b *builder) restore(open func(tlog.Tile) ([]byte, error)) error {
	for level := range maxLevels {
		t, ok := edge(b.size(), level)
		if !ok {
			continue
		}
		data, err := open(t)
		if err != nil {
			return err
		}
		if err := b.checkPeaks(t, data); err != nil {
			return err
		}
		b.open[level] = append(make([]byte, 0, tileBytes), data...)
	}
	return nil
}

// checkPeaks compares a level's open tile with the frontier, which hashes the same leaves.
func (b *builder) checkPeaks(t tlog.Tile, data []byte) error {
	for height := t.L * verify.TileHeight; height < (t.L+1)*verify.TileHeight; height++ {
		peak, ok := b.frontier.Peak(height)
		if !ok {
			continue
		}
		h, err := tlog.HashFromTile(t, data, tlog.StoredHashIndex(height, b.size()>>height-1))
		if err != nil {
			return err
		}
		if h != peak {
			return &DamagedError{What: verify.TilePath(t), Problem: "it does not give the frontier that was saved with it"}
		}
	}
	return nil
}
