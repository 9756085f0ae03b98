package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/server"
)

// bench measures one server.
type bench struct {
	cmd    *benchCmd
	app    *App
	server *server.Server
	key    string
	told   atomic.Uint64 // acts recorded, for event ids
}

// fictional returns the nth of 100,000 numbers that reach nobody; they come again from the beginning.
func fictional(n uint64) phone.Number {
	return 353_20_910_0000 + phone.Number(n%100_000) // ComReg: for use in drama
}

func allocated() (n uint64) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// checks asks the index, in rounds that are timed as a whole: a clock read costs as much as a check.
func (b *bench) checks() figure {
	const round = 1000
	q := check.Question{Brand: []byte("harbour-coffee"), Purpose: []byte("marketing"), Channel: consent.SMS}
	times := make([]time.Duration, 0, 1<<20) // room enough, so that to grow does not count as what a check allocates
	before, began, n := allocated(), b.app.Now(), uint64(0)
	for b.app.Now().Sub(began) < b.cmd.Time {
		start := b.app.Now()
		for range round {
			q.Number = 1_212_555_0100 + phone.Number(n%100)
			n++
			v := b.server.Index.Check(q)
			runtime.KeepAlive(&v)
		}
		times = append(times, b.app.Now().Sub(start)/round)
	}
	took := b.app.Now().Sub(began)
	f := figureOf("check in process", int(n), took, times)
	f.Allocs = float64(allocated()-before) / float64(n)
	f.Note = fmt.Sprintf("one caller, %s records", count(b.server.Index.Stats().Records))
	return f
}

func figureOf(name string, n int, took time.Duration, times []time.Duration) figure {
	f := figure{Name: name, PerSecond: float64(n) / took.Seconds()}
	if len(times) > 0 {
		slices.Sort(times)
		f.Median, f.P99 = times[len(times)/2], times[len(times)*99/100]
	}
	return f
}

func (b *bench) report() act.Report {
	n := b.told.Add(1)
	return act.Report{
		Number: fictional(n).String(), Purpose: "marketing", Channel: consent.SMS, Act: consent.Granted, Source: consent.WebForm,
		EventID: fmt.Sprintf("bench-%d", n),
	}
}

// appendOne records single acts from many callers, each of whom waits for its own to be on disk.
func (b *bench) appendOne(ctx context.Context) (figure, error) {
	return b.many("record one act, in process", fmt.Sprintf("%d callers, each act on disk before the next", b.cmd.Connections), func() (int, error) {
		return 1, b.record(ctx, 1)
	})
}

// appendMany records acts as an import does.
func (b *bench) appendMany(ctx context.Context) (figure, error) {
	f, err := b.many("record in batches, in process", fmt.Sprintf("%d acts a batch, as an import does", parcelRows), func() (int, error) {
		return parcelRows, b.record(ctx, parcelRows)
	}, hands)
	f.Median, f.P99 = 0, 0 // of a batch, which says little
	return f, err
}

func (b *bench) record(ctx context.Context, n int) error {
	reports := make([]act.Report, n)
	for i := range reports {
		reports[i] = b.report()
	}
	results, err := b.server.Recorder.Record(ctx, access.Local, reports)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

// many runs do from several goroutines until the time is over, and times each call.
func (b *bench) many(name, note string, do func() (int, error), callers ...int) (figure, error) {
	workers := b.cmd.Connections
	if len(callers) > 0 {
		workers = callers[0]
	}
	var done atomic.Int64
	var failed error
	var mu sync.Mutex
	var all []time.Duration
	var group sync.WaitGroup
	before, began := allocated(), b.app.Now()
	for range workers {
		group.Go(func() {
			var times []time.Duration
			var err error
			for err == nil && b.app.Now().Sub(began) < b.cmd.Time {
				start := b.app.Now()
				var n int
				n, err = do()
				done.Add(int64(n))
				times = append(times, b.app.Now().Sub(start))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, times...)
			failed = errors.Join(failed, err)
		})
	}
	group.Wait()
	took := b.app.Now().Sub(began)
	f := figureOf(name, int(done.Load()), took, all)
	f.Allocs, f.Note = float64(allocated()-before)/float64(max(done.Load(), 1)), note
	return f, failed
}

// requests measures over HTTP on this machine's loopback.
func (b *bench) requests(ctx context.Context, addr string) ([]figure, error) {
	reference, stop, err := emptyServer(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	transport := &http.Transport{MaxIdleConnsPerHost: b.cmd.Connections, MaxConnsPerHost: b.cmd.Connections, DisableCompression: true}
	defer transport.CloseIdleConnections()
	post := poster{client: &http.Client{Transport: transport}, key: b.key}
	question := []byte(`{"number":"+12125550123","brand":"harbour-coffee","purpose":"marketing","channel":"sms"}`)
	note := fmt.Sprintf("%d connections; load generator on the same CPUs", b.cmd.Connections)
	var out []figure
	for _, m := range []struct {
		name string
		do   func() (int, error)
	}{
		{"empty handler over HTTP", func() (int, error) { return 1, post.do(ctx, reference, question) }},
		{"POST /v1/checks", func() (int, error) { return 1, post.do(ctx, "http://"+addr+"/v1/checks", question) }},
		{"POST /v1/consents", func() (int, error) {
			p := b.report()
			w := wireOf(&p)
			line, err := encodeLine(w)
			if err != nil {
				return 0, err
			}
			return 1, post.do(ctx, "http://"+addr+"/v1/consents", line)
		}},
	} {
		f, err := b.many(m.name, note, m.do)
		if err != nil {
			return out, fmt.Errorf("%s: %w", m.name, err)
		}
		out = append(out, f)
	}
	return out, nil
}

// poster is the load generator: net/http's own client.
type poster struct {
	client *http.Client
	key    string
}

func (p poster) do(ctx context.Context, url string, body []byte) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Authorization", "Bearer "+p.key)
	answer, err := p.client.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("answered %s", answer.Status)
	}
	return nil
}

// emptyServer serves a handler that reads the body and answers as many bytes as a verdict has.
func emptyServer(ctx context.Context) (url string, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	answer := bytes.Repeat([]byte("x"), 400)
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a caller that leaves shows in its own figures
		_, _ = w.Write(answer)
	})}
	go func() { _ = s.Serve(listener) }() // it ends when it is closed
	return "http://" + listener.Addr().String() + "/", func() { _ = s.Close() }, nil
}
