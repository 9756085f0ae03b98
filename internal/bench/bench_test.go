package bench_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/bench"
)

var full = flag.Bool("full", false, "measure in earnest and print the report")

func TestAShortRunMeasuresEverything(t *testing.T) {
	o := bench.Options{Records: 20_000, Rows: 5_000, Imported: 5_000, Rounds: 2, Round: 50 * time.Millisecond, Dir: t.TempDir()}
	if *full {
		o = bench.Options{Records: 10_000_000, Rounds: 5, Round: time.Second, Dir: t.TempDir()}
	}
	var doing []string
	o.Progress = func(what string) { doing = append(doing, what) }
	r, err := bench.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range r.Figures {
		seen[f.Name] = true
		low, high := f.Spread()
		if !strings.HasPrefix(f.Name, "allocations of a check") && (low <= 0 || f.Median() < low || f.Median() > high) {
			t.Errorf("%s: median %v of %v", f.Name, f.Median(), f.Rounds)
		}
		if f.Reference != "" && (len(f.Beside) != len(f.Rounds) || f.Share() <= 0) {
			t.Errorf("%s: %v beside %v", f.Name, f.Rounds, f.Beside)
		}
	}
	for _, name := range []string{"check over HTTP", "durable act over HTTP", "checks in a stream", "check in process", "scrub", "memory of a record", "import", "start to ready", "disk of an act", "allocations of a check", "check in process, by the rules", "allocations of a check by the rules", "next allowed moment", "all packs loaded",
		"STOP by webhook, 99th percentile", "message through the Twilio gateway, median", "submit_sm through the SMPP proxy"} {
		if !seen[name] {
			t.Errorf("no figure %q in %v", name, seen)
		}
	}
	if len(doing) < 10 {
		t.Errorf("told of %v only", doing)
	}
	page := r.Markdown()
	if strings.Count(page, "\n| ") < len(r.Figures) || strings.Contains(page, "NaN") {
		t.Errorf("%s", page)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	t.Log(page)
}

func request(dst []byte, _, _ int) []byte {
	return append(dst, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"...)
}

func TestALoadCountsAnswersAndRefusesOthers(t *testing.T) {
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte("hello"))
	}))
	defer s.Close()
	load := bench.Load{Addr: strings.TrimPrefix(s.URL, "http://"), Connections: 3, For: 50 * time.Millisecond, Status: 200, Request: request}
	rate, err := load.Run(t.Context())
	if err != nil || rate <= 0 {
		t.Errorf("got %v, %v", rate, err)
	}
	load.Status = 201
	var wrong *bench.StatusError
	if _, err := load.Run(t.Context()); !errors.As(err, &wrong) || wrong.Got != 200 || wrong.Want != 201 {
		t.Errorf("another status: got %v", err)
	}
	s.Close()
	if _, err := load.Run(t.Context()); err == nil {
		t.Error("nobody listens, and all is well")
	}
}

func TestALoadRefusesAnswersItCannotMeasure(t *testing.T) {
	for _, answer := range []string{"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", "SMTP\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", ""} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = c.Write([]byte(answer))
			_ = c.Close()
		}()
		load := bench.Load{Addr: l.Addr().String(), Connections: 1, For: 5 * time.Second, Status: 200, Request: request}
		if rate, err := load.Run(t.Context()); err == nil {
			t.Errorf("%q: %v answers a second", answer, rate)
		}
		_ = l.Close()
	}
}

func TestFiguresAreMediansAndSpreads(t *testing.T) {
	f := bench.Figure{Rounds: []float64{4, 1, 3}, Beside: []float64{8, 4, 4}}
	if low, high := f.Spread(); f.Median() != 3 || low != 1 || high != 4 || f.Share() != 0.5 {
		t.Errorf("got %v, %v to %v, share %v", f.Median(), low, high, f.Share())
	}
	if even := (bench.Figure{Rounds: []float64{1, 2, 3, 10}}); even.Median() != 2.5 || even.Share() != 0 {
		t.Errorf("got %v, %v", even.Median(), even.Share())
	}
}
