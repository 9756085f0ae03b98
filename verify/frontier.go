package verify

import (
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// emptyRoot is the hash of the empty tree (RFC 6962, section 2.1): SHA-256 of nothing.
var emptyRoot = mustEmptyRoot()

func mustEmptyRoot() tlog.Hash {
	h, err := tlog.TreeHash(0, nil)
	if err != nil {
		panic("hash of the empty tree: " + err.Error())
	}
	return h
}

// Frontier is the right edge of a growing tree: all that appending needs. The zero value is the empty tree.
type Frontier struct {
	size  uint64
	peaks [64]tlog.Hash // peaks[h] is the perfect subtree of height h, where bit h of size is set
}

// Size returns how many leaves the tree has.
func (f *Frontier) Size() uint64 { return f.size }

// Append adds a leaf's hash and calls completed, unless nil, for every perfect subtree that the leaf completes: itself
// at height 0 first, then upwards.
func (f *Frontier) Append(leaf tlog.Hash, completed func(height int, h tlog.Hash)) {
	h, height := leaf, 0
	if completed != nil {
		completed(0, h)
	}
	for ; f.size>>height&1 == 1; height++ {
		h = tlog.NodeHash(f.peaks[height], h)
		if completed != nil {
			completed(height+1, h)
		}
	}
	f.peaks[height] = h
	f.size++
}

// Root returns the tree's root hash (RFC 6962, section 2.1).
func (f *Frontier) Root() tlog.Hash { return f.rootWith(nil) }

// rootWith returns the root of the tree that has tail appended to it at heights below the frontier's unit.
func (f *Frontier) rootWith(tail []tlog.Hash) tlog.Hash {
	root, started := foldPeaks(tail, tlog.Hash{}, false)
	for s := f.size; s != 0; s &= s - 1 {
		peak := f.peaks[bits.TrailingZeros64(s)]
		if !started {
			root, started = peak, true
			continue
		}
		root = tlog.NodeHash(peak, root)
	}
	if !started {
		return emptyRoot
	}
	return root
}

// Peaks returns the hashes of the perfect subtrees, largest first: with the size, all that restoring needs.
func (f *Frontier) Peaks() []tlog.Hash {
	peaks := make([]tlog.Hash, 0, bits.OnesCount64(f.size))
	for h := 63; h >= 0; h-- {
		if f.size>>h&1 == 1 {
			peaks = append(peaks, f.peaks[h])
		}
	}
	return peaks
}

// Peak returns the perfect subtree of the given height at the right edge, and whether there is one.
func (f *Frontier) Peak(height int) (tlog.Hash, bool) {
	return f.peaks[height], f.size>>height&1 == 1
}

// RestoreFrontier returns the frontier whose size and peaks these are, or an error if their number does not fit the size.
func RestoreFrontier(size uint64, peaks []tlog.Hash) (*Frontier, error) {
	if want := bits.OnesCount64(size); len(peaks) != want {
		return nil, fmt.Errorf("frontier of size %d has %d peaks, want %d", size, len(peaks), want)
	}
	f := &Frontier{size: size}
	for h := 63; h >= 0; h-- {
		if size>>h&1 == 1 {
			f.peaks[h], peaks = peaks[0], peaks[1:]
		}
	}
	return f, nil
}

// foldPeaks returns the root of the tree whose leaves are hashes, with right, if there is one, to the right of them. It
// returns false if there is neither.
func foldPeaks(hashes []tlog.Hash, right tlog.Hash, haveRight bool) (tlog.Hash, bool) {
	if len(hashes) == 0 {
		return right, haveRight
	}
	k := 1 << (bits.Len(uint(len(hashes))) - 1) // the largest perfect subtree stands left
	right, haveRight = foldPeaks(hashes[k:], right, haveRight)
	left := perfectRoot(hashes[:k])
	if !haveRight {
		return left, true
	}
	return tlog.NodeHash(left, right), true
}

// perfectRoot returns the root over a number of hashes that is a power of two, at most a full tile's.
func perfectRoot(hashes []tlog.Hash) tlog.Hash {
	var level [TileWidth / 2]tlog.Hash
	if len(hashes) == 1 {
		return hashes[0]
	}
	n := len(hashes) / 2
	for i := range n {
		level[i] = tlog.NodeHash(hashes[2*i], hashes[2*i+1])
	}
	for n > 1 {
		n /= 2
		for i := range n {
			level[i] = tlog.NodeHash(level[2*i], level[2*i+1])
		}
	}
	return level[0]
}
