//go:build unix

// Package pgtest starts PostgreSQL for tests: clusters of their own, in a temporary directory, reached by a socket that
// no other process knows, and faults on the way to them.
//
// Where PostgreSQL is not installed a test fails and says what to install; it never skips. Nothing survives the tests.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cluster is a PostgreSQL server process with its data.
type Cluster struct {
	dir      string // holds data, the socket and the server's log
	programs string
	settings []string

	mu     sync.Mutex
	server *exec.Cmd
	ended  chan struct{} // closed when the server process has ended
}

// startPatience is how long a server may take to start or to end. Crash recovery on a busy machine takes seconds.
const startPatience = time.Minute

// New makes a cluster and starts it, with settings such as "max_connections=20". The caller must Remove it.
func New(settings ...string) (*Cluster, error) {
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, programs: programs, settings: settings}
	if err := errors.Join(os.Chmod(dir, 0o755), c.own(dir), c.initialise()); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := c.Start(); err != nil {
		return nil, errors.Join(err, c.Remove())
	}
	return c, nil
}

// Start makes a cluster for one test, which is removed at the test's end.
func Start(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c, err := New(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Remove(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// findPrograms returns the directory of the newest PostgreSQL server programs on this machine.
func findPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errors.New("no PostgreSQL server in /usr/lib/postgresql/*/bin or PATH: install it (apt-get install postgresql, no running server is needed)")
	}
	slices.SortFunc(found, func(a, b string) int { return release(a) - release(b) })
	return filepath.Dir(found[len(found)-1]), nil
}

// release is the major version in a Debian path, zero for any other.
func release(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // not a number: not Debian's
	return n
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) initialise() error {
	out, err := c.command("initdb", "-D", c.data(), "-U", "postgres", "-A", "trust", "--no-sync",
		"--encoding=UTF8", "--locale=C").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// command runs a PostgreSQL program, as the user postgres where the tests run as root, whom PostgreSQL refuses.
func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.programs, name), args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if uid, gid, ok := servant(); ok {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	return cmd
}

func (c *Cluster) own(path string) error {
	uid, gid, ok := servant()
	if !ok {
		return nil
	}
	return os.Chown(path, int(uid), int(gid))
}

// servant returns the unprivileged user that root hands PostgreSQL to.
func servant() (uid, gid uint32, ok bool) {
	if os.Geteuid() != 0 {
		return 0, 0, false
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		id, errUID := strconv.ParseUint(u.Uid, 10, 32)
		group, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return uint32(id), uint32(group), true
		}
	}
	return 0, 0, false
}

// Start starts the server and waits until it takes connections.
func (c *Cluster) Start() error {
	deadline := time.Now().Add(startPatience)
	for {
		err := c.launch(deadline)
		// The processes of a server that was killed hold its shared memory until they have noticed.
		if err == nil || !strings.Contains(c.Log(), "pre-existing shared memory") || time.Now().After(deadline) {
			return err
		}
	}
}

func (c *Cluster) launch(deadline time.Time) error {
	log, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has its own handle
	args := []string{"-D", c.data(), "-c", "unix_socket_directories=" + c.dir, "-c", "listen_addresses=", "-c", "max_wal_size=256MB"}
	for _, s := range c.settings {
		args = append(args, "-c", s)
	}
	server := c.command("postgres", args...)
	server.Stdout, server.Stderr = log, log
	dieWithParent(server)
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // which is the parent that the server dies with
		err := server.Start()
		started <- err
		if err == nil {
			_ = server.Wait() // how it ended shows in its log
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	c.mu.Lock()
	c.server, c.ended = server, ended
	c.mu.Unlock()
	return c.await(deadline, ended)
}

func (c *Cluster) await(deadline time.Time, ended <-chan struct{}) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := c.ping(); err == nil {
			return nil
		} else if time.Now().After(deadline) {
			return fmt.Errorf("postgres does not take connections: %w\n%s", err, c.Log())
		}
		select {
		case <-ended:
			return fmt.Errorf("postgres ended while starting:\n%s", c.Log())
		case <-tick.C:
		}
	}
}

func (c *Cluster) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// URL returns the address of one of the cluster's databases.
func (c *Cluster) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@/%s?host=%s", database, c.dir)
}

// Socket is the path of the Unix socket, for whoever stands in between.
func (c *Cluster) Socket() string { return filepath.Join(c.dir, ".s.PGSQL.5432") }

// Log returns what the server has said since it was last started.
func (c *Cluster) Log() string {
	b, err := os.ReadFile(filepath.Join(c.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Kill ends the server as a power cut would end it, as far as a process can: with SIGKILL.
func (c *Cluster) Kill() error { return c.end(syscall.SIGKILL) }

// Stop ends the server at once but in order: sessions are cut, what they had not committed is undone.
func (c *Cluster) Stop() error { return c.end(syscall.SIGINT) }

func (c *Cluster) end(how syscall.Signal) error {
	c.mu.Lock()
	server, ended := c.server, c.ended
	c.server = nil
	c.mu.Unlock()
	if server == nil {
		return nil
	}
	if err := server.Process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-time.After(startPatience):
		return errors.Join(fmt.Errorf("postgres did not end within %s", startPatience), server.Process.Kill())
	}
}

// Remove kills the server and deletes its data.
func (c *Cluster) Remove() error { return errors.Join(c.Kill(), c.removeFiles()) }

// removeFiles tries again, since the server's processes may still write while they die.
func (c *Cluster) removeFiles() error {
	var err error
	for range 100 {
		if err = os.RemoveAll(c.dir); err == nil {
			return nil
		}
	}
	return err
}

var databases atomic.Int64

// Database makes an empty database and returns its URL.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", databases.Add(1))
	c.SQL(t, "postgres", "CREATE DATABASE "+name)
	return c.URL(name)
}

// Schema makes an empty schema and returns the URL that leads to it: cheaper than a database.
func (c *Cluster) Schema(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", databases.Add(1))
	c.SQL(t, "postgres", "CREATE SCHEMA "+name)
	return c.URL("postgres") + "&search_path=" + name
}

// SQL runs statements in a database as its owner.
func (c *Cluster) SQL(t testing.TB, database string, statements ...string) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, c.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is left to lose
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// Run runs the tests of a package that share one cluster, and then removes it: os.Exit(pgtest.Run(m)).
func Run(m *testing.M) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		if err := shared.cluster.Remove(); err != nil {
			_, _ = io.WriteString(os.Stderr, err.Error()+"\n")
			code = max(code, 1)
		}
	}
	return code
}

var shared struct {
	sync.Mutex
	cluster *Cluster
}

// Shared returns the cluster of the package's tests, which must run under Run. It is for tests that do it no harm.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil {
		c, err := New("max_connections=200")
		if err != nil {
			t.Fatal(err)
		}
		shared.cluster = c
	}
	return shared.cluster
}
