//go:build unix

package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// Bench runs a script of pgbench against the cluster, and returns the transactions per second that it came to.
func (c *Cluster) Bench(t testing.TB, script string, clients int, d time.Duration) float64 {
	t.Helper()
	path := filepath.Join(c.dir, "bench.sql")
	if err := os.WriteFile(path, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := c.command("pgbench", "-n", "-h", c.dir, "-U", "postgres", "-f", path, "-c", strconv.Itoa(clients), "-j", "2",
		"-M", "prepared", "-T", fmt.Sprint(int(d.Seconds())), "postgres").CombinedOutput()
	if err != nil {
		t.Fatalf("pgbench: %v\n%s", err, out)
	}
	found := tps.FindSubmatch(out)
	if found == nil {
		t.Fatalf("pgbench tells no rate:\n%s", out)
	}
	rate, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return rate
}
