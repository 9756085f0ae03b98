package check

import (
	"sync/atomic"

	"github.com/consentline/consentline/internal/phone"
)

// put stores the words of (n, sub), which must be as many as the stride leaves room for, and returns the last of those
// that stood there, zero if none did.
func (s *slots) put(n phone.Number, sub uint32, values []uint32) (last uint32) {
	key := s.key(n)
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()

	a := sh.array.Load()
	i := a.seek(s.stride, key, sub)
	if a.holds(i, key) && a.words[i+2] == sub {
		last = a.words[i+s.stride-1]
		sh.version.Add(1)
		store(a.words[i+keyWords:], values)
		sh.version.Add(1)
		return last
	}
	if (sh.count+1)*100 > int(a.homes)*maxLoad {
		a = s.rebuild(sh, int(a.homes+a.homes/4), nil)
		i = a.seek(s.stride, key, sub)
	}
	free := a.free(s.stride, i)
	if free == len(a.words)-s.stride {
		// The tail is used up, by chance or by one number with very many sub-keys. The same homes get a new tail.
		a = s.rebuild(sh, int(a.homes), nil)
		i = a.seek(s.stride, key, sub)
		free = a.free(s.stride, i)
	}
	sh.version.Add(1)
	for w := free - 1; w >= i; w-- {
		atomic.StoreUint32(&a.words[w+s.stride], a.words[w])
	}
	atomic.StoreUint32(&a.words[i], uint32(key>>32))
	atomic.StoreUint32(&a.words[i+1], uint32(key))
	atomic.StoreUint32(&a.words[i+2], sub)
	store(a.words[i+keyWords:], values)
	sh.version.Add(1)
	sh.count++
	return 0
}

func store(dst, values []uint32) {
	for w, value := range values {
		atomic.StoreUint32(&dst[w], value)
	}
}

// free returns the word at which the first empty slot from i on begins. The caller holds the shard's mutex.
func (a *array) free(stride, i int) int {
	for a.words[i]|a.words[i+1] != 0 {
		i += stride
	}
	return i
}

// remove deletes (n, sub) and moves what stood displaced behind it one slot back. It reports whether it was there.
func (s *slots) remove(n phone.Number, sub uint32) bool {
	key := s.key(n)
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()

	a := sh.array.Load()
	i := a.seek(s.stride, key, sub)
	if !a.holds(i, key) || a.words[i+2] != sub {
		return false
	}
	end := i + s.stride
	for a.displaced(s.stride, end) {
		end += s.stride
	}
	sh.version.Add(1)
	for w := i; w < end-s.stride; w++ {
		atomic.StoreUint32(&a.words[w], a.words[w+s.stride])
	}
	for w := end - s.stride; w < end; w++ {
		atomic.StoreUint32(&a.words[w], 0)
	}
	sh.version.Add(1)
	sh.count--
	if int(a.homes) > 2*minHomes && sh.count*100 < int(a.homes)*maxLoad/3 {
		s.rebuild(sh, int(a.homes)/2, nil)
	}
	return true
}

// displaced reports whether a slot stands at word i that is not at its home.
func (a *array) displaced(stride, i int) bool {
	key := uint64(a.words[i])<<32 | uint64(a.words[i+1])
	return key != 0 && a.home(key)*stride < i
}

// rebuild moves a shard's slots into a new array beside the old one, which readers keep until the pointer is swapped.
// Slots whose sub-key drop names are left out; a nil drop leaves out none. The caller holds the shard's mutex.
func (s *slots) rebuild(sh *shard, homes int, drop func(sub uint32) bool) *array {
	old := sh.array.Load()
	next := &array{homes: uint64(homes)}
	last := -1
	count := 0
	s.each(old, drop, func(key uint64, _ []uint32) {
		last = max(last+1, next.home(key))
		count++
	})
	next.words = make([]uint32, s.stride*(max(homes, last+1)+tail(homes)))
	last = -1
	s.each(old, drop, func(key uint64, slot []uint32) {
		last = max(last+1, next.home(key))
		copy(next.words[last*s.stride:], slot)
	})
	sh.count = count
	sh.array.Store(next)
	return next
}

// each calls visit with every slot of a that drop does not name, in order.
func (s *slots) each(a *array, drop func(sub uint32) bool, visit func(key uint64, slot []uint32)) {
	for i := 0; i < len(a.words); i += s.stride {
		slot := a.words[i : i+s.stride]
		if slot[0]|slot[1] == 0 || (drop != nil && drop(slot[2])) {
			continue
		}
		visit(uint64(slot[0])<<32|uint64(slot[1]), slot)
	}
}

// sweep deletes every slot whose sub-key drop names, one shard after the other, and gives back the memory.
func (s *slots) sweep(drop func(sub uint32) bool) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		s.rebuild(sh, int(sh.array.Load().homes), drop)
		if fit := max(minHomes, sh.count*100/hintLoad); fit < int(sh.array.Load().homes)*3/4 {
			s.rebuild(sh, fit, nil)
		}
		sh.mu.Unlock()
	}
}

// subs appends the sub-keys that n has, in ascending order.
func (s *slots) subs(n phone.Number, dst []uint32) []uint32 {
	key := s.key(n)
	sh := s.shard(key)
	start := len(dst)
	for {
		dst = dst[:start]
		v := sh.begin()
		a := sh.array.Load()
		for i := a.seek(s.stride, key, 0); i < len(a.words) && a.holds(i, key); i += s.stride {
			dst = append(dst, atomic.LoadUint32(&a.words[i+2]))
		}
		if sh.settled(v) {
			return dst
		}
	}
}

// len counts the slots; while writers work, it is a number that held for each shard at some moment.
func (s *slots) len() int {
	total := 0
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		total += sh.count
		sh.mu.Unlock()
	}
	return total
}

// bytes is the memory of all shards' slots, empty ones included.
func (s *slots) bytes() int {
	total := 0
	for i := range s.shards {
		total += 4 * len(s.shards[i].array.Load().words)
	}
	return total
}
