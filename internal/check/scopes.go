package check

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/consentline/consentline/internal/consent"
)

// ScopeID stands for a scope within one process: a brand and purpose, times eight, plus the channel. Zero is no scope.
type ScopeID uint32

const (
	channelBits = 3
	maxPairs    = math.MaxInt32 >> channelBits // the highest bit is latestNo
)

// ErrTooManyScopes says that more than a quarter of a billion pairs of brand and purpose were named.
var ErrTooManyScopes = errors.New("too many scopes")

// Scopes gives each scope an id and knows which brands and purposes the operator has defined. Purposes are named for
// all brands alike. Lookups take no lock and allocate nothing; changes wait for each other.
type Scopes struct {
	brands   *words
	purposes *words
	pairs    atomic.Pointer[[]pair] // by the upper bits of a ScopeID; the first stands for no scope

	mu sync.Mutex // held by those who change any of it
}

type pair struct {
	brand   consent.BrandID
	purpose consent.PurposeID
}

// NewScopes returns a table in which no brand and no purpose is known.
func NewScopes() *Scopes {
	s := &Scopes{brands: newWords(consent.Any), purposes: newWords(consent.Any)}
	s.pairs.Store(&[]pair{{}})
	return s
}

// DefineBrand makes a brand known. The wildcard and the empty name are refused.
func (s *Scopes) DefineBrand(b consent.BrandID) error {
	if b == "" || b == consent.Any {
		return fmt.Errorf("define brand: %q is no name for a brand", b)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.brands.add(string(b)).class.Store(1)
	return nil
}

// RetireBrand makes a brand unknown again; its scopes keep their ids.
func (s *Scopes) RetireBrand(b consent.BrandID) { retire(s.brands, string(b)) }

// DefinePurpose makes a purpose known, with its class, or changes its class.
func (s *Scopes) DefinePurpose(p consent.PurposeID, class consent.Class) error {
	if p == "" || p == consent.Any {
		return fmt.Errorf("define purpose: %q is no name for a purpose", p)
	}
	if class == consent.NoClass || class > consent.DebtCollection {
		return fmt.Errorf("define purpose %q: %v is no class", p, class)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.purposes.add(string(p)).class.Store(uint32(class))
	return nil
}

// RetirePurpose makes a purpose unknown again; its scopes keep their ids.
func (s *Scopes) RetirePurpose(p consent.PurposeID) { retire(s.purposes, string(p)) }

func retire(t *words, name string) {
	if w := t.find([]byte(name)); w != nil {
		w.class.Store(0)
	}
}

// Intern returns the id of a scope, wildcards included, and gives it one if it has none. It makes nothing known.
func (s *Scopes) Intern(scope consent.Scope) (ScopeID, error) {
	if scope.Brand == "" || scope.Purpose == "" || scope.Channel > consent.VoiceAuto {
		return 0, fmt.Errorf("intern scope: %v is incomplete", scope)
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	brand, purpose := s.brands.add(string(scope.Brand)), s.purposes.add(string(scope.Purpose))
	if p := brand.pair(purpose); p != 0 {
		return scopeID(p, scope.Channel), nil
	}
	all := *s.pairs.Load()
	if len(all) > maxPairs {
		return 0, ErrTooManyScopes
	}
	p := uint32(len(all))
	all = append(all, pair{scope.Brand, scope.Purpose})
	s.pairs.Store(&all)
	brand.setPair(purpose, p)
	return scopeID(p, scope.Channel), nil
}

func scopeID(pair uint32, c consent.Channel) ScopeID {
	return ScopeID(pair<<channelBits | uint32(c))
}

func (w *word) pair(purpose *word) uint32 {
	pairs := w.pairs.Load()
	if pairs == nil || int(purpose.index) >= len(*pairs) {
		return 0
	}
	return (*pairs)[purpose.index]
}

// setPair copies the brand's pairs: readers hold the old ones.
func (w *word) setPair(purpose *word, p uint32) {
	var old []uint32
	if pairs := w.pairs.Load(); pairs != nil {
		old = *pairs
	}
	pairs := make([]uint32, max(len(old), int(purpose.index)+1))
	copy(pairs, old)
	pairs[purpose.index] = p
	w.pairs.Store(&pairs)
}

// Scope returns the scope that an id stands for, and whether it stands for one.
func (s *Scopes) Scope(id ScopeID) (consent.Scope, bool) {
	all := *s.pairs.Load()
	p, c := id>>channelBits, consent.Channel(id&(1<<channelBits-1))
	if p == 0 || int(p) >= len(all) || c > consent.VoiceAuto {
		return consent.Scope{}, false
	}
	return consent.Scope{Brand: all[p].brand, Purpose: all[p].purpose, Channel: c}, true
}

// Concrete reports whether an id stands for a scope without wildcards.
func (s *Scopes) Concrete(id ScopeID) bool {
	scope, ok := s.Scope(id)
	return ok && scope.Concrete()
}

// Found is what is known of the words of a question.
type Found struct {
	BrandKnown bool
	Class      consent.Class // NoClass: the purpose is unknown

	brand, purpose *word
	channel        consent.Channel
}

// Lookup finds brand and purpose by their names. It keeps neither slice.
func (s *Scopes) Lookup(brand, purpose []byte, c consent.Channel) Found {
	f := Found{brand: s.brands.find(brand), purpose: s.purposes.find(purpose), channel: c}
	if f.brand != nil {
		f.BrandKnown = f.brand.class.Load() != 0
	}
	if f.purpose != nil {
		f.Class = consent.Class(f.purpose.class.Load())
	}
	return f
}

// ID returns the id of the scope that was looked up; zero when nobody has acted in it, or when it has a wildcard: a
// question with one is never answered by a record.
func (f *Found) ID() ScopeID {
	id := join(f.brand, f.purpose, f.channel)
	if id == 0 || f.brand.index == 0 || f.purpose.index == 0 || f.channel == consent.AnyChannel {
		return 0
	}
	return id
}

func join(brand, purpose *word, c consent.Channel) ScopeID {
	if brand == nil || purpose == nil || c > consent.VoiceAuto {
		return 0
	}
	p := brand.pair(purpose)
	if p == 0 {
		return 0
	}
	return scopeID(p, c)
}

// wildcards is how many scopes with a wildcard cover a concrete scope.
const wildcards = 7

// covering returns the ids of the wildcard scopes that cover what was looked up; zeros for those nobody acted in.
func (s *Scopes) covering(f *Found) (ids [wildcards]ScopeID) {
	anyBrand, anyPurpose := (*s.brands.list.Load())[0], (*s.purposes.list.Load())[0]
	for mask := 1; mask <= wildcards; mask++ {
		brand, purpose, channel := f.brand, f.purpose, f.channel
		if mask&1 != 0 {
			brand = anyBrand
		}
		if mask&2 != 0 {
			purpose = anyPurpose
		}
		if mask&4 != 0 {
			channel = consent.AnyChannel
		}
		ids[mask-1] = join(brand, purpose, channel)
	}
	return ids
}
