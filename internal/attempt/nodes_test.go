package attempt_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/testkit/dbtest"
)

// fleet is some nodes on one database, each of which counts for itself.
func fleet(t testing.TB, nodes int) (list []*attempt.Attempts) {
	t.Helper()
	db := dbtest.Open(t)
	for range nodes {
		list = append(list, opened(t, db))
	}
	report(t, list[0], made(bob, time.Hour)) // so that the brand has its number
	for _, a := range list[1:] {
		follow(t, a)
	}
	return list
}

func follow(t testing.TB, a *attempt.Attempts) int {
	t.Helper()
	n, err := a.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOfManyWhoReserveOnThreeNodesAsManyAsTheCapAllowsGetThrough(t *testing.T) {
	nodes := fleet(t, 3)
	const most = 5
	var through atomic.Int32
	var all sync.WaitGroup
	for i := range 36 {
		a := nodes[i%len(nodes)]
		all.Go(func() {
			v, _, err := a.Reserve(ctx, made(alice, 0), allowed(most, a, alice))
			if err != nil {
				t.Error(err)
			}
			if v.Outcome == check.Allow {
				through.Add(1)
			}
		})
	}
	all.Wait()
	if through.Load() != most {
		t.Errorf("%d got through, want %d", through.Load(), most)
	}
	for i, a := range nodes {
		follow(t, a)
		if got := counted(a, of(a, alice)); got != most {
			t.Errorf("node %d counts %d, want %d", i, got, most)
		}
	}
}

// Whoever was told yes is counted after they were told and uncounted before they give it back, so that what is held is
// never more than what the cap allows, whatever the order in which the nodes worked.
func TestPlacesThatAreGivenBackAreNeverHeldByMoreThanTheCapAllows(t *testing.T) {
	nodes := fleet(t, 3)
	const most = 3
	var held, highest, taken atomic.Int32
	var all sync.WaitGroup
	for worker := range 9 {
		a, other, random := nodes[worker%3], nodes[(worker+1)%3], rand.New(rand.NewPCG(7, uint64(worker)))
		all.Go(func() {
			for range 8 {
				v, id, err := a.Reserve(ctx, made(alice, 0), allowed(most, a, alice))
				if err != nil {
					t.Error(err)
					return
				}
				if v.Outcome != check.Allow {
					continue
				}
				taken.Add(1)
				now := held.Add(1)
				for was := highest.Load(); now > was && !highest.CompareAndSwap(was, now); was = highest.Load() {
				}
				held.Add(-1)
				by := []*attempt.Attempts{a, other}[random.IntN(2)] // any node may settle it
				if err := by.Release(ctx, id, always); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if highest.Load() > most || taken.Load() <= most {
		t.Errorf("%d held at once of %d in all, want at most %d and many", highest.Load(), taken.Load(), most)
	}
}

func TestANodeLearnsWhatOthersChangedAndForgot(t *testing.T) {
	nodes := fleet(t, 2)
	a, b := nodes[0], nodes[1]
	_, id, err := a.Reserve(ctx, made(alice, 0), allowed(9, a, alice))
	if err != nil {
		t.Fatal(err)
	}
	if n := follow(t, b); n != 1 || counted(b, of(b, alice)) != 1 {
		t.Errorf("a reservation: %d parts changed, %d counted", n, counted(b, of(b, alice)))
	}
	if n := follow(t, b); n != 0 {
		t.Errorf("nothing new: %d parts changed", n)
	}
	if err := a.Confirm(ctx, id, attempt.Conversation, always); err != nil {
		t.Fatal(err)
	}
	follow(t, b)
	key := of(b, alice)
	if key.Counts = policy.Conversations; counted(b, key) != 1 {
		t.Error("the other node does not know that a conversation was held")
	}
	if err := a.Forget(ctx, alice); err != nil {
		t.Fatal(err)
	}
	follow(t, b)
	if counted(b, of(b, alice)) != 0 || counted(b, of(b, bob)) != 1 {
		t.Error("the wrong ones are forgotten on the other node")
	}
	if err := b.Confirm(ctx, id, attempt.Made, always); !errors.Is(err, attempt.ErrNotFound) {
		t.Errorf("settle what was forgotten: got %v, want ErrNotFound", err)
	}
}

func TestAContactOfANodeWhoseClockIsAheadCounts(t *testing.T) {
	nodes := fleet(t, 2)
	ahead, a := nodes[0], nodes[1]
	report(t, ahead, made(alice, -5*time.Second))
	v, _, err := a.Reserve(ctx, made(alice, 0), allowed(1, a, alice))
	if err != nil || v.Outcome == check.Allow {
		t.Errorf("got %v, %v; want no place to be left", v.Outcome, err)
	}
}
