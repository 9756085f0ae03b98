//go:build linux && ha

package ha_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/testkit/ha"
	"github.com/consentline/consentline/internal/testkit/history"
	"github.com/consentline/consentline/internal/testkit/reliability"
	"github.com/consentline/consentline/verify"
)

const (
	kills    = 10
	writers  = 4
	checkers = 6
	pool     = 8 // numbers that are written at a time; after each kill it is others

	// Two waits of a node before a withdrawal is "effective: all", for whatever the load was about.
	breath = 1500 * time.Millisecond
)

// load is callers of two nodes, what they were told, and the numbers that they ask about.
type load struct {
	nodes   []*ha.Node
	history *history.History

	mu     sync.Mutex
	epoch  int
	acked  map[string]told // by idempotency key
	unsure int             // acts that had to be told again
}

// told is an act that was acknowledged.
type told struct {
	what   string
	number phone.Number
	seq    uint64
}

func (l *load) number(random *rand.Rand) phone.Number {
	l.mu.Lock()
	defer l.mu.Unlock()
	return 12025550100 + phone.Number(l.epoch*pool+random.IntN(pool))
}

// act records an act under one key, through one node and then another, until it is acknowledged or the load ends.
func (l *load) act(ctx context.Context, node int, what, key string, n phone.Number) (string, bool) {
	for try := 0; ctx.Err() == nil; try++ {
		seq, _ := l.nodes[(node+try)%len(l.nodes)].Act(ctx, what, key, n)
		if seq != 0 {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.acked[key] = told{what, n, seq}
			l.unsure += min(try, 1)
			return history.Done, true
		}
		wait(ctx, 50*time.Millisecond)
	}
	return "", false
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// run applies the load until done ends, and returns what waits for the last answers.
func (l *load) run(ctx context.Context, done <-chan struct{}, seed uint64) *sync.WaitGroup {
	var wg sync.WaitGroup
	for i := range writers + checkers {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		acts := 0
		ask := l.history.Client(func(node int, what string, n phone.Number) (string, bool) {
			if what == history.Check {
				said := l.nodes[node].Ask(ctx, n)
				return said, said != ""
			}
			acts++
			return l.act(ctx, node, what, fmt.Sprintf("load-%d-%d", i, acts), n)
		})
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Duration(random.IntN(20)) * time.Millisecond):
				}
				what := history.Check
				if i < writers {
					what = []string{history.Grant, history.Withdraw}[random.IntN(2)]
				}
				ask(random.IntN(len(l.nodes)), what, l.number(random))
			}
		})
	}
	return &wg
}

// recovered returns once every node records, and answers what it has recorded: how long that took from a moment on.
func (l *load) recovered(ctx context.Context, t *testing.T, kill int, since time.Time) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for i, n := range l.nodes {
		number := phone.Number(12035550100 + kill*len(l.nodes) + i)
		all.Go(func() {
			for ctx.Err() == nil {
				if seq, _ := n.Act(ctx, history.Grant, fmt.Sprintf("probe-%d-%d", kill, i), number); seq != 0 {
					break
				}
				wait(ctx, 20*time.Millisecond)
			}
			for ctx.Err() == nil && n.Ask(ctx, number) != history.Allow {
				wait(ctx, 20*time.Millisecond)
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		t.Fatalf("kill %d: the nodes do not come back", kill+1)
	}
	return time.Since(since)
}

// lost tells every acknowledged act again: each must be known, as the entry that it was.
func (l *load) lost(ctx context.Context, t *testing.T) (losses int) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, 64)
	for key, was := range l.acked {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			seq, again := l.nodes[int(was.seq)%len(l.nodes)].Act(ctx, was.what, key, was.number)
			if seq != was.seq || !again {
				mu.Lock()
				defer mu.Unlock()
				losses++
				t.Errorf("%s was acknowledged as entry %d, and is %d (known: %t)", key, was.seq, seq, again)
			}
		})
	}
	all.Wait()
	return losses
}

// build builds the product as it is delivered.
func build(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "consentline")
	cmd := exec.Command("go", "build", "-trimpath", "-o", program, "./cmd/consentline")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

const root = "../../.."

