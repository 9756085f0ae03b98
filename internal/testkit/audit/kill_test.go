package audit_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/sqlite"
	"github.com/consentline/consentline/internal/testkit/audit"
	"github.com/consentline/consentline/internal/testkit/reliability"
	"github.com/consentline/consentline/internal/vault"
)

var (
	ctx    = context.Background()
	master = []byte("0123456789abcdef0123456789abcdef")
)

// TestMain runs the tests, or is the process that one of them kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		os.Exit(writeUntilKilled(dir))
	}
	os.Exit(m.Run())
}

// crashDir is the environment variable that makes the test binary the process to be killed.
const crashDir = "CONSENTLINE_CRASH_DIR"

const (
	kills   = 100
	writers = 6
)

// TestNothingAcknowledgedIsLostWhenKilled kills a process that writes, at random moments, again and again on the same
// database, and looks for every act that it acknowledged.
func TestNothingAcknowledgedIsLostWhenKilled(t *testing.T) {
	dir := t.TempDir()
	acked := map[string]uint64{}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for round := range kills {
		before := len(acked)
		runAndKill(t, dir, acked, time.Duration(rng.IntN(100_000))*time.Microsecond)
		if deep := round%10 == 9 || round < 3; deep || len(acked) == before {
			holdsAfterKill(t, dir, acked, rng)
		}
		if t.Failed() {
			t.Fatalf("round %d, seed %d", round, seed)
		}
	}
	if len(acked) < 10*kills {
		t.Errorf("%d acts acknowledged in %d rounds: the process was killed before it wrote", len(acked), kills)
	}
	reliability.Count(t, "writing processes killed", kills)
	reliability.Count(t, "acts acknowledged before kills", len(acked))
	t.Logf("seed %d: %d kills, %d acts acknowledged, none lost", seed, kills, len(acked))
}

// runAndKill starts the writing process, kills it some time after its first answer, and gathers what it answered.
func runAndKill(t *testing.T, dir string, acked map[string]uint64, after time.Duration) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	var complaint bytes.Buffer
	child.Stderr = &complaint
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	var timer *time.Timer
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // what was cut off was not read as an answer
		}
		key, place, _ := strings.Cut(strings.TrimSpace(line), " ")
		seq, err := strconv.ParseUint(place, 10, 64)
		if before, again := acked[key]; err != nil || again && before != seq {
			t.Fatalf("answered %q; before as %d", line, before)
		}
		acked[key] = seq
		if timer == nil {
			timer = time.AfterFunc(after, func() { _ = child.Process.Kill() }) // fails only if it has ended, which is told below
		}
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the process ended by itself (%v): %s", err, complaint.String())
	}
}

// holdsAfterKill opens the database and looks for every acknowledged act, and for halves of others.
func holdsAfterKill(t *testing.T, dir string, acked map[string]uint64, rng *rand.Rand) {
	t.Helper()
	l, end, err := openForCrash(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	found, err := audit.Ledger(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	for key, seq := range acked {
		if found.Told[key] != seq {
			t.Errorf("%s was acknowledged as entry %d and is %d", key, seq, found.Told[key])
		}
	}
	for key, seq := range found.Told {
		if rng.IntN(len(found.Told)) > 20 {
			continue
		}
		r, err := l.AppendOne(ctx, crashItem(key))
		if err != nil || r.Outcome != ledger.Duplicate || r.Seq != seq {
			t.Errorf("%s told again: got %+v, %v; want a duplicate of entry %d", key, r.Outcome, err, seq)
		}
	}
}

func openForCrash(dir string) (l *ledger.Ledger, end func(), err error) {
	db, err := sqlite.Open(filepath.Join(dir, "ledger.db"))
	if err != nil {
		return nil, nil, err
	}
	if err := store.Migrate(ctx, db); err != nil {
		return nil, nil, err
	}
	v, err := vault.Open(master)
	if err != nil {
		return nil, nil, err
	}
	l, err = ledger.Open(ctx, ledger.Config{DB: db, Vault: v})
	return l, func() {
		l.Close()
		_ = db.Close() // the next round opens it, whatever this says
	}, err
}

// crashItem makes the act that a key stands for: who tells it again tells the same.
func crashItem(key string) ledger.Item {
	h := rand.New(rand.NewPCG(uint64(len(key)), hash(key)))
	it := ledger.Item{Kind: ledger.KindAct, Number: phone.Number(12025550100 + h.IntN(100)), By: "key:test", IdempotencyKey: key, CorrelationID: key}
	it.Act = consent.Act{
		Kind:   []consent.Kind{consent.Granted, consent.Withdrawn, consent.Requested, consent.Refused}[h.IntN(4)],
		Scope:  consent.Scope{Brand: "acme", Purpose: "news", Channel: consent.Channels[h.IntN(4)]},
		Source: consent.WebForm, Level: consent.Express,
	}
	if it.Act.Kind == consent.Withdrawn && h.IntN(4) == 0 {
		it.Act.Scope = consent.Everything
	}
	if h.IntN(3) == 0 {
		it.Act.EffectiveAt = time.Date(2026, 1, 1, 0, h.IntN(1000), 0, 0, time.UTC)
	}
	return it
}

func hash(s string) (h uint64) {
	for _, c := range []byte(s) {
		h = h*1099511628211 ^ uint64(c)
	}
	return h
}

// writeUntilKilled is the process: several callers append batches of mixed sizes, and each answer is printed after it
// was given. It ends by itself only when something is wrong.
func writeUntilKilled(dir string) int {
	l, _, err := openForCrash(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var printing sync.Mutex
	failed := make(chan error)
	for n := range writers {
		go func() { failed <- writeOn(l, fmt.Sprintf("%d.%d", os.Getpid(), n), &printing, os.Stdout) }()
	}
	fmt.Fprintln(os.Stderr, <-failed)
	return 1
}

func writeOn(l *ledger.Ledger, name string, printing *sync.Mutex, out io.Writer) error {
	rng := rand.New(rand.NewPCG(hash(name), 1))
	for n := 0; ; {
		items := make([]ledger.Item, 1+rng.IntN(4)*rng.IntN(10))
		for i := range items {
			items[i] = crashItem(fmt.Sprintf("%s.%d", name, n))
			n++
		}
		results, err := l.Append(context.Background(), items)
		if err != nil {
			return err
		}
		var answers bytes.Buffer
		for i, r := range results {
			if r.Err != nil {
				return r.Err
			}
			fmt.Fprintf(&answers, "%s %d\n", items[i].IdempotencyKey, r.Seq)
		}
		printing.Lock()
		_, err = out.Write(answers.Bytes())
		printing.Unlock()
		if err != nil {
			return err
		}
	}
}
