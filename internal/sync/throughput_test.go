//go:build unix

package sync_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/sync"
)

// counting is a system that takes everything, each call after a while.
type counting struct {
	limits sync.Limits
	takes  time.Duration
	told   atomic.Int64
}

func (c *counting) Limits() sync.Limits { return c.limits }

func (c *counting) Deliver(_ context.Context, changes []sync.Change) []error {
	<-time.After(c.takes)
	c.told.Add(int64(len(changes)))
	return make([]error, len(changes))
}

// BenchmarkBacklog drains a backlog that waits in the ledger: -benchtime 1000000x is a million changes. The memory is
// what is in use when it has drained, against what was before.
func BenchmarkBacklog(b *testing.B) {
	for name, c := range map[string]*counting{
		"batching": {limits: sync.Limits{Batch: 100, InFlight: 4}, takes: 20 * time.Millisecond},
		"single":   {limits: sync.Limits{Batch: 1, InFlight: 32}, takes: 20 * time.Millisecond},
	} {
		b.Run(name, func(b *testing.B) {
			c.told.Store(0)
			w := open(b)
			w.define(name, c)
			fill(b, w.Ledger, b.N)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			b.ResetTimer()
			w.start()
			for c.told.Load() < int64(b.N) { // a million takes longer than until waits
				<-time.After(time.Millisecond)
			}
			b.StopTimer()
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
			b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/(1<<20), "MiB-grown")
		})
	}
}

// BenchmarkIdle measures what two hundred destinations take of a processor while nothing happens.
func BenchmarkIdle(b *testing.B) {
	w := open(b)
	for i := range 200 {
		w.define(fmt.Sprintf("idle-%d", i), &counting{limits: sync.Limits{Batch: 1, InFlight: 1}})
	}
	w.start()
	until(b, "all are in step", func() bool { return w.settled("idle-199") && w.settled("idle-0") })
	for b.Loop() {
		before := processorTime(b)
		const watched = 6 * time.Second
		<-time.After(watched)
		b.ReportMetric(100*float64(processorTime(b)-before)/float64(watched), "%-of-a-core")
	}
}

// fill appends withdrawals of made-up numbers, which stay in memory.
func fill(b *testing.B, l *ledger.Ledger, n int) {
	b.Helper()
	for at := 0; at < n; {
		var group []ledger.Item
		for ; at < n && len(group) < 5000; at++ {
			number := phone.Number(1_201_200_0000 + uint64(at/7_000_000)*10_000_000 + uint64(at%7_000_000)) //nolint:gosec // positive
			group = append(group, ledger.Item{Kind: ledger.KindAct, Number: number, By: "test", Act: consent.Act{
				Kind: consent.Withdrawn, Scope: texts, Source: consent.WebForm, EffectiveAt: time.Now(),
			}})
		}
		if _, err := l.Append(ctx, group); err != nil {
			b.Fatal(err)
		}
	}
}

// processorTime is how long this process has kept processors busy.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
