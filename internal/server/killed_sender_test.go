package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	stdsync "sync"
	"syscall"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/egress"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/sync"
)

// senderVariable names the data directory of a node that is a process of its own and serves until it is killed.
const senderVariable = "CONSENTLINE_TEST_SENDER"

func senderConfig(dir string) server.Config {
	return server.Config{
		DataDir: dir, Rules: server.NoRules, Egress: egress.Policy{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}
}

func runSender(dir string) int {
	s, err := server.Open(ctx, senderConfig(dir))
	if err == nil {
		err = s.Serve(context.Background(), server.Listening{})
	}
	_, _ = fmt.Fprintln(os.Stderr, err)
	return 1
}

// TestKillingASenderLosesNothing kills the process that delivers, at any moment of a delivery, again and again: in the end
// the system was told of every act.
func TestKillingASenderLosesNothing(t *testing.T) {
	const acts, kills = uint64(200), 6
	r := rand.New(rand.NewPCG(8, 9))
	var mu stdsync.Mutex
	told, received, killAt := map[string]bool{}, 0, 0
	var sender *exec.Cmd
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		var e struct{ ID string }
		if err := json.NewDecoder(req.Body).Decode(&e); err != nil {
			return // the sender died while it wrote
		}
		mu.Lock()
		defer mu.Unlock()
		told[e.ID] = true
		if received++; received == killAt {
			_ = sender.Process.Signal(syscall.SIGKILL) // before the answer: it was taken, and the sender never hears of it
		}
	}))
	defer hook.Close()
	dir := t.TempDir()
	want := prepareSender(t, dir, hook.URL, acts)
	for i := range kills + 1 {
		mu.Lock()
		received, killAt = 0, 1+r.IntN(int(acts))
		if i == kills {
			killAt = 0
		}
		sender = exec.Command(os.Args[0]) //nolint:gosec // this test itself
		sender.Env = append(os.Environ(), senderVariable+"="+dir)
		err := sender.Start()
		mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		if i < kills {
			_ = sender.Wait() // the state tells how it ended
			if ended, ok := sender.ProcessState.Sys().(syscall.WaitStatus); !ok || ended.Signal() != syscall.SIGKILL {
				t.Fatalf("run %d ended by itself: %s", i, sender.ProcessState)
			}
			continue
		}
		for deadline := time.Now().Add(30 * time.Second); ; {
			mu.Lock()
			n := len(told)
			mu.Unlock()
			if n >= want || time.Now().After(deadline) {
				break
			}
			<-time.After(5 * time.Millisecond)
		}
		_ = sender.Process.Kill()
		_ = sender.Wait()
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) != want {
		t.Errorf("the system was told of %d acts, want %d", len(told), want)
	}
}

// prepareSender makes a ledger with a destination and acts that it is to be told of, and returns how many they are.
func prepareSender(t *testing.T, dir, url string, acts uint64) int {
	t.Helper()
	s, err := server.Open(ctx, senderConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, s)
	if _, err = s.Destinations.Create(ctx, "test", sync.Destination{
		ID: "hook", Kind: "webhook", Name: "Hook", Settings: map[string]string{"url": url},
		Secrets: map[string]string{"secret": "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))},
	}); err != nil {
		t.Fatal(err)
	}
	reports := grants(0, acts)
	for i := range reports {
		reports[i].Act, reports[i].Level, reports[i].Confirmed = consent.Withdrawn, consent.NoLevel, false
	}
	results, err := s.Recorder.Record(ctx, access.Local, reports)
	if err != nil {
		t.Fatal(err)
	}
	for i := range results {
		if results[i].Err != nil {
			t.Fatal(results[i].Err)
		}
	}
	return len(results)
}
