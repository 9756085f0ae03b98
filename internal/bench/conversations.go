package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/messaging/generic"
	"github.com/consentline/consentline/internal/messaging/providers"
	"github.com/consentline/consentline/internal/messaging/smpp"
	"github.com/consentline/consentline/internal/messaging/twilio"
	"github.com/consentline/consentline/internal/server"
)

// The sender of what is measured, and the secret that signs what people write to it.
const (
	benchSender = "21610"
	benchKey    = "a secret of the benchmark, 32 byt"
	benchSecret = "whsec_YSBzZWNyZXQgb2YgdGhlIGJlbmNobWFyaywgMzIgYnl0"
)

// conversed measures what people write, and what applications send through the gateways, each beside the same without
// us: the provider is one of our own that answers at once.
func conversed(ctx context.Context, o Options, dir string) (figures []Figure, err error) {
	up, err := upstreams(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, up.close()) }()
	t, err := talk(ctx, filepath.Join(dir, "talk"), up)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	for _, measure := range []func(context.Context, Options) (Figure, error){
		t.messages, t.submits, // before everybody withdraws
		func(ctx context.Context, o Options) (Figure, error) { return t.stops(ctx, o, dir) },
	} {
		f, err := measure(ctx, o)
		if err != nil {
			return figures, fmt.Errorf("measure %s: %w", f.Name, err)
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// upstream is a provider of our own, which takes everything at once.
type upstream struct {
	http, smpp net.Listener
	server     *http.Server
	stop       context.CancelFunc
	running    sync.WaitGroup
	ended      chan error
}

func upstreams(ctx context.Context) (u *upstream, err error) {
	u = &upstream{ended: make(chan error, 1)}
	if u.http, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if u.smpp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(err, u.http.Close())
	}
	ctx, u.stop = context.WithCancel(ctx)
	u.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"sid":"SM1"}`)) // whoever measures has gone: the run is over
	})}
	go func() { u.ended <- u.server.Serve(u.http) }()
	u.running.Go(func() {
		for {
			conn, err := u.smpp.Accept()
			if err != nil {
				return
			}
			s := smpp.NewSession(conn, smpp.SessionConfig{Handler: takeAll, Window: 256})
			u.running.Go(func() { _ = s.Run(ctx) }) // however it ends, the run counts the answers
		}
	})
	return u, nil
}

func takeAll(_ context.Context, p smpp.Packet) (smpp.Status, []byte) {
	if p.Command.IsBind() {
		return smpp.OK, []byte("SMSC\x00")
	}
	return smpp.OK, []byte("1\x00")
}

func (u *upstream) close() error {
	u.stop()
	err := errors.Join(u.server.Close(), u.smpp.Close())
	if ended := <-u.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	u.running.Wait()
	return err
}

// talking is a server with its gateways open, before providers of our own.
type talking struct {
	up                 *upstream
	addr, twilio, smpp string
	stop               func() error
	event              atomic.Int64
}

// talk opens a ledger in which everybody has agreed to marketing and serves it with both gateways.
func talk(ctx context.Context, dir string, up *upstream) (*talking, error) {
	s, err := server.Open(ctx, server.Config{DataDir: dir, Rules: server.NoRules, Providers: providers.Config{
		Generic: &generic.Config{Secrets: []string{benchSecret}},
		Twilio:  &twilio.Config{AccountSID: "AC1", AuthToken: "token", BaseURL: "http://" + up.http.Addr().String()},
		SMPP:    &smpp.Config{Address: up.smpp.Addr().String(), SystemID: "bench", Password: "bench"},
	}})
	if err != nil {
		return nil, err
	}
	_, err = s.Catalog.CreateSender(ctx, "bench", catalog.Sender{
		ID: "bench", Brand: "default", Kind: "short_code", Address: benchSender, Channel: consent.SMS, Purpose: "marketing",
	})
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
	t := &talking{up: up}
	running, cancel := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.Serve(running, server.Listening{
			Addr: "127.0.0.1:0", GatewayTwilio: "127.0.0.1:0", GatewaySMPP: "127.0.0.1:0", Version: "bench",
			GatewayReady: func(name string, a net.Addr) {
				if name == "smpp" {
					t.smpp = a.String()
					return
				}
				t.twilio = a.String()
			},
			Ready: func(a net.Addr) {
				t.addr = a.String()
				close(ready)
			},
		})
	}()
	t.stop = func() error {
		cancel()
		return errors.Join(<-ended, s.Close())
	}
	select {
	case <-ready:
		return t, nil
	case err := <-ended:
		cancel()
		return nil, errors.Join(err, s.Close())
	}
}

// writers is how many people write at once.
const writers = 4

// stops measures how long a STOP takes from the provider's callback to the answer, which comes once the withdrawal is
// committed and in force.
func (t *talking) stops(ctx context.Context, o Options, dir string) (Figure, error) {
	f := Figure{
		Name: "STOP by webhook, 99th percentile", Unit: "ms", Reference: "4 KiB appended and synced to a file, 99th percentile",
		Note: fmt.Sprintf("%d callbacks at once, signed; each makes an act and is answered once that is committed and in force; aim: at most 20 ms", writers),
	}
	load := Load{Addr: t.addr, Connections: writers, For: o.Round, Status: http.StatusOK, Request: func(dst []byte, _, _ int) []byte {
		n := t.event.Add(1)
		id, now := "e"+strconv.FormatInt(n, 10), strconv.FormatInt(time.Now().Unix(), 10)
		body := `{"id":"` + id + `","number":"` + number(int(n)*7919) + `","sender":"` + benchSender + `","text":"STOP"}`
		return append(dst, "POST /v1/inbound/generic HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nWebhook-Id: "+id+
			"\r\nWebhook-Timestamp: "+now+"\r\nWebhook-Signature: v1,"+messaging.SHA256Base64(benchKey, id, ".", now, ".", body)+
			"\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body...)
	}}
	for i := range o.Rounds {
		o.Progress(fmt.Sprintf("STOP by webhook, round %d", i+1))
		took, err := load.times(ctx)
		if err != nil {
			return f, err
		}
		beside, err := syncs(dir, o.Round/4)
		if err != nil {
			return f, err
		}
		f.Rounds, f.Beside = append(f.Rounds, quantile(took, 0.99)), append(f.Beside, quantile(beside, 0.99))
	}
	return f, nil
}

// messages measures what the gateway for Twilio adds to a message: the same call with and without it.
func (t *talking) messages(ctx context.Context, o Options) (Figure, error) {
	f := Figure{
		Name: "message through the Twilio gateway, median", Unit: "ms", Reference: "the same call to the provider itself",
		Note: "4 connections, to a provider on this machine that answers at once: the difference is what the gateway adds; aim: at most 1 ms",
	}
	load := Load{Connections: 4, For: o.Round, Status: http.StatusOK, Request: func(dst []byte, c, n int) []byte {
		body := "To=%2B" + number(c*31 + n)[1:] + "&From=" + benchSender + "&Body=Hello"
		return append(dst, "POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic QUMxOnRva2Vu\r\n"+
			"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body...)
	}}
	for i := range o.Rounds {
		o.Progress(fmt.Sprintf("messages through the gateway, round %d", i+1))
		for _, way := range []struct {
			addr string
			into *[]float64
		}{{t.twilio, &f.Rounds}, {t.up.http.Addr().String(), &f.Beside}} {
			load.Addr = way.addr
			took, err := load.times(ctx)
			if err != nil {
				return f, err
			}
			*way.into = append(*way.into, quantile(took, 0.5))
		}
	}
	return f, nil
}

// submits measures submit_sm through the proxy, beside the same to the message centre itself.
func (t *talking) submits(ctx context.Context, o Options) (Figure, error) {
	f := Figure{
		Name: "submit_sm through the SMPP proxy", Unit: "submits/s", Reference: "the same to the message centre itself",
		Note: "one session, 64 commands on their way; each is checked; aim: 2,000 a second",
	}
	for i := range o.Rounds {
		o.Progress(fmt.Sprintf("submits through the proxy, round %d", i+1))
		for _, way := range []struct {
			addr string
			into *[]float64
		}{{t.smpp, &f.Rounds}, {t.up.smpp.Addr().String(), &f.Beside}} {
			rate, err := submit(ctx, way.addr, o.Round)
			if err != nil {
				return f, err
			}
			*way.into = append(*way.into, rate)
		}
	}
	return f, nil
}

var errSubmit = errors.New("a message was not taken")

// submit binds, and sends for a while as fast as messages are answered.
func submit(ctx context.Context, addr string, d time.Duration) (perSecond float64, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	s := smpp.NewSession(conn, smpp.SessionConfig{Window: connections})
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) }) // what it ends with, the commands under way tell
	defer running.Wait()
	defer s.Close()
	bind := smpp.Bind{SystemID: "app", Password: "bench", Version: 0x34}
	if p, err := s.Request(ctx, smpp.BindTransceiver, bind.Append(nil)); err != nil || p.Status != smpp.OK {
		return 0, errors.Join(errSubmit, err)
	}
	var answered atomic.Int64
	failures := make([]error, connections)
	var senders sync.WaitGroup
	began := time.Now()
	for c := range connections {
		senders.Go(func() {
			short := smpp.Split("Hello", 1)[0]
			short.Source = smpp.Address{TON: 3, NPI: 1, Number: benchSender}
			for n := 0; n == 0 || time.Since(began) < d; n++ {
				short.Destination = smpp.International(number(c*31 + n)[1:])
				p, err := s.Request(ctx, smpp.SubmitSM, short.Append(nil))
				if err != nil || p.Status != smpp.OK {
					failures[c] = errors.Join(errSubmit, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	senders.Wait()
	return float64(answered.Load()) / time.Since(began).Seconds(), errors.Join(failures...)
}
