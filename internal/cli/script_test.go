package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/consentline/consentline/internal/cli"
	"github.com/consentline/consentline/internal/server"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"consentline": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(cli.New(os.Stdin, os.Stdout, os.Stderr).Run(ctx, os.Args[1:]))
	}})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "answers": answers, "freeport": freePort, "appears": appears, "customers": customers, "field": field, "lines": lines, "logkey": logKey, "flip": flip,
		},
	})
}

// exits runs a command and wants its exit code: exits 3 consentline check …
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command [args]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v: exit code %d, want %d", args[1:], got, want)
	}
}

// patience is how long a script waits for what another process does.
const patience = 30 * time.Second

func await(ts *testscript.TestScript, what string, there func() bool) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for !there() {
		select {
		case <-again.C:
		case <-late:
			ts.Fatalf("waited in vain for %s", what)
		}
	}
}

// answers waits for the server on a data directory: answers DIR.
func answers(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, "the server", func() bool {
		conn, err := server.DialSocket(context.Background(), ts.MkAbs(args[0]))
		return err == nil && conn.Close() == nil
	})
}

// appears waits for a file: appears FILE.
func appears(ts *testscript.TestScript, _ bool, args []string) {
	await(ts, args[0], func() bool {
		_, err := os.Stat(ts.MkAbs(args[0]))
		return err == nil
	})
}

// freePort puts a port that nobody uses into a variable: freeport VAR.
func freePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], port)
}

// customers writes an export of n people whose numbers are kept free for drama: customers FILE N.
func customers(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var file bytes.Buffer
	file.WriteString("number,status,date\n")
	for i := range n {
		fmt.Fprintf(&file, "+3532091%05d,subscribed,2025-06-01T10:00:00Z\n", i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), file.Bytes(), 0o600))
}

// field puts a member of a JSON object into a variable: field VAR FILE MEMBER.
func field(ts *testscript.TestScript, _ bool, args []string) {
	var object map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &object))
	ts.Setenv(args[0], fmt.Sprint(object[args[2]]))
}

// lines wants a file to have so many lines: lines FILE N.
func lines(ts *testscript.TestScript, _ bool, args []string) {
	if got := strings.Count(ts.ReadFile(args[0]), "\n"); fmt.Sprint(got) != args[1] {
		ts.Fatalf("%s: got %d lines, want %s", args[0], got, args[1])
	}
}

// logKey puts the verifier key of a copy of a log into a variable: logkey VAR FILE.
func logKey(ts *testscript.TestScript, _ bool, args []string) {
	_, key, _ := strings.Cut(strings.TrimSpace(ts.ReadFile(args[1])), "\n")
	ts.Setenv(args[0], key)
}

// flip changes one bit of a file: flip FILE OFFSET.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	body, err := os.ReadFile(path)
	ts.Check(err)
	body[at] ^= 1
	ts.Check(os.WriteFile(path, body, 0o600))
}
