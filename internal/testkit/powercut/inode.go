package powercut

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// write changes what programs see, and notes each sector's new version as one that may survive.
func (f *inode) write(b []byte, at int64) {
	if end := at + int64(len(b)); end > int64(len(f.live)) {
		f.live = append(f.live, make([]byte, end-int64(len(f.live)))...)
		f.resized = true
	}
	copy(f.live[at:], b)
	for s := at / sectorSize; s*sectorSize < at+int64(len(b)); s++ {
		f.dirty[s] = append(f.dirty[s], slices.Clone(f.sector(f.live, s)))
	}
}

// writeSome is a write that was interrupted: any of its sectors may have been written.
func (f *inode) writeSome(b []byte, at int64, rng *rand.Rand) {
	for len(b) > 0 {
		n := min(sectorSize-at%sectorSize, int64(len(b)))
		if rng.IntN(2) == 0 {
			f.write(b[:n], at)
		}
		b, at = b[n:], at+n
	}
}

func (f *inode) sector(data []byte, s int64) []byte {
	from := min(s*sectorSize, int64(len(data)))
	return data[from:min(from+sectorSize, int64(len(data)))]
}

func (f *inode) truncate(size int64) {
	if size > int64(len(f.live)) {
		f.live = append(f.live, make([]byte, size-int64(len(f.live)))...)
	}
	f.live = f.live[:size]
	f.resized = true
}

// sync makes safe what programs see. What an earlier sync failed to write is not written now: the kernel believes that
// it was.
func (f *inode) sync() {
	f.resize(int64(len(f.live)))
	for s := range f.dirty {
		copy(f.sector(f.safe, s), f.sector(f.live, s))
	}
	f.clean()
}

// failSync keeps what happened to be written and forgets that the rest was not.
func (f *inode) failSync(rng *rand.Rand) {
	f.safe = f.survive(rng)
	f.clean()
}

func (f *inode) clean() { f.dirty, f.resized = map[int64][][]byte{}, false }

func (f *inode) resize(size int64) {
	if size > int64(len(f.safe)) {
		f.safe = append(f.safe, make([]byte, size-int64(len(f.safe)))...)
	}
	f.safe = f.safe[:size]
}

// survive returns what is found after a cut: of each unsynced sector any version, or what was there before.
func (f *inode) survive(rng *rand.Rand) []byte {
	out := inode{safe: slices.Clone(f.safe)}
	if f.resized && rng.IntN(2) == 0 {
		out.resize(int64(len(f.live)))
	}
	likely := rng.Float64() // some cuts lose nearly all, some nearly nothing
	for _, s := range slices.Sorted(maps.Keys(f.dirty)) {
		if rng.Float64() >= likely {
			continue
		}
		version := f.dirty[s][rng.IntN(len(f.dirty[s]))]
		if end := s*sectorSize + int64(len(version)); end > int64(len(out.safe)) {
			out.resize(end)
		}
		copy(out.safe[s*sectorSize:], version)
	}
	return out.safe
}
