package verify

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"
)

// pass goes through a log's bundles in order.
type pass struct {
	audit      Audit
	checkpoint Checkpoint
	tracer     *tracer

	bundles  Frontier // its leaves are the roots of full bundles
	tail     []tlog.Hash
	last     int64 // recorded_at of the last leaf, once there is one
	started  bool
	warnings int64

	suspect *suspect
}

// suspect is a fault whose nature only further entries show: whether they, without the hash tile, lead to a hash that is
// known. Until then the pass hashes on and compares nothing.
type suspect struct {
	fault *Fault

	// A hash tile above level 0 that is in doubt stands over the subtree of bundles of this height; 0 if there is none.
	height int
	last   int64     // the bundle that completes the subtree
	tile   tlog.Hash // the subtree's hash according to the tile
	want   tlog.Hash // and according to the tile above it, which is traced or in doubt itself
	traced bool
	above  string // path of the tile above
}

// take verifies one bundle and adds it to the tree.
func (p *pass) take(ctx context.Context, b *bundle) error {
	p.warn(b)
	if p.suspect == nil {
		if err := p.compare(ctx, b); err != nil {
			return err
		}
	}
	if b.broken != nil {
		return p.suspect.fault // nothing further can be computed, so what is known is all that will be
	}
	if err := p.checkTrusted(b); err != nil {
		return err
	}
	if !b.full() {
		p.tail = b.hashes
	} else if err := p.add(b); err != nil {
		return err
	}
	if p.audit.Progress != nil {
		p.audit.Progress(int64(b.seq(b.tile.W-1)), p.checkpoint.Size)
	}
	return nil
}

// compare checks the bundle against its hash tile and the hash that stands for it above.
func (p *pass) compare(ctx context.Context, b *bundle) error {
	want, known, err := p.parent(ctx, b)
	if wrong := (*tileFault)(nil); errors.As(err, &wrong) {
		p.suspectTile(wrong)
		return nil
	}
	if err != nil {
		return err
	}
	i, differs := b.difference()
	root, complete := b.root()
	fits := complete && known && root == want
	if !differs && (fits || !known) {
		if b.badForm != nil {
			return b.badForm
		}
		return nil
	}
	f := b.fault(i, differs)
	if !p.tracer.rooted {
		if !differs { // the tile over the entries agrees with them, so that the one above is in doubt
			f.Path = TilePath(tileOf(p.checkpoint.Size, 1, b.tile.N/TileWidth))
		}
		p.suspect = &suspect{fault: f}
		return nil
	}
	tileFits := !known || b.published != nil && perfectRoot(b.published) == want
	return b.decide(f, fits, tileFits)
}

// parent returns the hash that stands for a full bundle. It is not known for the last, partial one, whose hash tile is at
// the right edge itself.
func (p *pass) parent(ctx context.Context, b *bundle) (tlog.Hash, bool, error) {
	if !b.full() {
		return tlog.Hash{}, false, nil
	}
	h, err := p.tracer.hashOf(ctx, 0, b.tile.N)
	return h, true, err
}

// fault names what is known while nothing is decided: the entry that differs from its hash tile, or the whole bundle if
// none does and yet they do not fit together.
func (b *bundle) fault(i int, differs bool) *Fault {
	hashTile := b.tile
	hashTile.L = 0
	f := &Fault{Problem: Disagreeing, First: b.seq(i), Last: b.seq(b.tile.W - 1), Path: TilePath(hashTile), Detail: b.broken}
	if !differs {
		f.Problem, f.First = Replaced, b.seq(0)
	}
	return f
}

// decide says who is wrong where the hash above is traced to the checkpoint: the tile, if the entries lead to that hash;
// the entry that differs, if the tile does; else both.
func (b *bundle) decide(f *Fault, entriesFit, tileFits bool) error {
	if entriesFit {
		f.Problem, f.Last = TileAltered, f.First
		return f
	}
	if !tileFits {
		f.First = b.seq(0) // both may be wrong from the bundle's start
		return f
	}
	if b.badForm != nil && b.badForm.First < f.First {
		return b.badForm
	}
	f.Problem, f.Last, f.Path = Altered, f.First, TilePath(b.tile)
	return f
}

// suspectTile remembers that a tile above level 0 does not lead to the tile above it.
func (p *pass) suspectTile(e *tileFault) {
	first, last := entriesUnder(e.tile, p.checkpoint.Size)
	height := TileHeight * e.tile.L
	p.suspect = &suspect{
		fault:  &Fault{Problem: Disagreeing, First: first, Last: last, Path: TilePath(e.tile)},
		height: height,
		last:   (e.tile.N+1)<<height - 1,
		tile:   e.got,
		want:   e.want,
		traced: p.tracer.rooted,
		above:  TilePath(tileOf(p.checkpoint.Size, e.tile.L+1, e.tile.N/TileWidth)),
	}
}

// add appends a full bundle to the tree; if that completes the subtree in doubt, the suspicion may be decided.
func (p *pass) add(b *bundle) error {
	root, _ := b.root()
	var decided error
	p.bundles.Append(root, func(height int, h tlog.Hash) {
		if s := p.suspect; s != nil && s.height == height && height > 0 && s.last == b.tile.N {
			decided = s.decide(h)
		}
	})
	return decided
}

// decide compares what the entries give for the subtree. Nil means that only the whole log can tell.
func (s *suspect) decide(entries tlog.Hash) error {
	if !s.traced {
		if entries == s.tile {
			s.fault.Path = s.above
		}
		return nil
	}
	switch entries {
	case s.want:
		s.fault.Problem = TileAltered
	case s.tile:
		s.fault.Problem = Replaced
	}
	return s.fault
}

// checkTrusted compares the root at the trusted size, when the bundle holds that entry.
func (p *pass) checkTrusted(b *bundle) error {
	t := p.audit.Trusted
	if t == nil || p.suspect != nil {
		return nil
	}
	before := int64(b.seq(0)) - 1
	if t.N <= before || t.N > before+int64(b.tile.W) {
		return nil
	}
	if p.bundles.rootWith(b.hashes[:t.N-before]) == t.Hash {
		return nil
	}
	return &InconsistentError{Old: *t, New: p.checkpoint.Tree()}
}

// finish compares the root that all entries give. With the right edge traced and no fault it cannot differ; without, it
// says whether the entries or the hash tiles are wrong.
func (p *pass) finish() error {
	right := p.bundles.rootWith(p.tail) == p.checkpoint.Root
	if p.suspect != nil {
		if right {
			p.suspect.fault.Problem = TileAltered
		}
		return p.suspect.fault
	}
	if right {
		return nil
	}
	f := &Fault{Problem: Replaced, First: 1, Last: uint64(p.checkpoint.Size), Path: CheckpointPath}
	if t := p.audit.Trusted; t != nil && t.N < p.checkpoint.Size {
		f.First = uint64(t.N) + 1 // up to there they fit what was trusted
	}
	return f
}

// warn passes on where recorded_at went back, within the bundle and at its start.
func (p *pass) warn(b *bundle) {
	if !b.haveTimes {
		return
	}
	all := b.warnings
	if p.started && b.first < p.last {
		all = append([]Warning{{Seq: b.seq(0), RecordedAt: b.first, Previous: p.last}}, all...)
	}
	p.started, p.last = true, b.last
	p.warnings += int64(len(all))
	if p.audit.Warn == nil {
		return
	}
	for _, w := range all {
		p.audit.Warn(w)
	}
}
