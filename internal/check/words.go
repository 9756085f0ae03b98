package check

import (
	"hash/maphash"
	"sync/atomic"
)

// words finds the one *word of a name: lock-free for readers, insert-only, for one writer at a time.
type words struct {
	seed    maphash.Seed
	buckets atomic.Pointer[[]atomic.Pointer[word]]
	list    atomic.Pointer[[]*word] // by index; index 0 is Any
}

// word is a brand or a purpose.
type word struct {
	name  string
	index uint32

	// class is a purpose's; for a brand, anything but zero says that it is known.
	class atomic.Uint32

	// pairs is, in a brand, the scope pair of each purpose by the purpose's index; zero is none.
	pairs atomic.Pointer[[]uint32]
}

func newWords(first string) *words {
	t := &words{seed: maphash.MakeSeed()}
	buckets := make([]atomic.Pointer[word], 64)
	t.buckets.Store(&buckets)
	t.list.Store(&[]*word{})
	t.add(first)
	return t
}

// find returns the word of a name, or nil. It does not keep name and does not allocate.
func (t *words) find(name []byte) *word {
	buckets := *t.buckets.Load()
	for i := maphash.Bytes(t.seed, name); ; i++ {
		w := buckets[i&uint64(len(buckets)-1)].Load()
		if w == nil || w.name == string(name) {
			return w
		}
	}
}

// add returns the word of a name, which it creates if there is none. Only one goroutine may add at a time.
func (t *words) add(name string) *word {
	if w := t.find([]byte(name)); w != nil {
		return w
	}
	list := *t.list.Load()
	w := &word{name: name, index: uint32(len(list))}
	list = append(list, w)
	t.list.Store(&list)

	buckets := *t.buckets.Load()
	if len(list)*2 <= len(buckets) {
		t.place(buckets, w)
		return w
	}
	// Readers stay with the old buckets, in which this word is missing, until the new ones are complete.
	wider := make([]atomic.Pointer[word], 2*len(buckets))
	for _, w := range list {
		t.place(wider, w)
	}
	t.buckets.Store(&wider)
	return w
}

func (t *words) place(buckets []atomic.Pointer[word], w *word) {
	i := maphash.String(t.seed, w.name)
	for buckets[i&uint64(len(buckets)-1)].Load() != nil {
		i++
	}
	buckets[i&uint64(len(buckets)-1)].Store(w)
}
