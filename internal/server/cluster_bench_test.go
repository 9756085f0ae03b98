package server_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// number returns one of the numbers +1 202 555 0100 and on: benchmarks send nothing to anybody.
func number(n uint64) string { return fmt.Sprintf("+1202%07d", 5550100+n%4_000_000) }

func grants(from, count uint64) []act.Report {
	out := make([]act.Report, count)
	for i := range out {
		out[i] = act.Report{
			Number: number(from + uint64(i)), Purpose: "marketing", Channel: consent.SMS, Act: consent.Granted, Source: consent.WebForm,
		}
	}
	return out
}

// BenchmarkSingleActs records single durable acts from 64 callers through one node, and reports the rate beside that of
// pgbench for an insert and an upsert of the same shape, over 64 connections to the same server.
func BenchmarkSingleActs(b *testing.B) {
	c := pgtest.Start(b, "max_connections=200", "shared_buffers=256MB")
	c.SQL(b, "postgres", "CREATE SCHEMA bench", "CREATE TABLE bench.log (seq BIGSERIAL PRIMARY KEY, at BIGINT, body BYTEA, leaf BYTEA)",
		"CREATE TABLE bench.now (subject BIGINT PRIMARY KEY, status BIGINT, entry BIGINT, at BIGINT)")
	reference := c.Bench(b, `\set id random(1, 1000000)
BEGIN;
INSERT INTO bench.log (at, body, leaf) VALUES (:id, decode(repeat('ab', 300), 'hex'), decode(repeat('cd', 32), 'hex'));
INSERT INTO bench.now VALUES (:id, 1, 1, 1) ON CONFLICT (subject) DO UPDATE SET status = 1, entry = 2, at = 3;
COMMIT;
`, 64, 4*time.Second)
	node := openDefault(b, c, filepath.Join(b.TempDir(), "master.key"))
	defer closing(b, node)
	var n atomic.Uint64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := node.Recorder.Record(ctx, access.Local, grants(n.Add(1)*7919, 1)); err != nil {
				b.Error(err)
			}
		}
	})
	rate := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "acts/s")
	b.ReportMetric(reference, "pgbench/s")
	b.ReportMetric(100*rate/reference, "%ofpgbench")
}

// BenchmarkImportToPostgres records acts in batches of 4,000, two at once.
func BenchmarkImportToPostgres(b *testing.B) {
	c := pgtest.Start(b, "shared_buffers=256MB")
	node := openDefault(b, c, filepath.Join(b.TempDir(), "master.key"))
	defer closing(b, node)
	const size = 4000
	slots := make(chan struct{}, 2)
	b.ResetTimer()
	for i := 0; i < b.N; i += size {
		slots <- struct{}{}
		go func() {
			if _, err := node.Recorder.Record(ctx, access.Local, grants(uint64(i), size)); err != nil {
				b.Error(err)
			}
			<-slots
		}()
	}
	for range cap(slots) {
		slots <- struct{}{}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acts/s")
}

// BenchmarkVisible measures from when a withdrawal is sent until all of three nodes with the product's own times deny,
// and until it is acknowledged as obeyed by all.
func BenchmarkVisible(b *testing.B) {
	c, key := pgtest.Start(b), filepath.Join(b.TempDir(), "master.key")
	var nodes []*server.Server
	for range 3 {
		n := openDefault(b, c, key)
		b.Cleanup(func() { closing(b, n) })
		nodes = append(nodes, n)
	}
	var seen, acknowledged []time.Duration
	for b.Loop() {
		record(b, nodes[0], consent.Granted)
		for _, n := range nodes {
			within(b, n, check.Allow)
		}
		began := time.Now()
		r, err := nodes[0].Recorder.Record(ledger.WithoutWaiting(ctx), access.Local, report(consent.Withdrawn, ""))
		if err != nil {
			b.Fatal(err)
		}
		for _, n := range nodes {
			if err := n.Index.WaitFor(ctx, r[0].Seq); err != nil {
				b.Fatal(err)
			}
		}
		seen = append(seen, time.Since(began))
		if err := r[0].Pending.Wait(ctx); err != nil {
			b.Fatal(err)
		}
		acknowledged = append(acknowledged, time.Since(began))
	}
	for what, took := range map[string][]time.Duration{"seen": seen, "acknowledged": acknowledged} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50-"+what)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99-"+what)
	}
}

// BenchmarkJoin measures how long a node takes from its start until it answers, on a ledger of a million records.
func BenchmarkJoin(b *testing.B) {
	const records, batch = 1_000_000, 10_000
	c, key := pgtest.Start(b, "shared_buffers=256MB"), filepath.Join(b.TempDir(), "master.key")
	first := openDefault(b, c, key)
	defer closing(b, first)
	for from := uint64(0); from < records; from += batch {
		if _, err := first.Recorder.Record(ctx, access.Local, grants(from, batch)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		joined := openDefault(b, c, key)
		if v := joined.Index.Check(question()); v.Code() == check.Stale || joined.Index.Stats().Records < records {
			b.Fatalf("joined with %d records, answers %s", joined.Index.Stats().Records, v.Code())
		}
		b.StopTimer()
		closing(b, joined)
		b.StartTimer()
	}
}

// BenchmarkAtRest measures the processor time of three idle nodes with the default times, for three seconds.
func BenchmarkAtRest(b *testing.B) {
	c := pgtest.Start(b)
	const nodes = 3
	key := filepath.Join(b.TempDir(), "master.key")
	for range nodes {
		s := openDefault(b, c, key)
		b.Cleanup(func() { closing(b, s) })
	}
	var before, after syscall.Rusage
	for b.Loop() {
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		pause(3 * time.Second)
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
			b.Fatal(err)
		}
		used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
		b.ReportMetric(100*used.Seconds()/time.Since(began).Seconds()/nodes, "%core/node")
	}
}
