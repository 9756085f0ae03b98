package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/server"
)

// connections is how many callers there are at once, as when a dozen senders each keep a few connections open.
const connections = 64

// served is a server on the loopback interface, and beside it one whose handler does nothing.
type served struct {
	addr, empty string
	key         string
	server      *server.Server
	stop        func() error
}

// number is the i-th of the numbers that are reserved for fiction in North America: 555-0100 to 555-0199 of each area.
func number(i int) string {
	areas := [...]int{201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228}
	return "+1" + strconv.Itoa(areas[i/100%len(areas)]) + "55501" + fmt.Sprintf("%02d", i%100)
}

func overHTTP(ctx context.Context, o Options, dir string) ([]Figure, error) {
	s, err := serve(ctx, filepath.Join(dir, "ledger"))
	if err != nil {
		return nil, err
	}
	figures, err := s.figures(ctx, o, dir)
	return figures, errors.Join(err, s.stop())
}

func (s *served) figures(ctx context.Context, o Options, dir string) ([]Figure, error) {
	var out []Figure
	for _, measure := range []func(context.Context, Options) (Figure, error){
		s.checks, s.stream, func(ctx context.Context, o Options) (Figure, error) { return s.acts(ctx, o, dir) },
	} {
		f, err := measure(ctx, o)
		if err != nil {
			return out, fmt.Errorf("measure %s: %w", f.Name, err)
		}
		out = append(out, f)
	}
	return out, nil
}

// serve opens a ledger in a directory and serves it as the product does.
func serve(ctx context.Context, dir string) (*served, error) {
	s, err := server.Open(ctx, server.Config{DataDir: dir, Rules: server.NoRules})
	if err != nil {
		return nil, err
	}
	_, secret, err := s.Gate.Create(ctx, access.Local, access.Key{Name: "bench", Role: access.Admin})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	reports := make([]act.Report, 2000)
	for i := range reports {
		reports[i] = act.Report{Number: number(i), Purpose: "marketing", Channel: consent.SMS, Act: consent.Granted, Source: consent.WebForm}
	}
	if _, err := s.Recorder.Record(ctx, access.Local, reports); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	beside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	nothing := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), ReadHeaderTimeout: time.Minute}
	running, cancel := context.WithCancel(ctx)
	ready, ended := make(chan net.Addr, 1), make(chan error, 2)
	go func() {
		ended <- s.Serve(running, server.Listening{Addr: "127.0.0.1:0", Version: "bench", Ready: func(a net.Addr) { ready <- a }})
	}()
	go func() { ended <- nothing.Serve(beside) }()
	out := &served{empty: beside.Addr().String(), key: secret, server: s}
	out.stop = func() error {
		cancel()
		err := errors.Join(nothing.Close(), <-ended, <-ended)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		return errors.Join(err, s.Close())
	}
	select {
	case addr := <-ready:
		out.addr = addr.String()
		return out, nil
	case err := <-ended:
		cancel()
		return nil, errors.Join(err, nothing.Close(), s.Close())
	}
}

// checks compares single checks with a handler that does nothing, under the same load.
func (s *served) checks(ctx context.Context, o Options) (Figure, error) {
	f := Figure{Name: "check over HTTP", Unit: "requests/s", Reference: "an empty net/http handler", Note: "64 connections, one request after the other on each"}
	load := Load{Connections: connections, For: o.Round, Status: http.StatusOK, Request: func(dst []byte, c, n int) []byte {
		var buf [128]byte
		body := append(append(append(buf[:0], `{"number":"`...), number(c*31+n)...), `","purpose":"marketing","channel":"sms"}`...)
		return post(dst, "/v1/checks", s.key, body)
	}}
	for i := range o.Rounds {
		o.Progress(fmt.Sprintf("checks over HTTP, round %d", i+1))
		if err := f.round(ctx, load, s.addr, s.empty, i%2 == 0); err != nil { // neither always goes first
			return f, err
		}
	}
	return f, nil
}

