package check

import (
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/consentline/consentline/internal/phone"
)

const (
	shardBits  = 8
	shardCount = 1 << shardBits

	keyWords = 3 // number, high and low half of its key, then the sub-key

	// maxLoad is how full a shard may be, in percent; a full one grows by a quarter. Slots stand in order, so that even
	// a search for what is not there ends after a few of them.
	maxLoad  = 92
	hintLoad = 90 // of a shard sized by a hint: room for the shards that chance fills more than others
	minHomes = 32

	// strides is how many slots a search looks at one by one before it starts to leap.
	strides = 48
)

// slots is a sorted open-addressing table from (number, sub-key) to a few 32-bit words, in 256 shards. Readers take no
// lock: they read a shard's version, the slots, and the version again (a seqlock). Writers hold the shard's mutex.
//
// A number's key is a bijection of it, so the keys are spread evenly and the home of a key is proportional to it. Slots
// stand in descending order of key, then ascending order of sub-key, each at its home or at the next free place: all
// slots of a number are neighbours, and a search ends at the first slot that is beyond what it looks for. An empty slot
// is all zeros, which is beyond every key (key 0 would be number 0, which is no number).
type slots struct {
	stride int // words in a slot
	spread uint64
	shards [shardCount]shard
}

type shard struct {
	version atomic.Uint64 // odd while a writer moves slots
	array   atomic.Pointer[array]

	mu    sync.Mutex // held by writers; guards count and the array's contents against each other
	count int

	_ [32]byte // a writer's shard shares no cache line with another's
}

// array is one shard's memory: words holds stride words for each of homes homes and for a tail, so that nothing wraps
// around. The last slot is always empty: no search needs a bound.
type array struct {
	words []uint32
	homes uint64
}

// init sizes the shards for records slots. Without a hint they start small and at different sizes, so that they do not
// all grow at the same moment.
func (s *slots) init(stride int, seed uint64, records int) {
	s.stride = stride
	s.spread = seed<<1 | 1
	for i := range s.shards {
		homes := max(minHomes+i*minHomes/4/shardCount, records*100/hintLoad/shardCount)
		s.shards[i].array.Store(newArray(stride, uint64(homes), homes+tail(homes)))
	}
}

func newArray(stride int, homes uint64, length int) *array {
	return &array{words: make([]uint32, stride*length), homes: homes}
}

// tail is how many slots stand behind the last home of a shard.
func tail(homes int) int { return 16 + homes/64 }

// key mixes a number, one to one, so that the keys of real numbers, which are anything but random, are evenly spread.
// Multiplication by an odd factor and xor with a right shift can both be undone; 0 stays 0.
func (s *slots) key(n phone.Number) uint64 {
	k := uint64(n) * s.spread
	k ^= k >> 32
	k *= 0x9e3779b97f4a7c15
	k ^= k >> 29
	k *= 0xbf58476d1ce4e5b9
	k ^= k >> 32
	return k
}

func (s *slots) shard(key uint64) *shard { return &s.shards[key>>(64-shardBits)] }

func (a *array) home(key uint64) int {
	hi, _ := bits.Mul64(^key<<shardBits, a.homes)
	return int(hi)
}

// before reports whether the slot at word i stands before (key, sub), in the order of slots.
func (a *array) before(i int, key uint64, sub uint32) bool {
	k := uint64(atomic.LoadUint32(&a.words[i]))<<32 | uint64(atomic.LoadUint32(&a.words[i+1]))
	if k != key {
		return k > key
	}
	return atomic.LoadUint32(&a.words[i+2]) < sub
}

// holds reports whether the slot at word i is that of key, whatever its sub-key.
func (a *array) holds(i int, key uint64) bool {
	return atomic.LoadUint32(&a.words[i]) == uint32(key>>32) && atomic.LoadUint32(&a.words[i+1]) == uint32(key)
}

// seek returns the word at which the first slot not before (key, sub) begins: its own, or where it would go.
func (a *array) seek(stride int, key uint64, sub uint32) int {
	i := a.home(key) * stride
	high := uint32(key >> 32)
	for range strides {
		if h := atomic.LoadUint32(&a.words[i]); h < high || (h == high && !a.before(i, key, sub)) {
			return i
		}
		i += stride
	}
	return a.leap(stride, i, key, sub)
}

// leap finds what seek looks for by doubling its steps and then halving them. That is sound because from a key's home
// on, slots are before it up to one point and never again: what stands behind an empty slot has a later home.
func (a *array) leap(stride, from int, key uint64, sub uint32) int {
	low, step := from, 1
	end := len(a.words) - stride
	for low+step*stride < end && a.before(low+step*stride, key, sub) {
		low += step * stride
		step *= 2
	}
	if !a.before(low, key, sub) {
		return low
	}
	high := min(low+step*stride, end)
	for high-low > stride {
		middle := low + (high-low)/stride/2*stride
		if a.before(middle, key, sub) {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// begin returns the version of a shard that no writer is changing. A writer is done within microseconds unless the
// machine takes its processor away, so that yielding to it is all that ever needs to be done.
func (sh *shard) begin() uint64 {
	for spins := 0; ; spins++ {
		if v := sh.version.Load(); v&1 == 0 {
			return v
		}
		if spins > 64 {
			runtime.Gosched()
		}
	}
}

// settled reports whether nothing changed since begin returned v: what was read in between is whole.
func (sh *shard) settled(v uint64) bool { return sh.version.Load() == v }

// get copies the words behind (n, sub) into dst and reports whether there are any.
func (s *slots) get(n phone.Number, sub uint32, dst *[4]uint32) bool {
	key := s.key(n)
	sh := s.shard(key)
	for {
		v := sh.begin()
		a := sh.array.Load()
		i := a.seek(s.stride, key, sub)
		found := a.holds(i, key) && atomic.LoadUint32(&a.words[i+2]) == sub
		if found {
			slot := a.words[i+keyWords : i+s.stride]
			for w := range slot {
				dst[w&3] = atomic.LoadUint32(&slot[w])
			}
		}
		if sh.settled(v) {
			return found
		}
	}
}
