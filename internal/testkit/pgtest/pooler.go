//go:build unix

package pgtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Pooler is a pgbouncer before a cluster, which shares few connections among many clients, one transaction at a time.
type Pooler struct {
	cluster *Cluster
	dir     string
	addr    string
	process *exec.Cmd
	ended   chan struct{}
}

// Pooler starts a pgbouncer in transaction mode with so many connections to the cluster, which ends with the test. Where
// pgbouncer is not installed the test fails.
func (c *Cluster) Pooler(t testing.TB, connections int) *Pooler {
	t.Helper()
	dir, err := os.MkdirTemp("", "pooler")
	if err != nil {
		t.Fatal(err)
	}
	p := &Pooler{cluster: c, dir: dir, addr: freeAddress(t)}
	t.Cleanup(func() {
		p.Kill()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	host, port, _ := net.SplitHostPort(p.addr)
	config := fmt.Sprintf(`[databases]
* = host=%s user=postgres
[pgbouncer]
listen_addr = %s
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = %d
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
`, c.dir, host, port, connections)
	if err := os.WriteFile(filepath.Join(dir, "pgbouncer.ini"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p.Start(t)
	return p
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it was only asked for an address
	return l.Addr().String()
}

// Start starts the pooler, again after Kill, and waits until it lets clients through.
func (p *Pooler) Start(t testing.TB) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // where Debian puts it, which is in nobody's PATH but root's
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatal("no pgbouncer in PATH or /usr/sbin: install it (apt-get install pgbouncer, no running service is needed)")
	}
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the pooler has its own handle
	p.process = exec.Command(program, filepath.Join(p.dir, "pgbouncer.ini"))
	p.process.Stdout, p.process.Stderr = log, log
	p.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if uid, gid, ok := servant(); ok { // it refuses root, as PostgreSQL does
		p.process.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	dieWithParent(p.process)
	p.run(t)
	p.await(t)
}

func (p *Pooler) run(t testing.TB) {
	t.Helper()
	process, ended, started := p.process, make(chan struct{}), make(chan error)
	go func() {
		runtime.LockOSThread() // which is the parent that it dies with
		err := process.Start()
		started <- err
		if err == nil {
			_ = process.Wait() // how it ended shows in its log
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		t.Fatalf("start pgbouncer: %v", err)
	}
	p.ended = ended
}

func (p *Pooler) await(t testing.TB) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(startPatience); ; {
		conn, err := pgx.Connect(t.Context(), p.URL(p.cluster.URL("postgres")))
		if err == nil {
			err = conn.Close(context.WithoutCancel(t.Context()))
		}
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("pgbouncer lets nobody through: %v\n%s", err, p.log())
		}
		select {
		case <-p.ended:
			t.Fatalf("pgbouncer ended while starting:\n%s", p.log())
		case <-tick.C:
		}
	}
}

func (p *Pooler) log() string {
	b, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// URL returns the address of a cluster's database so that it leads through the pooler. It takes no schema: the pooler
// refuses what it cannot keep apart for its clients.
func (p *Pooler) URL(url string) string {
	_, rest, _ := strings.Cut(url, "@")
	path, _, _ := strings.Cut(rest, "?")
	return fmt.Sprintf("postgres://postgres@%s%s?sslmode=disable", p.addr, path)
}

// Kill ends the pooler, and with it every client's connection.
func (p *Pooler) Kill() {
	if p.process != nil && p.process.Process != nil {
		_ = p.process.Process.Kill() // it may have ended
		<-p.ended
	}
}
