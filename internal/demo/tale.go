package demo

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

// span is how many years of acts there are.
const span = 2

// tale is the whole sample, told from a seed.
type tale struct {
	rng         *rand.Rand
	from, until time.Time
	people      []person
	told        []act.Report
	byID        map[string]wording
}

type person struct {
	number phone.Number
	market *market
}

func newTale(o Options, until time.Time) *tale {
	t := &tale{
		rng: rand.New(rand.NewPCG(o.Seed, 0x636f6e73656e74)), until: until, from: until.AddDate(-span, 0, 0),
		byID: map[string]wording{},
	}
	for _, w := range wordings {
		t.byID[w.id] = w
	}
	all := markets()
	for i := range all {
		for _, n := range all[i].numbers {
			t.people = append(t.people, person{n, &all[i]})
		}
	}
	t.rng.Shuffle(len(t.people), func(i, j int) { t.people[i], t.people[j] = t.people[j], t.people[i] })
	if o.People > 0 && o.People < len(t.people) {
		t.people = t.people[:o.People]
	}
	return t
}

// reports returns every act in the order in which it happened, as a ledger would have learned of them.
func (t *tale) reports() []act.Report {
	for i, p := range t.people {
		wants := 1 + t.rng.IntN(3)
		taken := map[consent.Scope]bool{}
		for range wants {
			o := pick(t.rng, p.market.offers, func(o offer) int { return o.weight })
			scope := consent.Scope{Brand: o.brand, Purpose: o.purpose, Channel: o.channel}
			if taken[scope] {
				continue
			}
			taken[scope] = true
			th := &thread{tale: t, person: p, who: i, part: len(taken), offer: o, wording: t.byID[p.market.wording(t.rng, o.brand)]}
			th.at = t.moment()
			pick(t.rng, stories, func(s story) int { return s.weight }).tell(th)
		}
	}
	slices.SortStableFunc(t.told, func(a, b act.Report) int {
		return cmp.Or(a.EffectiveAt.Compare(b.EffectiveAt), cmp.Compare(a.EventID, b.EventID))
	})
	return t.told
}

// moment draws a time of day at which people are awake; there are more of late than at first, as in a ledger that grows.
func (t *tale) moment() time.Time {
	most := max(t.rng.Float64(), t.rng.Float64())
	days := int(most * (t.until.Sub(t.from) - 10*day).Hours() / 24)
	return t.from.Add(time.Duration(days)*day + time.Duration(7*3600+t.rng.IntN(14*3600))*time.Second)
}

// members draws who stands on a list.
func (t *tale) members(l list) []phone.Number {
	rng := rand.New(rand.NewPCG(uint64(len(l.id)), uint64(l.each)))
	var out []phone.Number
	for _, p := range t.people {
		if rng.IntN(l.each) == 0 && (l.brand != kestrel || p.number.CallingCode() == 1) {
			out = append(out, p.number)
		}
	}
	return out
}

func pick[T any](rng *rand.Rand, from []T, weight func(T) int) T {
	total := 0
	for _, x := range from {
		total += weight(x)
	}
	n := rng.IntN(total)
	for _, x := range from {
		if n -= weight(x); n < 0 {
			return x
		}
	}
	return from[len(from)-1]
}

// thread is what one person and one brand have to do with each other in one scope.
type thread struct {
	*tale
	person
	offer
	wording
	who, part, step int
	at              time.Time
}

// tell adds an act at the thread's moment, filled in by how; acts that would lie in the future have not happened.
func (th *thread) tell(kind consent.Kind, source consent.Source, method string, how ...func(*act.Report)) {
	th.step++
	if th.at.After(th.until) {
		return
	}
	r := act.Report{
		Number: th.number.String(), Brand: th.offer.brand, Purpose: th.purpose, Channel: th.channel,
		Act: kind, Source: source, Method: method, Via: consent.ViaBatch, EffectiveAt: th.at,
		EventID: fmt.Sprintf("sample-%05d-%d-%d", th.who, th.part, th.step),
	}
	if kind.Grants() {
		r.Level = th.level
	}
	for _, f := range how {
		f(&r)
	}
	th.told = append(th.told, r)
}

// later moves the thread on, by between lo and hi.
func (th *thread) later(lo, hi time.Duration) {
	th.at = th.at.Add(lo + time.Duration(th.rng.Int64N(int64((hi-lo)/time.Second)+1))*time.Second)
}

func (th *thread) worded(r *act.Report) {
	r.Disclosure = ledger.FormatDisclosure(th.wording.at(th.at, th.until))
}

func (th *thread) evidenced(r *act.Report) {
	sum := sha256.Sum256([]byte(r.EventID))
	r.Evidence = "sha256:" + hex.EncodeToString(sum[:])
}

func confirmed(r *act.Report) { r.Confirmed = true }

func via(v consent.Via) func(*act.Report) { return func(r *act.Report) { r.Via = v } }

func by(actor string) func(*act.Report) { return func(r *act.Report) { r.Actor = actor } }

func level(l consent.Level) func(*act.Report) { return func(r *act.Report) { r.Level = l } }

func scope(b consent.BrandID, p consent.PurposeID, c consent.Channel) func(*act.Report) {
	return func(r *act.Report) { r.Brand, r.Purpose, r.Channel = b, p, c }
}