// audit verifies the whole public log of a node: every entry in its place, and the log a continuation of an earlier one.
func audit(ctx context.Context, t *testing.T, n *ha.Node, trusted *tlog.Tree) verify.Report {
	t.Helper()
	prefix, err := url.Parse(n.Base + "/v1/log/")
	if err != nil {
		t.Fatal(err)
	}
	source := verify.Web{Prefix: prefix}
	text, err := source.Fetch(ctx, "key")
	if err != nil {
		t.Fatal(err)
	}
	origin, key, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	policy, err := verify.NewPolicy(origin, key)
	if err != nil {
		t.Fatal(err)
	}
	report, err := verify.Audit{Source: source, Policy: policy, Trusted: trusted}.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestLeadersAreKilledUnderLoad is the whole deployment of deploy/ha, whose leader is killed again and again.
func TestLeadersAreKilledUnderLoad(t *testing.T) {
	ctx, program := t.Context(), build(t)
	c := ha.Start(t, filepath.Join(root, "deploy", "ha"))
	if err := c.Prepare(ctx, filepath.Join(root, "deploy", "postgres", "role.sql")); err != nil {
		t.Fatal(err)
	}
	first := c.StartNode(t, "node1", program, "consentline_owner")
	second := c.StartNode(t, "node2", program, "consentline_node").With(first)
	seed := uint64(time.Now().UnixNano())
	l := &load{nodes: []*ha.Node{first, second}, history: history.New(), acked: map[string]told{}}
	done := make(chan struct{})
	calls := l.run(ctx, done, seed)
	wait(ctx, 2*breath)
	tree := audit(ctx, t, first, nil).Checkpoint.Tree()
	took := l.killLeaders(ctx, t, c)
	close(done)
	calls.Wait()
	heard, judged, losses := l.history.Heard(), l.history.Judge(), l.lost(ctx, t)
	log := audit(ctx, t, second, &tree)
	slices.Sort(took)
	t.Logf("seed %d: %d kills of the leader, %d answers heard (%v), %d acts acknowledged, %d of them told more than once; losses: %d; stale allows: %s; recovery min %.1f s, median %.1f s, max %.1f s; log of %d entries continues that of %d",
		seed, kills, l.history.Len(), heard, len(l.acked), l.unsure, losses, verdict(judged),
		took[0].Seconds(), took[len(took)/2].Seconds(), took[len(took)-1].Seconds(), log.Entries, tree.N)
	l.note(t, losses, took)
	if judged != porcupine.Ok {
		t.Errorf("seed %d: the history is %s", seed, judged)
	}
	if heard[history.Allow] < 100 || len(l.acked) < 20*kills || heard["stale"] == 0 || l.unsure == 0 {
		t.Error("too little happened for the history to prove anything")
	}
}

// note counts what happened, for the page of promises; took is sorted.
func (l *load) note(t *testing.T, losses int, took []time.Duration) {
	t.Helper()
	heard := l.history.Heard()
	reliability.Count(t, "cluster leaders killed", kills)
	reliability.Count(t, "acts acknowledged by the cluster", len(l.acked))
	reliability.Count(t, "acts lost by the cluster", losses)
	reliability.Count(t, "histories judged", 1)
	reliability.Count(t, "answers in them", l.history.Len())
	reliability.Count(t, "stale denials in them", heard["stale"])
	reliability.Count(t, "allows in them", heard[history.Allow])
	reliability.Measure(t, "seconds to recovery, least", took[0].Seconds())
	reliability.Measure(t, "seconds to recovery, median", took[len(took)/2].Seconds())
	reliability.Measure(t, "seconds to recovery, most", took[len(took)-1].Seconds())
}

func verdict(r porcupine.CheckResult) string {
	if r == porcupine.Ok {
		return "none"
	}
	return string(r)
}

// killLeaders kills the leader of a whole cluster, and returns how long each time it took until all was well.
func (l *load) killLeaders(ctx context.Context, t *testing.T, c *ha.Cluster) (took []time.Duration) {
	t.Helper()
	for kill := range kills {
		leader, err := c.Leader(ctx)
		if err != nil {
			t.Fatal(err)
		}
		l.mu.Lock()
		l.epoch = kill + 1
		l.mu.Unlock()
		wait(ctx, breath)
		began := time.Now()
		if err := c.Kill(leader); err != nil {
			t.Fatal(err)
		}
		took = append(took, l.recovered(ctx, t, kill, began))
		t.Logf("kill %d, of member %d: well again after %.1f s", kill+1, leader+1, took[kill].Seconds())
		if err := c.StartMember(leader); err != nil {
			t.Fatal(err)
		}
		if err := c.AwaitWhole(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return took
}
