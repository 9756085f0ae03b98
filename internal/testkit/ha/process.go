//go:build linux

package ha

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type credential = syscall.Credential

// servant is the unprivileged user that root hands the cluster to; nil for any other user, who runs it.
func servant() *credential {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil // PostgreSQL will say that it does not run as root
	}
	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	if errUID != nil || errGID != nil {
		return nil
	}
	return &credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// installed reports which programs are missing, and what to do.
func installed(programs ...string) error {
	var missing []string
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("not installed: %s; make test-ha installs what it needs (apt-get install patroni etcd-server haproxy postgresql)", strings.Join(missing, ", "))
	}
	return nil
}

// programs is the folder of the newest PostgreSQL server programs.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", errors.Join(err, errors.New("no PostgreSQL server in /usr/lib/postgresql/*/bin: apt-get install postgresql"))
	}
	slices.SortFunc(found, func(a, b string) int { return len(a) - len(b) })
	return filepath.Dir(found[len(found)-1]), nil
}

// run starts a program in a folder of its own, with its configuration and its log there. Whatever it starts stays in
// that folder too, which is how it is found again.
func (c *Cluster) run(home, file, text, program string, args ...string) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(home, file), []byte(text), 0o600); err != nil {
		return err
	}
	for _, path := range []string{c.dir, home, filepath.Join(home, file)} {
		if err := c.own(path); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(filepath.Join(home, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the program has its own handle
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = home, log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin", "HOME=" + home, "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: c.user}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", program, err)
	}
	go func() { _ = cmd.Wait() }() // how it ended shows in its log
	return nil
}

func (c *Cluster) own(path string) error {
	if c.user == nil {
		return nil
	}
	return os.Chown(path, int(c.user.Uid), int(c.user.Gid))
}

// killIn kills every process whose working directory is a folder or below it, until there is none.
func killIn(folder string) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		running := processesIn(folder)
		if len(running) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d processes do not end in %s", len(running), folder)
		}
		for _, pid := range running {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
	}
}

func processesIn(folder string) (pids []int) {
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		panic(err) // the pattern is good
	}
	for _, link := range links {
		at, err := os.Readlink(link)
		if err != nil || at != folder && !strings.HasPrefix(at, folder+"/") {
			continue // it ended, or is another's
		}
		if pid, err := strconv.Atoi(strings.Split(link, "/")[2]); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// sweep is what the guard runs: it waits until nobody holds its standard input, which is so when the test has ended
// in whatever way, kills all that runs in the folder until nothing does, and deletes it.
const sweep = `cat >/dev/null
for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	left=""
	for p in /proc/[0-9]*; do
		case "$(readlink "$p/cwd")/" in "$1"/*) left="$left ${p#/proc/}";; esac
	done
	test -z "$left" && break
	kill -9 $left
	sleep 0.1
done
rm -rf "$1"`

// guard starts the process that cleans up after the test. What it returns lets it do so now.
func guard(folder string) (end func(), err error) {
	cmd := exec.Command("sh", "-c", sweep, "guard", folder)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = in.Close() // nothing was written that could be lost
		_ = cmd.Wait() // its last status says nothing
	}, nil
}

// Logs returns the last lines of every log.
func (c *Cluster) Logs(lines int) string {
	paths, err := filepath.Glob(filepath.Join(c.dir, "*", "log"))
	if err != nil {
		return err.Error()
	}
	var out strings.Builder
	for _, path := range paths {
		_, _ = fmt.Fprintf(&out, "== %s\n%s", filepath.Base(filepath.Dir(path)), tail(path, lines))
	}
	return out.String()
}

func tail(path string, lines int) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error() + "\n"
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error() + "\n"
	}
	all := strings.SplitAfter(string(b), "\n")
	return strings.Join(all[max(0, len(all)-lines-1):], "")
}
