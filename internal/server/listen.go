package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/heard"
	"github.com/consentline/consentline/internal/httpapi"
)

// Listening says where and how a server answers. The zero value answers on the Unix socket alone.
type Listening struct {
	Addr    string        // of TCP, such as 127.0.0.1:8080; empty: none
	Version string        // of the program, as it tells of itself
	Grace   time.Duration // that calls under way get at the end; zero means 15 s

	// GatewayTwilio and GatewaySMPP are the addresses of the gateways; empty: none.
	GatewayTwilio, GatewaySMPP string

	// Ready, unless nil, is called once everything listens, with the TCP address, nil if there is none. GatewayReady,
	// unless nil, is called before it, with the name and the address of each gateway.
	Ready        func(net.Addr)
	GatewayReady func(name string, addr net.Addr)
}

// API returns the REST interface over what the server has opened.
func (s *Server) API(version string) *httpapi.API {
	var cites check.Citations
	if s.Rules != nil {
		cites = s.Rules
	}
	api := httpapi.New(httpapi.Config{
		Citations: cites, Rules: s.Rules, Attempts: s.Attempts,
		Ledger: s.Ledger, Index: s.Index, Catalog: s.Catalog, Lists: s.Lists, Gate: s.Gate, People: s.People, Recorder: s.Recorder,
		Tree: s.Tree, Signer: s.Signer, Forms: s.Forms, Feed: s.Feed, Node: s.Node, Now: s.Now, Log: s.Log, Version: version, Metrics: s.Metrics,
		Confirm: s.confirmer(), Destinations: s.destinationFigures,
	})
	api.Converse(s.Conversations)
	api.KeepInStep(s.Sync)
	api.Reconcile(s.Reconciler)
	api.Hear(&heard.Listener{Engine: s.Sync, Ledger: s.Ledger, Recorder: s.Recorder, Now: s.Now}, s.Conversations.Providers.URL)
	return api
}

// Serve answers on the Unix socket in the data directory and on TCP, and sends what is to be sent, until ctx ends. Then it
// finishes what is under way.
func (s *Server) Serve(ctx context.Context, l Listening) error {
	var d doors
	addr, err := s.openDoors(ctx, l, &d)
	if err != nil {
		for _, open := range d.listeners {
			err = errors.Join(err, open.Close())
		}
		return err
	}
	// What runs beside the calls goes on until they have ended: their answers are still to be sent.
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { s.converse(beside) })
	for _, run := range d.beside {
		running.Go(func() { run(beside) })
	}
	running.Go(func() { s.keepInStep(beside) })
	ended := make(chan error, len(d.listeners))
	for i, serve := range d.serve {
		running.Go(func() { ended <- serve(beside, d.listeners[i]) })
	}
	if l.Ready != nil {
		l.Ready(addr)
	}
	select {
	case err = <-ended: // of itself: it did not fail to start, it failed to go on
	case <-ctx.Done():
	}
	grace := l.Grace
	if grace == 0 {
		grace = 15 * time.Second
	}
	err = errors.Join(err, shutdown(d.servers, grace))
	stop()
	running.Wait()
	return err
}

// doors are the listeners of a server with what serves each of them.
type doors struct {
	listeners []net.Listener
	serve     []func(context.Context, net.Listener) error
	servers   []*http.Server // those that are shut down with grace; the others end with their context
	beside    []func(context.Context)
}

func (d *doors) add(l net.Listener, serve func(context.Context, net.Listener) error) {
	d.listeners, d.serve = append(d.listeners, l), append(d.serve, serve)
}

func (d *doors) addHTTP(l net.Listener, server *http.Server) {
	d.servers = append(d.servers, server)
	d.add(l, func(_ context.Context, l net.Listener) error { return server.Serve(l) })
}

// openDoors listens everywhere, and returns the TCP address of the interface. After an error, what is open is the caller's.
func (s *Server) openDoors(ctx context.Context, l Listening, d *doors) (addr net.Addr, err error) {
	api := s.API(l.Version)
	if l.Addr != "" {
		public, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.Addr)
		if err != nil {
			return nil, err
		}
		addr = public.Addr()
		d.addHTTP(public, s.httpServer(s.withFaces(api.Handler())))
	}
	if err := s.openGateways(ctx, l, d); err != nil {
		return nil, err
	}
	// The socket comes last: other commands take it for the sign that the server is there.
	local, err := listenSocket(ctx, s.DataDir)
	if err != nil {
		return nil, fmt.Errorf("listen on the socket: %w", err)
	}
	d.addHTTP(local, s.httpServer(api.LocalHandler()))
	return addr, nil
}

// The limits of a call. Routes with streamed bodies lift bodyTimeout and keep their own.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = time.Minute
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

func (s *Server) httpServer(h http.Handler) *http.Server {
	stopping, stop := context.WithCancel(context.Background())
	server := &http.Server{
		Handler:           &patience{next: h, stopping: stopping},
		ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	server.RegisterOnShutdown(stop)
	return server
}

// shutdown lets calls under way end, and cuts those that do not within the grace. What was acknowledged is committed
// already; what is cut was not acknowledged.
func shutdown(servers []*http.Server, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	ended := make(chan error, len(servers))
	for _, server := range servers {
		go func() {
			err := server.Shutdown(ctx)
			if errors.Is(err, context.DeadlineExceeded) {
				err = errors.Join(fmt.Errorf("calls were cut after %s", grace), server.Close())
			}
			ended <- err
		}()
	}
	var err error
	for range servers {
		err = errors.Join(err, <-ended)
	}
	return err
}
