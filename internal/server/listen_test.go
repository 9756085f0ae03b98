package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/server"
)

// serving runs a server until the test ends, and returns its address and a client of its socket.
func serving(t *testing.T, s *server.Server, addr string) (tcp string, local *http.Client, stop func() error) {
	t.Helper()
	running, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- s.Serve(running, server.Listening{Addr: addr, Ready: func(a net.Addr) { ready <- a }})
	}()
	select {
	case a := <-ready:
		if a != nil {
			tcp = a.String()
		}
	case err := <-ended:
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return server.DialSocket(ctx, s.DataDir) }}
	t.Cleanup(transport.CloseIdleConnections)
	return tcp, &http.Client{Transport: transport}, func() error {
		cancel()
		return <-ended
	}
}

func get(t *testing.T, c *http.Client, url string) int {
	t.Helper()
	answer, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

func TestTheSocketIsTheOwnersAndNeedsNoKey(t *testing.T) {
	s := open(t, t.TempDir())
	defer closing(t, s)
	tcp, local, stop := serving(t, s, "127.0.0.1:0")
	path := filepath.Join(s.DataDir, server.SocketName)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: got %v (%v), want mode 0600", info.Mode(), err)
	}
	if got := get(t, local, "http://localhost/v1/keys"); got != http.StatusOK {
		t.Errorf("over the socket: got %d, want 200", got)
	}
	if got := get(t, http.DefaultClient, "http://"+tcp+"/v1/keys"); got != http.StatusUnauthorized {
		t.Errorf("over TCP without a key: got %d, want 401", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket outlives the server: %v", err)
	}
}

func TestASocketLeftByACrashIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, server.SocketName)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	defer closing(t, s)
	_, local, stop := serving(t, s, "")
	if got := get(t, local, "http://localhost/readyz"); got != http.StatusOK {
		t.Errorf("got %d, want 200", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestADirectoryWithALongPathHasASocketToo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	s := open(t, dir)
	defer closing(t, s)
	_, local, stop := serving(t, s, "")
	if got := get(t, local, "http://localhost/healthz"); got != http.StatusOK {
		t.Errorf("got %d, want 200", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, server.SocketName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket outlives the server: %v", err)
	}
}

func TestAWaitForChangesEndsWhenTheServerStops(t *testing.T) {
	s := open(t, t.TempDir())
	defer closing(t, s)
	_, local, stop := serving(t, s, "")
	r, err := http.NewRequest(http.MethodGet, "http://localhost/v1/changes", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	answer, err := local.Do(r) // its header has come, so the stream is under way
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	began := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %s: the stream was waited for", took)
	}
}

func TestAPortThatIsTakenIsAnErrorAndLeavesNoSocket(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := open(t, t.TempDir())
	defer closing(t, s)
	if err := s.Serve(t.Context(), server.Listening{Addr: l.Addr().String()}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want EADDRINUSE", err)
	}
	if _, err := os.Stat(filepath.Join(s.DataDir, server.SocketName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket nobody serves: %v", err)
	}
}

func TestAnInspectionFindsTheIndexAndTheRecordsAlike(t *testing.T) {
	s := open(t, t.TempDir())
	defer closing(t, s)
	r := record(t, s, consent.Granted)
	in, err := s.Inspect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if in.Records != 1 || in.Compared != 1 || len(in.Differing) != 0 || in.Head != r.Seq || in.Indexed < in.Head || in.Schema != server.SchemaVersion() {
		t.Errorf("got %+v, want one record that was compared and is alike, head %d", in, r.Seq)
	}
	if in.Settings["journal_mode"] != "wal" || !strings.HasPrefix(in.Database, "SQLite 3.") || in.RecordedAt.IsZero() {
		t.Errorf("got %+v", in)
	}
}

func TestAnInspectionFindsAnIndexThatDiffers(t *testing.T) {
	s := open(t, t.TempDir())
	defer closing(t, s)
	r := record(t, s, consent.Withdrawn)
	err := s.Index.Apply(check.Batch{Seq: s.Index.Revision(), Records: []check.RecordChange{{
		Number: 12025550123, Scope: consent.Scope{Brand: "default", Purpose: "marketing", Channel: consent.SMS},
		State: check.State{Status: consent.StatusGranted, Seq: r.Seq},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.Inspect(ctx)
	if err != nil || !slices.Equal(in.Differing, []uint64{r.Seq}) {
		t.Errorf("got %+v, %v; want entry %d to differ", in, err, r.Seq)
	}
}