// round measures product and reference one after the other.
func (f *Figure) round(ctx context.Context, load Load, addr, beside string, productFirst bool) error {
	run := func(addr string, into *[]float64) error {
		load.Addr = addr
		rate, err := load.Run(ctx)
		*into = append(*into, rate)
		return err
	}
	if productFirst {
		return errors.Join(run(addr, &f.Rounds), run(beside, &f.Beside))
	}
	return errors.Join(run(beside, &f.Beside), run(addr, &f.Rounds))
}

// acts measures single acts that are on disk when they are answered, beside how often the disk can sync.
func (s *served) acts(ctx context.Context, o Options, dir string) (Figure, error) {
	f := Figure{Name: "durable act over HTTP", Unit: "acts/s", Reference: "4 KiB appended and synced to a file, one after the other", Note: "64 connections; concurrent acts share a commit"}
	load := Load{Addr: s.addr, Connections: connections, For: o.Round, Status: http.StatusCreated, Request: func(dst []byte, c, n int) []byte {
		kind := "granted"
		if n%2 == 1 {
			kind = "withdrawn"
		}
		var buf [256]byte
		body := append(append(append(buf[:0], `{"number":"`...), number(c*31+n/2)...), `","purpose":"marketing","channel":"sms","source":"web_form","act":"`...)
		return post(dst, "/v1/consents", s.key, append(append(body, kind...), `"}`...))
	}}
	for i := range o.Rounds {
		o.Progress(fmt.Sprintf("durable acts, round %d", i+1))
		rate, err := load.Run(ctx)
		if err != nil {
			return f, err
		}
		syncs, err := syncing(dir, o.Round/4)
		if err != nil {
			return f, err
		}
		f.Rounds, f.Beside = append(f.Rounds, rate), append(f.Beside, syncs)
	}
	return f, nil
}

// syncing returns how often a second a file can be appended to and synced.
func syncing(dir string, d time.Duration) (perSecond float64, err error) {
	took, err := syncs(dir, d)
	if err != nil {
		return 0, err
	}
	var all time.Duration
	for _, one := range took {
		all += one
	}
	return float64(len(took)) / all.Seconds(), nil
}

// syncs appends 4 KiB to a file and syncs it for a while, and returns how long each took, sorted.
func syncs(dir string, d time.Duration) (took []time.Duration, err error) {
	file, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	block := make([]byte, 4096)
	for began := time.Now(); time.Since(began) < d; {
		one := time.Now()
		if _, err := file.Write(block); err != nil {
			return nil, err
		}
		if err := file.Sync(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(one))
	}
	slices.Sort(took)
	return took, nil
}

// streamed is how many questions one stream asks in a round.
const streamed = 200_000

// stream measures checks as lines of one stream.
func (s *served) stream(ctx context.Context, o Options) (Figure, error) {
	f := Figure{Name: "checks in a stream", Unit: "checks/s", Note: fmt.Sprintf("one connection, %d lines of NDJSON each way", streamed)}
	var lines []byte
	for i := range streamed {
		lines = append(append(append(lines, `{"correlation_id":"`...), strconv.Itoa(i)...), `","number":"`...)
		lines = append(append(lines, number(i)...), `","purpose":"marketing","channel":"sms"}`+"\n"...)
	}
	for i := range o.Rounds {
		o.Progress(fmt.Sprintf("checks in a stream, round %d", i+1))
		began := time.Now()
		if err := s.ask(ctx, lines); err != nil {
			return f, err
		}
		f.Rounds = append(f.Rounds, streamed/time.Since(began).Seconds())
	}
	return f, nil
}

var errLines = errors.New("the stream was not answered line by line")

func (s *served) ask(ctx context.Context, lines []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr+"/v1/checks/batch", bytes.NewReader(lines))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	answers, n := bufio.NewReaderSize(res.Body, 256<<10), 0
	for {
		_, err := answers.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		n++
	}
	if n != streamed || res.StatusCode != http.StatusOK {
		return errLines
	}
	return nil
}
