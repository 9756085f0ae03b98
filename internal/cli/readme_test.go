package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README's commands are run as they stand, in their order, in an empty directory: go and consentline are this test
// binary under other names, and the port is one that is free.
func TestTheReadmeHolds(t *testing.T) {
	r := newReader(t)
	blocks := shellBlocks(t, "../../README.md")
	if len(blocks) != 9 {
		t.Fatalf("got %d blocks of commands, want 9: say below what a new one must show", len(blocks))
	}
	r.serve(blocks[0])

	curl := r.run(blocks[1], 0)
	in(t, curl, `"status":"recorded"`, `"verdict":"allow"`, `"verdict":"deny","reasons":[{"code":"withdrawn"`)
	r.run(blocks[2], 0)
	r.run(blocks[3], 0)

	lines := strings.Split(strings.TrimSpace(blocks[4]), "\n")
	in(t, r.run(lines[0], 1), "nothing was recorded", "3 taken", "1 rejected")
	in(t, r.run(lines[1], 1), "3 taken", "1 rejected", "customers.csv.rejected.csv")
	checks := strings.Split(strings.TrimSpace(blocks[5]), "\n")
	in(t, r.run(checks[0], 0), "allow", "granted")
	in(t, r.run(checks[1], 1), "deny", "withdrawn")
	whys := strings.Split(strings.TrimSpace(blocks[6]), "\n")
	in(t, r.run(whys[0], 1), "deny", "place", "US-FL", "packs", "us-fl 20", "gate", "record", "failed: ", "us-fl.consent")
	in(t, r.run(whys[1], 0), "ban storm is entered")
	in(t, r.run(whys[2], 1), "deny", "banned", "operator.storm")
	r.run(blocks[7], 0)
	scrubbed, err := os.ReadFile(filepath.Join(r.dir, "scrubbed.csv"))
	if err != nil {
		t.Fatal(err)
	}
	in(t, string(scrubbed), "Bob,(202) 555-0142,yes,2026-01-16,allow", "Cleo,+442079460143,no,2026-01-17,allow,exempt", "Eve,555,yes,2026-02-02,invalid")
	in(t, r.run(blocks[8], 0), "default/transactional/sms", "entries of", "verified", "ok")
}

func in(t *testing.T, got string, want ...string) {
	t.Helper()
	at := 0
	for _, w := range want {
		i := strings.Index(got[at:], w)
		if i < 0 {
			t.Fatalf("%q is missing, or not in its place, in:\n%s", w, got)
		}
		at += i
	}
}

var fence = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

func shellBlocks(t *testing.T, path string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// reader does what the README says, on an address of its own.
type reader struct {
	t    *testing.T
	dir  string
	addr string
	env  []string
}

func newReader(t *testing.T) *reader {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, dir: t.TempDir(), addr: l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	binary := filepath.Join(bin, "consentline")
	if err := os.Symlink(self, binary); err != nil {
		t.Fatal(err)
	}
	// The README's go commands build and run what this binary is already.
	tool := fmt.Sprintf("#!/bin/sh\ncase \"$1 $2\" in\n\"run ./cmd/consentline\") shift 2; exec %q \"$@\";;\n\"build -o\") ln -s %q \"$3\";;\n*) exit 9;;\nesac\n", binary, binary)
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(tool), 0o755); err != nil {
		t.Fatal(err)
	}
	r.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "CONSENTLINE_LISTEN="+r.addr)
	return r
}

func (r *reader) command(ctx context.Context, text string) *exec.Cmd {
	c := exec.CommandContext(ctx, "sh", "-c", strings.ReplaceAll(text, "127.0.0.1:8080", r.addr))
	c.Dir, c.Env = r.dir, r.env
	return c
}

// serve starts the server and takes the key that it prints.
func (r *reader) serve(text string) {
	r.t.Helper()
	c := r.command(context.Background(), "exec "+text)
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := c.Process.Signal(os.Interrupt); err != nil {
			r.t.Error(err)
		}
		if err := c.Wait(); err != nil {
			r.t.Errorf("the server ended with %v:\n%s", err, complaints.String())
		}
	})
	printed := bufio.NewScanner(out)
	for printed.Scan() {
		if key := regexp.MustCompile(`cl_[0-9a-z]+`).FindString(printed.Text()); key != "" {
			r.env = append(r.env, "KEY="+key)
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the server
			return
		}
	}
	r.t.Fatal("the server printed no key")
}

func (r *reader) run(text string, want int) string {
	r.t.Helper()
	c := r.command(r.t.Context(), text)
	out, err := c.CombinedOutput()
	if got := c.ProcessState.ExitCode(); got != want {
		r.t.Fatalf("%s\nexit code %d (%v), want %d:\n%s", text, got, err, want, out)
	}
	return string(out)
}
