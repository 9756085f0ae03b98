//go:build linux

// Package ha runs the highly available cluster of deploy/ha on one machine, for a test that kills its leaders: three
// members of etcd, three of PostgreSQL under Patroni, and HAProxy before them, each on a loopback address of its own.
//
// The configuration is that of deploy/ha, with addresses and folders replaced and nothing else, so that what operators
// copy is what is tested. Nothing survives the test, however it ends: a guard that hears of its end kills whatever runs
// in the cluster's folder and deletes it.
package ha

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Members is how many PostgreSQL servers there are.
const Members = 3

// Cluster is the running cluster.
type Cluster struct {
	dir    string
	config string // the folder deploy/ha
	user   *credential
	host   byte // the third number of all addresses: 127.77.host.11 and so on
}

// Member is a PostgreSQL server as Patroni sees it.
type Member struct {
	Name  string `json:"name"`
	Role  string `json:"role"`
	State string `json:"state"`
}

// Start starts the cluster from the configuration in a folder, and returns when one member leads and the other two
// stream, one of them synchronously.
func Start(t testing.TB, config string) *Cluster {
	t.Helper()
	if err := installed("etcd", "patroni", "haproxy"); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "ha")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{dir: dir, config: config, user: servant(), host: byte(os.Getpid()%250 + 1)}
	end, err := guard(dir)
	if err != nil {
		t.Fatal(errors.Join(err, os.RemoveAll(dir)))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the ends of the logs:\n%s", c.Logs(12))
		}
		end()
	})
	for i := range Members {
		if err := c.startEtcd(i); err != nil {
			t.Fatal(err)
		}
	}
	for i := range Members {
		if err := c.StartMember(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(c.startProxy(), c.AwaitWhole(t.Context())); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Cluster) address(member int) string { return fmt.Sprintf("127.77.%d.1%d", c.host, member+1) }

// Proxy is the address at which HAProxy leads to the primary.
func (c *Cluster) Proxy() string { return fmt.Sprintf("127.77.%d.1:5433", c.host) }

func (c *Cluster) home(what string, member int) string {
	return filepath.Join(c.dir, fmt.Sprintf("%s%d", what, member+1))
}

func (c *Cluster) startEtcd(member int) error {
	home := c.home("etcd", member)
	text, err := c.configuration("etcd.yml", member)
	if err != nil {
		return err
	}
	return c.run(home, "etcd.yml", text, "etcd", "--config-file", "etcd.yml")
}

// StartMember starts Patroni with its server, again after a kill too.
func (c *Cluster) StartMember(member int) error {
	text, err := c.configuration("patroni.yml", member)
	if err != nil {
		return err
	}
	return c.run(c.home("db", member), "patroni.yml", text, "patroni", "patroni.yml")
}

func (c *Cluster) startProxy() error {
	text, err := c.configuration("haproxy.cfg", 0)
	if err != nil {
		return err
	}
	return c.run(filepath.Join(c.dir, "proxy"), "haproxy.cfg", text, "haproxy", "-f", "haproxy.cfg")
}

// Kill ends a member's PostgreSQL and Patroni with SIGKILL, all their processes.
func (c *Cluster) Kill(member int) error { return killIn(c.home("db", member)) }

// Leader returns which member leads, as the member itself says.
func (c *Cluster) Leader(ctx context.Context) (int, error) {
	for i := range Members {
		if status, _, err := c.ask(ctx, i, "/primary"); err == nil && status == http.StatusOK {
			return i, nil
		}
	}
	return 0, errors.New("no member leads")
}

// Whole reports whether a member leads, and the two others stream from it, one of them synchronously.
func (c *Cluster) Whole(ctx context.Context) bool {
	leader, err := c.Leader(ctx)
	if err != nil {
		return false
	}
	_, body, err := c.ask(ctx, leader, "/cluster")
	var all struct {
		Members []Member `json:"members"`
	}
	if err != nil || json.Unmarshal(body, &all) != nil {
		return false
	}
	roles := map[string]int{}
	for _, m := range all.Members {
		if m.State == "running" || m.State == "streaming" {
			roles[m.Role]++
		}
	}
	return roles["leader"] == 1 && roles["sync_standby"] == 1 && roles["replica"] == Members-2
}

// patience is how long the cluster may take to be whole again.
const patience = 3 * time.Minute

// AwaitWhole returns once the cluster is whole.
func (c *Cluster) AwaitWhole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for !c.Whole(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the cluster is not whole: %w", ctx.Err())
		}
	}
	return nil
}

// ask asks a member's Patroni.
func (c *Cluster) ask(ctx context.Context, member int, path string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.address(member)+":8008"+path, nil)
	if err != nil {
		return 0, nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	var b bytes.Buffer
	_, err = b.ReadFrom(res.Body)
	return res.StatusCode, b.Bytes(), err
}
