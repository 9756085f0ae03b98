package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/httpapi"
)

// Listening says where and how a server answers. The zero value answers on the Unix socket alone.
type Listening struct {
	Addr    string        // of TCP, such as 127.0.0.1:8080; empty: none
	Version string        // of the program, as it tells of itself
	Grace   time.Duration // that calls under way get at the end; zero means 15 s

	// Ready, unless nil, is called once everything listens, with the TCP address, nil if there is none.
	Ready func(net.Addr)
}

// API returns the REST interface over what the server has opened.
func (s *Server) API(version string) *httpapi.API {
	var cites check.Citations
	if s.Rules != nil {
		cites = s.Rules
	}
	return httpapi.New(httpapi.Config{
		Citations: cites, Rules: s.Rules, Attempts: s.Attempts,
		Ledger: s.Ledger, Index: s.Index, Catalog: s.Catalog, Lists: s.Lists, Gate: s.Gate, Recorder: s.Recorder,
		Tree: s.Tree, Signer: s.Signer, Feed: s.Feed, Now: s.Now, Log: s.Log, Version: version, Metrics: s.Metrics,
	})
}

// Serve answers on the Unix socket in the data directory and on TCP until ctx ends, then finishes what is under way.
func (s *Server) Serve(ctx context.Context, l Listening) error {
	api := s.API(l.Version)
	var servers []*http.Server
	var listeners []net.Listener
	var addr net.Addr
	if l.Addr != "" {
		public, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.Addr)
		if err != nil {
			return err
		}
		addr = public.Addr()
		servers, listeners = append(servers, s.httpServer(s.withFaces(api.Handler()))), append(listeners, public)
	}
	// The socket comes last: other commands take it for the sign that the server is there.
	local, err := listenSocket(ctx, s.DataDir)
	if err != nil {
		err = fmt.Errorf("listen on the socket: %w", err)
		for _, other := range listeners {
			err = errors.Join(err, other.Close())
		}
		return err
	}
	servers, listeners = append(servers, s.httpServer(api.LocalHandler())), append(listeners, local)
	ended := make(chan error, len(servers))
	for i, server := range servers {
		go func() { ended <- server.Serve(listeners[i]) }()
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
	return errors.Join(err, shutdown(servers, grace))
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
