package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/server"
)

// orders are what a node that is a process of its own is started with.
type orders struct {
	Database, MasterKeyFile, DataDir string
	Delta, Every                     time.Duration
	Mutant                           string // what is broken about it on purpose
}

const ordersVariable = "CONSENTLINE_TEST_NODE"

// The mutants: protocols that look as good as the real one.
const (
	noWait      = "acknowledges when committed"
	fromReceipt = "counts its lease from when the answer to its poll came"
	sampled     = "compares the clock before it reads, by a clock that a timer samples"
)

// question and answer travel as lines of JSON.
type asked struct {
	ID     uint64
	What   string // grant, withdraw, check
	Number phone.Number
}

type answered struct {
	ID   uint64
	Said string // done, allow, deny, stale, or an error
}

// runNode is the process: it answers what is asked on its standard input until that ends.
func runNode(text string) int {
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err) // the test wrote it
	}
	config := server.Config{
		Rules:    server.NoRules,
		Database: o.Database, MasterKeyFile: o.MasterKeyFile, DataDir: o.DataDir, Delta: o.Delta, Every: o.Every,
	}
	if o.Mutant == sampled {
		config.Clock = sampledClock()
	}
	s, err := server.Open(ctx, config)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if o.Mutant == fromReceipt {
		go func() {
			for {
				if behind, err := s.Node.RunOnce(ctx); err == nil && !behind {
					s.Index.Lease().Extend(check.BootClock(), o.Delta)
				}
			}
		}()
	}
	serveLines(s, o.Mutant)
	if err := s.Close(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func sampledClock() func() check.Instant {
	var now atomic.Int64
	now.Store(int64(check.BootClock()))
	go func() {
		for range time.Tick(200 * time.Millisecond) {
			now.Store(int64(check.BootClock()))
		}
	}()
	return func() check.Instant { return check.Instant(now.Load()) }
}

func serveLines(s *server.Server, mutant string) {
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	say := func(a answered) {
		mu.Lock()
		defer mu.Unlock()
		_ = out.Encode(a) // whoever asked has gone
	}
	say(answered{}) // ready
	lines := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var q asked
		if lines.Decode(&q) != nil {
			return
		}
		go func() { say(answered{q.ID, answer(s, q, mutant)}) }()
	}
}

func answer(s *server.Server, q asked, mutant string) string {
	ctx := ctx
	report := act.Report{Number: q.Number.String(), Purpose: "marketing", Channel: consent.SMS, Source: consent.WebForm}
	switch q.What {
	case "check":
		question := question()
		question.Number = q.Number
		v := s.Index.Check(question)
		if v.Outcome == check.Allow {
			return "allow"
		}
		if v.Code() == check.Stale {
			return "stale"
		}
		return "deny"
	case "grant":
		report.Act = consent.Granted
	case "withdraw":
		report.Act = consent.Withdrawn
	}
	if mutant == noWait {
		ctx = ledger.WithoutWaiting(ctx)
	}
	r, err := s.Recorder.Record(ctx, access.Local, []act.Report{report})
	if err == nil {
		err = r[0].Err
	}
	if err != nil {
		return err.Error()
	}
	return "done"
}

// process is a node as the test sees it.
type process struct {
	orders orders
	cmd    *exec.Cmd

	mu     sync.Mutex
	in     io.WriteCloser
	next   uint64
	asked  map[uint64]chan string
	exited chan struct{}
}

// start runs the node and waits until it answers.
func (p *process) start(t testing.TB) {
	t.Helper()
	text, err := json.Marshal(p.orders)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(os.Args[0], "-test.run=^$")
	p.cmd.Env = append(os.Environ(), ordersVariable+"="+string(text))
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, exited := make(chan struct{}), make(chan struct{})
	p.mu.Lock()
	p.in, p.asked, p.exited = in, map[uint64]chan string{}, exited
	p.mu.Unlock()
	go p.read(out, ready, exited)
	select {
	case <-ready:
	case <-exited:
		t.Fatal("the node did not start")
	}
}

func (p *process) read(out io.Reader, ready, exited chan struct{}) {
	lines := json.NewDecoder(out)
	for {
		var a answered
		if lines.Decode(&a) != nil {
			close(exited)
			return
		}
		if a.ID == 0 {
			close(ready)
			continue
		}
		p.mu.Lock()
		if c := p.asked[a.ID]; c != nil {
			c <- a.Said
			delete(p.asked, a.ID)
		}
		p.mu.Unlock()
	}
}

// ask returns what the node said; ok is false if it died before it said anything.
func (p *process) ask(what string, n phone.Number) (said string, ok bool) {
	p.mu.Lock()
	p.next++
	q, answer, exited := asked{p.next, what, n}, make(chan string, 1), p.exited
	p.asked[q.ID] = answer
	line, err := json.Marshal(q)
	if err == nil {
		_, err = p.in.Write(append(line, '\n'))
	}
	p.mu.Unlock()
	if err != nil {
		return "", false
	}
	select {
	case said := <-answer:
		return said, true
	case <-exited:
		return "", false
	}
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // it may have ended

// kill ends the node at once and takes note of its end.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.exited
	_ = p.cmd.Wait() // killed, as it was meant to be
}
