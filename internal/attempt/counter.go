package attempt

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
)

// Counter holds in memory what caps count. Asking it takes a shard's read lock for as long as a few contacts are
// looked through, and allocates nothing.
type Counter struct {
	shards [64]shard

	naming sync.Mutex // held by whoever gives a brand its number
	brands atomic.Pointer[map[string]uint32]
}

type shard struct {
	mu       sync.RWMutex
	contacts map[phone.Number][]contact // each in the order of time
}

// contact is one attempt that counts.
type contact struct {
	id            ID
	at            int64 // Unix seconds
	matter, event uint64
	brand         uint32
	class         consent.Class
	channel       consent.Channel
	kind          policy.Contact
	outcome       Outcome
}

// NewCounter returns a counter of no contacts.
func NewCounter() *Counter {
	c := &Counter{}
	c.brands.Store(&map[string]uint32{})
	for i := range c.shards {
		c.shards[i].contacts = map[phone.Number][]contact{}
	}
	return c
}

func (c *Counter) shard(n phone.Number) *shard {
	return &c.shards[uint64(n)*0x9E3779B97F4A7C15>>58]
}

// Brand returns the number by which a brand's contacts are counted; brands without any share zero.
func (c *Counter) Brand(name []byte) uint32 { return (*c.brands.Load())[string(name)] }

func (c *Counter) intern(name string) uint32 {
	if n, known := (*c.brands.Load())[name]; known {
		return n
	}
	c.naming.Lock()
	defer c.naming.Unlock()
	next := maps.Clone(*c.brands.Load())
	if _, known := next[name]; !known {
		next[name] = uint32(len(next) + 1)
	}
	c.brands.Store(&next)
	return next[name]
}

// add counts a contact, once for each ID.
func (c *Counter) add(n phone.Number, one contact) {
	n = n.WithoutExtension()
	s := c.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.contacts[n]
	if slices.ContainsFunc(list, func(o contact) bool { return o.id == one.id }) {
		return
	}
	at, _ := slices.BinarySearchFunc(list, one.at+1, func(o contact, t int64) int { return cmp.Compare(o.at, t) })
	s.contacts[n] = slices.Insert(list, at, one)
}

func (c *Counter) setOutcome(n phone.Number, id ID, o Outcome) {
	s := c.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.contacts[n]
	if i := slices.IndexFunc(list, func(o contact) bool { return o.id == id }); i >= 0 {
		list[i].outcome = o
	}
}

func (c *Counter) drop(n phone.Number, id ID) {
	n = n.WithoutExtension()
	s := c.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(n, func(o contact) bool { return o.id != id })
}

// dropAll drops contacts of which nothing but their IDs is known. It looks through all that are counted.
func (c *Counter) dropAll(gone map[ID]bool) {
	for i := 0; len(gone) > 0 && i < len(c.shards); i++ {
		s := &c.shards[i]
		s.mu.Lock()
		for n := range s.contacts {
			s.keep(n, func(o contact) bool { return !gone[o.id] })
		}
		s.mu.Unlock()
	}
}

func (c *Counter) forget(n phone.Number) {
	n = n.WithoutExtension()
	s := c.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.contacts, n)
}

func (c *Counter) dropBefore(t int64) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for n := range s.contacts {
			s.keep(n, func(o contact) bool { return o.at >= t || o.kind != policy.Ordinary })
		}
		s.mu.Unlock()
	}
}

// keep leaves a number only the contacts that are to stay. The shard is locked by the caller.
func (s *shard) keep(n phone.Number, stays func(contact) bool) {
	left := slices.DeleteFunc(s.contacts[n], func(o contact) bool { return !stays(o) })
	if len(left) == 0 {
		delete(s.contacts, n)
		return
	}
	s.contacts[n] = left
}

// NthLatest implements policy.AttemptCounter.
func (c *Counter) NthLatest(key policy.CapKey, nth int) (at int64, found bool) {
	s := c.shard(key.Number)
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := s.contacts[key.Number]
	for i := len(list) - 1; i >= 0; i-- {
		if !list[i].counts(&key) {
			continue
		}
		if nth--; nth == 0 {
			return list[i].at, true
		}
	}
	return 0, false
}

// counts reports whether a cap counts the contact. What is not known of either counts: the strict way.
func (o *contact) counts(key *policy.CapKey) bool {
	if o.at > key.Until || key.Channels>>o.channel&1 == 0 || key.Classes>>o.class&1 == 0 {
		return false
	}
	switch key.By {
	case policy.BySubjectMatter:
		if key.Matter != 0 && o.matter != 0 && key.Matter != o.matter {
			return false
		}
	case policy.BySubjectBrand:
		if key.Brand != o.brand {
			return false
		}
	case policy.ByEvent:
		if key.Event != 0 && o.event != 0 && key.Event != o.event {
			return false
		}
	}
	switch key.Counts {
	case policy.Unanswered:
		return o.outcome == Unanswered
	case policy.Conversations:
		return o.outcome == Conversation
	case policy.Requests:
		return o.kind == policy.ConsentRequest
	case policy.Confirmations:
		return o.kind == policy.OptOutConfirmation
	}
	return true
}
