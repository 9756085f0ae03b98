package server_test

import (
	"math/rand/v2"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/testkit/history"
	"github.com/consentline/consentline/internal/testkit/pgtest"
	"github.com/consentline/consentline/internal/testkit/reliability"
)

// fleet is three nodes, each behind a network of its own, and what was asked of them.
type fleet struct {
	t       testing.TB
	nodes   []*process
	proxies []*pgtest.Proxy
	history *history.History
}

func newFleet(t testing.TB, delta time.Duration, mutant string) *fleet {
	t.Helper()
	c := pgtest.Shared(t)
	url, key := c.Schema(t), filepath.Join(t.TempDir(), "master.key")
	f := &fleet{t: t, history: history.New()}
	for range 3 {
		proxy := pgtest.NewProxy(t, c)
		p := &process{orders: orders{
			Database: proxy.URL(url), MasterKeyFile: key, DataDir: t.TempDir(), Delta: delta, Every: delta / 4, Mutant: mutant,
		}}
		p.start(t)
		t.Cleanup(p.kill)
		f.nodes, f.proxies = append(f.nodes, p), append(f.proxies, proxy)
	}
	return f
}

// client returns an asker, whose questions become part of the history.
func (f *fleet) client() func(node int, what string, n phone.Number) string {
	return f.history.Client(func(node int, what string, n phone.Number) (string, bool) { return f.nodes[node].ask(what, n) })
}

// busy lets clients record and ask through any node until done is closed.
func (f *fleet) busy(seed uint64, done <-chan struct{}) *sync.WaitGroup {
	var wg sync.WaitGroup
	for i := range 9 {
		ask, random := f.client(), rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				what := "check"
				if i < 3 { // a writer; the others only ask
					what = []string{"grant", "withdraw", "check"}[random.IntN(3)]
				}
				ask(random.IntN(3), what, 12025550100+phone.Number(random.IntN(4)))
			}
		})
	}
	return &wg
}

// disturb does something to a node or its network, and undoes it after a while.
func (f *fleet) disturb(random *rand.Rand) {
	node := random.IntN(3)
	p, proxy := f.nodes[node], f.proxies[node]
	while := time.Duration(20+random.IntN(250)) * time.Millisecond
	switch random.IntN(5) {
	case 0:
		p.signal(syscall.SIGSTOP)
		pause(while)
		p.signal(syscall.SIGCONT)
	case 1:
		p.kill()
		p.start(f.t)
	case 2:
		proxy.Set(pgtest.Faults{Cut: true})
		pause(while)
	case 3:
		proxy.Set(pgtest.Faults{Swallow: true})
		pause(while)
	case 4:
		proxy.Set(pgtest.Faults{Answers: while / 4})
		pause(2 * while)
	}
	proxy.Set(pgtest.Faults{})
}

// pause lets a fault last: time itself is what these tests are about.
func pause(d time.Duration) { <-time.After(d) }

// TestNoAllowOutlivesAnAcknowledgedWithdrawal disturbs three nodes in every way there is, and looks at what they said.
func TestNoAllowOutlivesAnAcknowledgedWithdrawal(t *testing.T) {
	for _, delta := range []time.Duration{40 * time.Millisecond, 200 * time.Millisecond} {
		t.Run(delta.String(), func(t *testing.T) {
			f := newFleet(t, delta, "")
			seed := uint64(time.Now().UnixNano())
			random := rand.New(rand.NewPCG(seed, 99))
			done := make(chan struct{})
			wg := f.busy(seed, done)
			for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
				f.disturb(random)
				pause(time.Duration(random.IntN(100)) * time.Millisecond)
			}
			close(done)
			wg.Wait()
			heard := f.history.Heard()
			judged(t, f.history)
			t.Logf("seed %d: %d operations; heard %v", seed, f.history.Len(), heard)
			if result := f.history.Judge(); result != porcupine.Ok {
				t.Errorf("seed %d: the history is %s", seed, result)
			}
			if heard["allow"] < 100 || heard["done"] < 50 || heard["stale"] == 0 {
				t.Errorf("heard %v: too little happened for the history to prove anything", heard)
			}
		})
	}
}

// judged notes what a history that is to be judged holds.
func judged(t testing.TB, h *history.History) {
	t.Helper()
	heard := h.Heard()
	reliability.Count(t, "histories judged", 1)
	reliability.Count(t, "answers in them", h.Len())
	reliability.Count(t, "stale denials in them", heard["stale"])
	reliability.Count(t, "allows in them", heard[history.Allow])
}

// provoke leads three nodes, without any luck, into the situations that leases are there for.
func (f *fleet) provoke() {
	ask := f.client()
	const n phone.Number = 12025550150
	granted := func() {
		ask(0, "grant", n)
		for deadline := time.Now().Add(20 * time.Second); ask(2, "check", n) != "allow"; {
			if time.Now().After(deadline) {
				f.t.Fatal("a grant does not arrive")
			}
		}
	}
	// One node does not get to run while another records a withdrawal, and is asked the moment it runs again.
	granted()
	f.nodes[2].signal(syscall.SIGSTOP)
	ask(0, "withdraw", n)
	checked := make(chan struct{})
	go func() { ask(2, "check", n); close(checked) }()
	pause(5 * time.Millisecond) // the question is on its way
	f.nodes[2].signal(syscall.SIGCONT)
	<-checked
	// One node's answers from the database come late: they say what was, not what is.
	granted()
	late := 3 * f.nodes[2].orders.Delta
	f.proxies[2].Set(pgtest.Faults{Answers: late})
	pause(2 * f.nodes[2].orders.Delta)
	ask(0, "withdraw", n)
	// A poll whose snapshot was taken before the answers became late has two or three of them to wait for.
	for end := time.Now().Add(3 * late); time.Now().Before(end); {
		ask(2, "check", n)
		pause(time.Millisecond)
	}
	f.proxies[2].Set(pgtest.Faults{})
}

func TestProvokedNodesKeepTheirWord(t *testing.T) {
	f := newFleet(t, 60*time.Millisecond, "")
	for range 3 {
		f.provoke()
	}
	if result := f.history.Judge(); result != porcupine.Ok {
		t.Errorf("the history is %s", result)
	}
}

// TestBrokenLeasesAreCaught is the test of the test: nodes that keep a worse protocol must be found out by it.
func TestBrokenLeasesAreCaught(t *testing.T) {
	for _, mutant := range []string{noWait, fromReceipt, sampled} {
		t.Run(mutant, func(t *testing.T) {
			f := newFleet(t, 60*time.Millisecond, mutant)
			for range 40 {
				f.provoke()
				if f.history.Judge() == porcupine.Illegal {
					reliability.Count(t, "broken leases found out", 1)
					return
				}
			}
			t.Errorf("not found out; heard %v", f.history.Heard())
		})
	}
}
