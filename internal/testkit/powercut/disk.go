// Package powercut is a disk for tests that loses power and fails, with SQLite on it behind [store.DB].
//
// The disk keeps what a program wrote apart from what it synced, by sectors of 512 bytes. When the power is cut, each
// sector that was not synced survives as any of its versions, or not at all, whatever became of the others; so do the
// sizes and names of files. A failed sync loses what it was to write for good, as it does on Linux, where the next
// sync then succeeds. The package is for tests only; the SQLite in it is another build than the product's, since that
// one lets no program put itself between the database and the files, and the settings are the product's.
package powercut

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

const sectorSize = 512

// ErrPowerCut is what every call answers once the power is cut.
var ErrPowerCut = errors.New("the power is cut")

// Disk is a simulated disk with one directory. It is safe for concurrent use.
type Disk struct {
	name string // of its VFS
	shm  string // a directory for shared memory

	mu    sync.Mutex
	rng   *rand.Rand
	files map[string]*inode // as programs see the directory
	kept  map[string]*inode // as it was last synced
	calls int               // that change the disk or make it durable
	plan  Plan
	off   bool
	hurt  int // calls that the plan made fail
}

// Plan says what goes wrong, by the number of the call that changes the disk; zero values are never.
type Plan struct {
	CutAt  int // the power is cut during this call
	FailAt int // this call fails with an input/output error
	More   int // and so do this many after it
}

// inode is one file: what programs see, what is safe, and every version of each sector written since the last sync.
type inode struct {
	live, safe []byte
	dirty      map[int64][][]byte
	resized    bool
	locks      locks
}

var diskCount atomic.Int64

// NewDisk returns an empty disk. Shared memory, which no crash keeps, is in files under shm; the seed decides what
// survives a cut and how much of a failed call was done.
func NewDisk(shm string, seed uint64) *Disk {
	d := &Disk{
		name: fmt.Sprintf("powercut-%d", diskCount.Add(1)), shm: shm,
		rng: rand.New(rand.NewPCG(seed, 0)), files: map[string]*inode{}, kept: map[string]*inode{},
	}
	vfs.Register(d.name, d)
	return d
}

// Discard takes the disk out of the process; databases on it must be closed.
func (d *Disk) Discard() { vfs.Unregister(d.name) }

// Follow sets what goes wrong from here on, and counts calls from zero.
func (d *Disk) Follow(p Plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan, d.calls, d.hurt = p, 0, 0
}

// Calls returns how many calls changed the disk since the plan was made, and how many of them it made fail.
func (d *Disk) Calls() (all, failed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls, d.hurt
}

// Cut takes the power away now, if it is still on.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
}

// Off reports whether the power is cut.
func (d *Disk) Off() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.off
}

// Restart returns the disk as it is found when the power comes back. The old disk stays without power.
func (d *Disk) Restart(seed uint64) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
	next := NewDisk(d.shm, seed)
	names := slices.Concat(slices.Collect(maps.Keys(d.files)), slices.Collect(maps.Keys(d.kept)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if f := d.surviving(name); f != nil {
			next.put(name, f.survive(d.rng))
		}
	}
	return next
}

// surviving finds the file that a name leads to after a cut: one that was made, replaced or deleted since the
// directory was synced, or what was there before.
func (d *Disk) surviving(name string) *inode {
	now, before := d.files[name], d.kept[name]
	if now != before && d.rng.IntN(2) == 0 {
		return before
	}
	return now
}

func (d *Disk) put(name string, content []byte) {
	f := &inode{live: content, safe: slices.Clone(content), dirty: map[int64][][]byte{}}
	d.files[name], d.kept[name] = f, f
}

// Copy returns a disk on which all that programs see is safe: many tests can start from one state.
func (d *Disk) Copy(seed uint64) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := NewDisk(d.shm, seed)
	for name, f := range d.files {
		next.put(name, slices.Clone(f.live))
	}
	return next
}

// change counts a call that changes the disk, and tells whether it fails: with how much of it done is for the caller,
// who holds the lock.
func (d *Disk) change() error {
	if d.off {
		return ErrPowerCut
	}
	d.calls++
	switch {
	case d.calls == d.plan.CutAt:
		d.off = true
		return ErrPowerCut
	case d.plan.FailAt > 0 && d.calls >= d.plan.FailAt && d.calls-d.plan.FailAt <= d.plan.More:
		d.hurt++
		return sqlite3.IOERR
	}
	return nil
}
